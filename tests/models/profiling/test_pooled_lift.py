"""The pool of brands: sums, what a brand's own newcomers count, errors that hold, what chooses brands."""

from __future__ import annotations

import numpy as np
import pytest

from models.profiling.brands import NEVER, FirstPurchases
from models.profiling.lift import REACHED, LiftCurve, lift_curve
from models.profiling.pooled_lift import (
    ENOUGH_NEWCOMERS,
    UNMEASURED_WEIGHT,
    WEIGHTS,
    PooledLift,
    brands_of_all_sizes,
    like_brands,
)

EVERYBODY = np.ones(100, bool)
START, HORIZON = 100, 50


def curve_of(reached: float, newcomers: int) -> LiftCurve:
    """So much reached at every share but the whole."""
    shares = np.where(REACHED < 1, reached, 1.0)
    return LiftCurve(shares, np.zeros_like(shares), newcomers, 500)


def test_the_pool_is_newcomers_reached_by_newcomers() -> None:
    one = lift_curve(-np.arange(100.0), np.arange(100) < 10, EVERYBODY)
    other = lift_curve(np.zeros(100), np.arange(100) < 50, EVERYBODY)
    pool = PooledLift.of([one, other], silent=3)
    np.testing.assert_allclose(pool.reached, (10 * one.reached + 50 * other.reached) / 60)
    assert (pool.brands, pool.newcomers, pool.silent, pool.candidates) == (2, 60, 3, 100)
    with pytest.raises(ValueError, match="at least one brand"):
        PooledLift.of([])


def drawn(random: np.random.Generator, correlation: float, brands: int) -> list[LiftCurve]:
    """Curves of brands that differ by so much: Beta around three tenths, then chance."""
    w = 1 / correlation - 1
    sizes = random.integers(1, 60, brands)
    return [curve_of(random.binomial(n, random.beta(0.3 * w, 0.7 * w)) / n, int(n)) for n in sizes]


@pytest.mark.parametrize("correlation", [0.02, 0.1])
def test_how_much_brands_differ_is_measured(correlation: float) -> None:
    random = np.random.default_rng(1)
    weights = [PooledLift.of(drawn(random, correlation, 60)).weight for _ in range(40)]
    assert np.median(weights) == pytest.approx(1 / correlation - 1, rel=0.25)


@pytest.mark.parametrize("own", [0, 5, 40])
def test_the_error_covers_the_brand_as_often_as_it_says(own: int) -> None:
    random, hits, at = np.random.default_rng(2), 0, 5
    for _ in range(400):
        pool = PooledLift.of(drawn(random, 0.08, 20))
        w = 1 / 0.08 - 1
        true = random.beta(0.3 * w, 0.7 * w)
        curve = pool.for_brand(curve_of(random.binomial(own, true) / own, own) if own else None)
        hits += abs(curve.reached[at] - true) < 1.96 * curve.error[at]
    assert 0.9 < hits / 400 <= 0.99


def test_a_brand_speaks_for_itself_the_more_newcomers_it_has() -> None:
    pool = PooledLift.of([curve_of(0.2, 30), curve_of(0.3, 30), curve_of(0.4, 30)])
    none = pool.for_brand(None)
    np.testing.assert_allclose(none.reached, pool.reached)
    assert (none.error > pool.error).all(), "one brand is less certain than the mean of brands"
    assert (none.brands, none.newcomers) == (3, 90)
    before = none
    for came in (2, 20, 2_000):
        curve = pool.for_brand(curve_of(0.8, came))
        assert curve.reached[3] > before.reached[3] and curve.error[3] < before.error[3]
        assert (curve.brands, curve.newcomers) == (4, 90 + came)
        assert (np.diff(curve.reached) >= -1e-12).all()
        before = curve
    assert before.reached[3] > 0.75


def test_few_brands_measure_no_difference() -> None:
    assert PooledLift.of([curve_of(0.2, 9), curve_of(0.9, 9)]).weight == UNMEASURED_WEIGHT
    assert PooledLift.of([curve_of(0.2, 1)] * 9).weight == UNMEASURED_WEIGHT, "one newcomer each"
    assert PooledLift.of([curve_of(1.0, 9)] * 9).weight == UNMEASURED_WEIGHT
    assert PooledLift.of([curve_of(0.3, 9)] * 9).weight == WEIGHTS[1]
    assert PooledLift.of([curve_of(0.0, 90), curve_of(1.0, 90)] * 5).weight == WEIGHTS[0]
    assert (PooledLift.of([curve_of(1.0, 9)] * 9).for_brand(None).error > 0).all(), "no certainty"


def shop(rows: list[tuple[int, int, int]], users: int = 500) -> FirstPurchases:
    """Brands by (customers long before, newcomers of the horizon before the start, newcomers after it)."""
    day = np.full((len(rows), users), NEVER, dtype=np.int32)
    for brand, (had, lately, after) in enumerate(rows):
        day[brand, :had] = START - HORIZON - 1
        day[brand, had : had + lately] = START - 1
        day[brand, had + lately : had + lately + after] = START
    return FirstPurchases(day)


def test_like_brands_are_near_in_customers_and_had_newcomers_before() -> None:
    first = shop([(10, 20, 0), (20, 20, 0), (21, 20, 99), (9, 20, 1), (10, 9, 99), (40, 0, 99)])
    assert like_brands(first, START, HORIZON, 30, most=4).tolist() == [0, 3, 1, 2]
    assert like_brands(first, START, HORIZON, 30, most=1).tolist() == [0]
    assert like_brands(first, START, HORIZON, 30).tolist() == [0, 3, 1, 2, 4], "the busiest fill up"
    assert like_brands(first, START - HORIZON, HORIZON, 30).tolist() == [5, 2, 1, 0, 4, 3]
    assert like_brands(first, START - 2 * HORIZON, HORIZON, 30).tolist() == [], "nobody was a customer yet"
    assert like_brands(FirstPurchases(np.zeros((0, 9), np.int32)), START, HORIZON, 30).tolist() == []


def test_brands_are_of_all_sizes() -> None:
    lately = [ENOUGH_NEWCOMERS + 2 if brand % 2 else 5 for brand in range(60)]
    first = shop([(1 + 5 * brand, came, 30) for brand, came in enumerate(lately)])
    chosen = brands_of_all_sizes(first, START, HORIZON)
    assert len(chosen) == 20 and (chosen % 2 == 1).all()
    assert chosen[0] == 1 and chosen[-1] == 59
    assert (np.diff(chosen) >= 2).all() and np.diff(chosen).max() <= 4
    assert len(brands_of_all_sizes(first, START - 2 * HORIZON, HORIZON)) == 0


def test_what_comes_after_the_start_chooses_no_brand() -> None:
    random = np.random.default_rng(3)
    day = random.integers(0, 200, (40, 300)).astype(np.int32)
    day[random.random(day.shape) < random.random((40, 1))] = NEVER
    first = FirstPurchases(day)
    for _ in range(20):
        other = np.where(day < START, day, random.choice([START, 150, NEVER], day.shape)).astype(np.int32)
        for choose in (
            lambda shop: like_brands(shop, START, HORIZON, 40),
            lambda shop: brands_of_all_sizes(shop, START, HORIZON),
        ):
            assert choose(FirstPurchases(other)).tolist() == choose(first).tolist()
