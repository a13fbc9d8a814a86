"""Poisoned labels are told from clean ones, and no model of them becomes champion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assets.ranking.live import LiveDay
from assets.ranking.promotion_labels import UsualDay, judge_labels

USUAL = UsualDay(auc=0.70, click_rate=0.22)


def clean_day(seed: int = 1, exposures: int = 24_000) -> LiveDay:
    """A simulated day: clicks drawn from calibrated scores; items of five providers."""
    rng = np.random.default_rng(seed)
    scores = 1 / (1 + np.exp(-rng.normal(-1.5, 0.9, exposures)))
    return LiveDay(
        "2026-03-03",
        rng.random(exposures) < scores,
        rng.integers(0, 800, exposures),
        np.arange(exposures) * 24 // exposures,
        np.full(exposures, -1),
        scores={"fm": scores},
        static={"fm": scores},
        item_fields=rng.integers(0, 5, (exposures, 1)),
    )


def inverted(live: LiveDay, rows: np.ndarray) -> LiveDay:
    """The day with the clicks of some rows turned round."""
    return replace(live, clicked=live.clicked ^ rows)


POISONS = {
    "all clicks inverted": lambda live: inverted(live, np.ones(len(live.clicked), bool)),
    "half a day inverted": lambda live: inverted(live, live.hour >= 12),
    "shuffled clicks": lambda live: replace(live, clicked=np.random.default_rng(9).permutation(live.clicked)),
    "no clicks at all": lambda live: replace(live, clicked=np.zeros(len(live.clicked), bool)),
    "no clicks for half a day": lambda live: replace(live, clicked=live.clicked & (live.hour < 12)),
    "one provider's items inverted": lambda live: inverted(live, live.item_fields[:, 0] == 2),
}


@pytest.mark.parametrize("seed", range(8))
def test_clean_days_pass(seed):
    verdict = judge_labels(clean_day(seed), "fm", USUAL)
    assert verdict.faults == () and verdict.judged == 24_000


@pytest.mark.parametrize("poison", POISONS)
def test_each_poison_is_named_with_day_figure_and_remedy(poison):
    verdict = judge_labels(POISONS[poison](clean_day()), "fm", USUAL)
    assert verdict.faults and all(fault.startswith("2026-03-03") for fault in verdict.faults)
    assert "hourfold models promote" in verdict.reason


def test_the_provider_and_the_hours_are_named():
    provider = judge_labels(POISONS["one provider's items inverted"](clean_day()), "fm", USUAL)
    named = [fault for fault in provider.faults if "category" in fault]
    assert named and all("category 2 in field 0" in fault for fault in named)
    half = judge_labels(POISONS["half a day inverted"](clean_day()), "fm", USUAL)
    hours = [int(f.split("hour ")[1][:2]) for f in half.faults if "hour " in f]
    assert hours and min(hours) >= 12


def test_without_a_model_from_before_it_says_that_nothing_was_judged():
    verdict = judge_labels(replace(clean_day(), static={}), "fm", UsualDay())
    assert verdict.faults == () and "not judged" in verdict.reason


def test_the_table_of_the_page_is_what_is_computed():
    from tests.assets.ranking.poison_table import PAGE, with_table

    assert PAGE.read_text() == with_table(PAGE.read_text()), "python -m tests.assets.ranking.poison_table"
