"""The study of modalities on a toy shop: every system is there, and labels are those of the date."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assets.experiments.profilers.data import evaluation_of
from assets.experiments.profilers.evaluation import PurchaseSource
from assets.experiments.profilers.run import profile_eval
from assets.experiments.profilers.settings import ProfileEvalSettings
from assets.experiments.profilers.systems import PROFILE_SYSTEMS
from models.profiling.data import Labels, ProfileData
from models.profiling.modality import MODALITIES
from tests.models.profiling.toy import AS_OF, toy_heatmaps, toy_log

USERS, HORIZON = 100, 60
ASKED = ("modality_none", "modality_purchases", "modality_all", "modality_labels", "modality_without_labels")


def shop() -> PurchaseSource:
    """A shop whose table of labels says whether a user bought an even number of times until the date."""
    log = toy_log(users=USERS, brands=24, genres=6, days=300, per_user=30)
    ids = np.array([f"u{user:05d}" for user in range(USERS)])

    def before(day: int) -> ProfileData:
        known = log.before(day)
        data = ProfileData(day, ids, (toy_heatmaps(known, day, USERS),), known)
        return replace(data, labels=Labels(("even",), even(known)))

    return PurchaseSource("landing", True, "hash", ids, log, before)


def even(log) -> np.ndarray:
    return (np.bincount(log.user, minlength=USERS) % 2 == 0).astype(np.float32)[:, None]


def asked(**changes) -> ProfileEvalSettings:
    fields = {"source": "landing", "as_of": str(np.datetime64(AS_OF, "D")), "horizon": HORIZON, "brands": 3}
    return ProfileEvalSettings.model_validate(
        fields | {"size": "tiny", "table": "modalities", "systems": ",".join(ASKED)} | changes
    )


def test_none_all_each_alone_and_each_left_out_are_systems():
    names = {"none", "all", *MODALITIES, *(f"without_{one}" for one in MODALITIES)}
    assert set(asked(systems="all").systems) == {f"modality_{name}" for name in names}
    assert set(MODALITIES) == {"purchases", "heatmap", "points", "labels", "demographics"}


def test_labels_of_the_window_s_start_are_those_of_that_day():
    source = shop()
    evaluation = evaluation_of(source, asked())
    start = AS_OF - min(92, (AS_OF - int(source.purchases.day[0])) // 3)
    np.testing.assert_array_equal(evaluation.earlier.value, even(source.purchases.before(start)))
    assert not np.array_equal(evaluation.earlier.value, evaluation.data.labels.value)
    assert evaluation_of(source, asked(table="brands", systems="prior")).earlier is None


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return profile_eval(asked(), shop(), tmp_path_factory.mktemp("out") / "f.json")


def test_the_study_scores_every_system_and_sets_it_against_its_reference(result):
    assert [entry.system for entry in result.summary] == list(ASKED) and not result.failed
    against = {entry.system: {line.system for line in entry.against} for entry in result.summary}
    assert against == {
        "modality_none": {"modality_purchases"},
        "modality_purchases": set(),
        "modality_all": {"modality_purchases"},
        "modality_labels": {"modality_purchases"},
        "modality_without_labels": {"modality_all"},
    }
    assert set(PROFILE_SYSTEMS) >= set(ASKED)
    assert all(entry.at(None).auroc is not None for entry in result.summary)
