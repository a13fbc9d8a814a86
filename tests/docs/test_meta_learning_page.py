"""docs/results/meta-learning.md: every number comes from the JSON, and the page in the repository is its."""

from __future__ import annotations

import re

import numpy as np
import pytest

from assets.experiments.number_format import number, signed
from docs.pages.meta_learning import AGES, HOURS, page, with_error
from tests.docs.builders import DOCS, builder_of

STORED = DOCS / "results" / "data" / "meta-learning.json"
TRAININGS = {"meta": "temporal MAML", "control": "the same without inner step"}


@pytest.fixture
def study():
    rng = np.random.default_rng(0)

    def figures(against: str | None) -> dict:
        pair = lambda: rng.normal(0.002, 0.001, 2).round(4).tolist()  # noqa: E731
        others = {} if against is None else {against: pair()}
        losses = {} if against is None else {against: pair()}
        return {"auc": rng.random(), "gain": pair(), "against": others, "loss_against": losses}

    segments = ("all", *HOURS, *AGES)
    log = {
        name: {
            step: {s: figures("control" if name == "meta" else None) for s in segments}
            for step in ("still", "two_speed")
        }
        for name in TRAININGS
    }
    step = {"support": "1 h before", "step": "everything, .01", "loss": -0.0003, "loss_error": 0.0001}
    return {
        "about": {"days": "two days"},
        "trainings": {"lsttm": {**TRAININGS, "other": "of another log"}},
        "figures": {"kr": log},
        "inner_steps": [
            {"log": "kr", **step, "auc": 0.0012, "auc_error": 0.0007, "shift": 0.02, "spread": 0.01}
        ],
    }


def test_tables_hold_every_training_segment_and_error(study):
    text = page(
        study,
        "\n\n".join(f"{{{{{part} kr lsttm control two_speed}}}}" for part in ("day", "hours", "ages")),
    )
    for name, label in TRAININGS.items():
        its = study["figures"]["kr"][name]["two_speed"]
        assert label in text and number(its["all"]["auc"]) in text
        assert all(with_error(its[s]["gain"]) in text for s in (*HOURS, *AGES))
    assert "0–4 h" in text and "over 24 h" in text
    against = study["figures"]["kr"]["meta"]["two_speed"]["a3"]["against"]["control"]
    assert f"{signed(against[0])} ± {number(against[1])}" in text


def test_sentences_and_steps_hold_the_figures_they_name(study):
    text = page(
        study, "{{about days}}: {{difference kr meta control two_speed a1}}, {{gain kr meta two_speed}}"
    )
    its = study["figures"]["kr"]["meta"]["two_speed"]
    assert text.strip() == (
        f"two days: {with_error(its['a1']['against']['control'])}, {with_error(its['all']['gain'])}"
    )
    assert "−.0003 ± .0001 | +.0012 ± .0007 | +0.020 | 0.010" in page(study, "{{steps kr}}")


def test_a_figure_that_the_study_has_not_is_named(study):
    with pytest.raises(ValueError, match="no such figure"):
        page(study, "{{gain kr nobody two_speed}}")


@pytest.mark.skipif(not STORED.exists(), reason="no study is stored in docs/results/data")
def test_the_page_in_the_repository_is_what_is_stored(tmp_path):
    builder = builder_of("build_meta_learning")
    results = tmp_path / "results"
    for part in ("data/meta-learning.json", "parts/meta-learning.txt"):
        (results / part).parent.mkdir(parents=True)
        (results / part).write_text((DOCS / "results" / part).read_text())
    assert builder.main(tmp_path) == 0
    written = (results / "meta-learning.md").read_text()
    assert written == (DOCS / "results" / "meta-learning.md").read_text()
    assert not re.search(r"\{\{", written)
