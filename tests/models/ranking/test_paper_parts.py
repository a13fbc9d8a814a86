"""The parts of a system, read from its settings."""

from __future__ import annotations

import pytest

from models.ranking.lsttm.variants import LSTTM_PAPER, LSTTM_SPECTRAL
from models.ranking.paper_parts import PARTS, held, removed
from models.ranking.registry import SYSTEMS
from models.ranking.training.rates import MetaSettings

PAPER = [name for name, part in PARTS.items() if part.of_paper]


def settings(name):
    return SYSTEMS[name].real


def of_paper(name):
    return [part for part in PAPER if held(settings(name))[part]]


def test_the_papers_model_holds_all_its_parts_and_the_best_of_ours_does_not():
    assert of_paper("lsttm") == of_paper("lsttm_printed") == PAPER
    assert of_paper("lsttm_spectral") == ["long_term_graph", "gate"]
    assert (
        held(settings("lsttm_spectral"))["factors"] == held(settings("din_typed"))["typed_events"] == "ours"
    )
    assert held(settings("lsttm_typed"))["short_term_graph"] == "ours"
    assert of_paper("deepfm") == of_paper("din_typed") == of_paper("sml") == []
    assert held(settings("lightgbm"))["numbers"] == "ours", "trees read every count as a number"


@pytest.mark.parametrize(
    "less, parts",
    [
        ("lsttm_no_meta", ("maml",)),
        ("lsttm_concat", ("gate",)),
        ("lsttm_no_external", ("long_term_graph", "gate", "external_counts")),
        ("lsttm_no_gat", ("short_term_graph", "long_term_graph")),
        ("lsttm_printed", ()),  # takes repairs away, and no part
        ("lsttm_typed", ()),
        ("lsttm_spectral", ()),
        ("deepfm", ()),
        ("lsttm", ()),
    ],
)
def test_an_ablation_is_what_lacks_parts_and_differs_in_nothing_else(less, parts):
    assert removed(settings("lsttm"), settings(less)) == parts


def test_a_changed_rate_is_no_ablation():
    whole = LSTTM_PAPER.real
    training = whole.training.model_copy(update={"learning_rate": 0.02})
    assert removed(whole, whole.model_copy(update={"meta": None, "training": training})) == ()
    assert removed(whole, whole.model_copy(update={"meta": None})) == ("maml",)
    assert removed(whole.model_copy(update={"meta": None}), whole) == (), "more is not less"


def test_meta_training_without_an_inner_step_is_none_and_in_our_form_is_ours():
    whole = LSTTM_PAPER.real
    still = whole.model_copy(update={"meta": MetaSettings(inner_rate=0.0, order=1)})
    assert not held(still)["maml"]
    assert removed(whole, still) == ("maml",)
    assert held(whole.model_copy(update={"meta": MetaSettings(order=1)}))["maml"] == "yes"
    for changed in (
        MetaSettings(inner_rates="learned"),
        MetaSettings(item_row_step="row_mean"),
        MetaSettings(inner_groups=("item_rows",)),
    ):
        assert held(whole.model_copy(update={"meta": changed}))["maml"] == "ours"


def test_parts_of_ours_are_taken_away_alike():
    whole = LSTTM_SPECTRAL.real
    assert removed(whole, whole.model_copy(update={"numbers": None})) == ("factors", "numbers")
    assert removed(whole, whole.model_copy(update={"behaviours": None})) == ("behaviours",)
    alone = whole.model_copy(update={"fusion": "short_only"})
    assert removed(whole, alone) == ("long_term_graph", "gate")


@pytest.mark.parametrize("size", ["real", "tiny"])
def test_every_system_has_an_entry_for_every_part(size):
    for name, entry in SYSTEMS.items():
        found = held(getattr(entry, size))
        assert set(found) == set(PARTS) and set(found.values()) <= {"", "yes", "ours"}, name
        assert found == held(entry.real)
