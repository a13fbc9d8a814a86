"""Paired tests of profilers, Holm's correction, what they say, and the study of modalities."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from assets.experiments.profilers.brand_report import against, modalities
from assets.experiments.profilers.paired import FIGURES, OURS, paired
from assets.experiments.profilers.rows import rows_with, table
from assets.experiments.profilers.run import profile_eval
from assets.experiments.profilers.settings import ProfileEvalSettings
from assets.experiments.profilers.systems import PROFILE_SYSTEMS
from assets.experiments.profilers.verdicts import verdicts
from models.metrics import holm
from models.metrics.growth import mean_interval
from tests.assets.experiments.profile_rows import ADVANTAGE, TARGETS, evaluated, rows
from tests.assets.experiments.test_profile_eval import BRANDS, USERS, settings, shop_of
from tests.models.profiling.toy import toy_log

GROUP = ("modality_none", "modality_purchases", "modality_demographics", "modality_all")


@pytest.fixture(scope="module")
def result():
    return evaluated()


def test_differences_are_of_brands_and_folds_at_each_support_size(result):
    for line in result.entry(OURS).against:
        ours = rows_with(result.rows, system=OURS, shots=line.shots)
        theirs = rows_with(result.rows, system=line.system, shots=line.shots)
        for figure in FIGURES:
            apart = table(ours, figure) - table(theirs, figure)
            interval = mean_interval(apart)
            assert line.value(figure) == pytest.approx(apart.mean())
            assert line.ends(figure) == interval.ends and line.p(figure) == interval.p
            assert line.wins(figure) == (apart.mean(1) > 0).sum()
        assert line.of_targets == len(TARGETS)
    assert {(line.system, line.shots) for line in result.entry(OURS).against} == {
        (system, shots) for system in ADVANTAGE if system != OURS for shots in (1, 5, 20, None)
    }


def test_holm_is_over_the_opponents_of_one_figure_and_support_size(result):
    for shots in (1, None):
        lines = [line for line in result.entry(OURS).against if line.shots == shots]
        for figure in FIGURES:
            raw = np.array([line.p(figure) for line in lines])
            assert [line.p_holm(figure) for line in lines] == pytest.approx(holm(raw).tolist())
            assert (np.array([line.p_holm(figure) for line in lines]) >= raw).all()


def test_only_the_main_system_is_set_against_the_others(result):
    assert set(paired(result.rows)) == {OURS}
    assert not result.entry("ridge").against
    assert not paired(rows({"ridge": 0.0, "activity": 0.0}))


def test_a_system_that_was_not_asked_at_one_customer_has_no_test_there():
    some = [row for row in rows(ADVANTAGE) if row.system != "ridge" or row.shots is None]
    lines = paired(some)[OURS]
    assert [line.shots for line in lines if line.system == "ridge"] == [None]


def test_verdicts_say_who_is_beaten_who_is_ahead_and_who_cannot_be_told_apart():
    stronger = evaluated({OURS: 0.03, "ridge": 0.03, "activity": 0.0, "lightgbm": 0.08})
    said = list(verdicts(stronger.summary))
    assert len(said) == 4
    one, every = (
        next(text for text in said if text.startswith(start)) for start in ("K = 1", "all customers")
    )
    for text in (one, every):
        assert f"`{OURS}` is ahead of 1 of 3 other systems" in text
        behind, open_ones = text.split("; ")[1:]
        assert behind.startswith("behind `lightgbm` (−.0") and open_ones.startswith(
            "not told apart from `ridge`"
        )
    assert not list(verdicts(evaluated({"ridge": 0.1, "activity": 0.0}).summary))


def test_the_page_shows_both_p_wins_and_intervals(result):
    text = against(result.summary)
    lines = [line for line in text.splitlines() if line.startswith("| ridge")]
    assert len(lines) == 2 and [line.split(" | ")[1] for line in lines] == ["1", "all"]
    assert "Holm" in text and f"of {len(TARGETS)} |" in lines[0] and "[" in lines[0]


def test_modalities_are_set_against_purchases_and_stay_out_of_the_other_family():
    group = {name: 0.01 * number for number, name in enumerate(GROUP)}
    made = paired(rows(ADVANTAGE | group))
    assert set(made) == {OURS, "modality_none", "modality_demographics", "modality_all"}
    assert {line.system for line in made[OURS]} == set(ADVANTAGE) - {OURS}
    for name in set(made) - {OURS}:
        assert {line.system for line in made[name]} == {"modality_purchases"}
    at_all = [line for name in set(made) - {OURS} for line in made[name] if line.shots is None]
    raw = np.array([line.p("auroc") for line in at_all])
    assert [line.p_holm("auroc") for line in at_all] == pytest.approx(holm(raw).tolist())
    (worse,) = (line for line in made["modality_none"] if line.shots is None)
    (better,) = (line for line in made["modality_all"] if line.shots is None)
    assert worse.auroc < 0 < better.auroc


def test_the_section_of_modalities_has_a_row_each_and_the_difference():
    result = evaluated({name: 0.01 * number for number, name in enumerate(GROUP)})
    text = modalities(result.summary)
    for name in ("none", "purchases", "demographics", "all"):
        assert f"| {name} | all |" in text and f"| {name} | 1 |" in text
    assert text.count("| purchases |") == 2, "no difference to itself"
    assert modalities(evaluated().summary) == "" and against(result.summary) == ""


@pytest.fixture
def stand_ins(monkeypatch):
    """The group until its systems are registered, and where they are, in their stead."""
    for name in [name for name in PROFILE_SYSTEMS if name.startswith("modality_")]:
        monkeypatch.delitem(PROFILE_SYSTEMS, name)
    for name, like in zip(GROUP, ("activity", "ridge", "cosine", "joint_logistic"), strict=True):
        monkeypatch.setitem(PROFILE_SYSTEMS, name, PROFILE_SYSTEMS[like])


def test_all_systems_are_those_of_the_table(stand_ins):
    made = {"source": "landing", "systems": "all"}
    assert ProfileEvalSettings.model_validate(made | {"table": "modalities"}).systems == GROUP
    assert not set(ProfileEvalSettings.model_validate(made).systems) & set(GROUP)
    with pytest.raises(ValidationError, match="ridge in the study of modalities"):
        ProfileEvalSettings.model_validate(made | {"table": "modalities", "systems": "ridge"})


def test_the_study_of_modalities_runs_as_the_table_of_brands(stand_ins, tmp_path):
    shop = shop_of(toy_log(users=USERS, brands=BRANDS, genres=8, days=300, per_user=50))
    chosen = settings(table="modalities", systems=("all",), targets=2, brands=4)
    told: list[str] = []
    result = profile_eval(chosen, shop, tmp_path / "f.json", tell=told.extend)
    assert {row.study for row in result.rows} == {"brands"}
    assert [entry.system for entry in result.summary] == list(GROUP)
    assert not result.entry("modality_purchases").against
    assert {line.shots for line in result.entry("modality_all").against} == {1, 5, 20, None}
    assert "| demographics | all |" in modalities(result.summary)
    assert told[0].startswith("4 target brands") and "with demographics" in told[1]


def test_the_study_is_refused_where_none_of_its_systems_is_registered(monkeypatch):
    for name in [name for name in PROFILE_SYSTEMS if name.startswith("modality_")]:
        monkeypatch.delitem(PROFILE_SYSTEMS, name)
    with pytest.raises(ValidationError, match="no system of the study of modalities"):
        ProfileEvalSettings.model_validate({"source": "landing", "table": "modalities"})


def test_a_modality_left_out_is_set_against_all_of_them():
    names = (*GROUP, "modality_without_purchases", "modality_without_points")
    advantage = dict(zip(names, (0.0, 0.02, 0.0, 0.03, 0.0, 0.03), strict=True))
    made = paired(rows(advantage))
    for name in names[-2:]:
        assert {line.system for line in made[name]} == {"modality_all"}
    at_all = [line for name in names[-2:] for line in made[name] if line.shots is None]
    raw = np.array([line.p("auroc") for line in at_all])
    assert [line.p_holm("auroc") for line in at_all] == pytest.approx(holm(raw).tolist())
    assert at_all[0].auroc == pytest.approx(-0.03, abs=0.01) and abs(at_all[1].auroc) < 0.01
    text = modalities(evaluated(advantage).summary)
    before, after = text.split("One left out: difference to all together")
    assert "| without points | all |" in before and "| without points | all |" in after
    assert "| none |" not in after
