"""Lift by hand, ties as chance, and which brand a list is."""

import numpy as np
import pytest

from models.profiling.brands import NEVER, FirstPurchases
from models.profiling.data import MISSING
from models.profiling.lift import REACHED, brand_of, held_back, lift_curve


def at(curve, share):
    return curve.reached[np.flatnonzero(share == REACHED)[0]]


def test_a_perfect_and_a_reversed_order():
    newcomers = np.arange(200) < 20
    everybody = np.ones(200, bool)
    best, worst = (lift_curve(s, newcomers, everybody) for s in (-np.arange(200.0), np.arange(200.0)))
    assert at(best, 0.05) == 0.5 and at(best, 0.1) == 1.0
    assert best.lift[np.flatnonzero(REACHED == 0.1)[0]] == pytest.approx(10)
    assert at(worst, 0.9) == 0.0 and at(worst, 0.95) == 0.5 and at(worst, 1.0) == 1.0
    assert best.at(0.075)[0] == pytest.approx(0.75)
    assert 0 < best.at(0.5)[1] < 0.1, "all found is no certainty"


def test_equal_scores_are_chance():
    newcomers = np.arange(100) < 7
    curve = lift_curve(np.zeros(100), newcomers, np.ones(100, bool))
    np.testing.assert_allclose(curve.lift, 1.0)
    assert curve.newcomers == 7


def test_only_candidates_count():
    candidates = np.arange(10) >= 5
    curve = lift_curve(-np.arange(10.0), np.isin(np.arange(10), [0, 5]), candidates)
    assert curve.newcomers == 1 and curve.candidates == 5
    with pytest.raises(ValueError, match="no candidate"):
        lift_curve(np.zeros(10), ~candidates, candidates)


class _Order:
    def __init__(self, scores):
        self.scores, self.asked = scores, None

    def score(self, customers, others=None):
        self.asked = customers
        return self.scores


def test_a_brand_without_customers_or_newcomers_says_nothing():
    customers, newcomers = np.arange(3), np.arange(100) >= 99
    at_risk = np.arange(100) >= 3
    curve = held_back(_Order(np.arange(100.0)), customers, newcomers, at_risk)
    assert (curve.newcomers, curve.candidates) == (1, 97) and at(curve, 0.1) == 1.0
    assert held_back(_Order(np.arange(100.0)), customers, ~at_risk, at_risk) is None
    assert held_back(_Order(np.arange(100.0)), np.arange(0), newcomers, at_risk) is None


def test_a_scorer_can_be_told_some_of_the_customers_and_the_others_are_still_not_ranked():
    order, customers, rest = _Order(np.arange(100.0)), np.arange(50), np.arange(100) >= 50
    curve = held_back(order, customers, rest, rest, support=4)
    assert len(order.asked) == 4 and set(order.asked) < set(customers)
    assert curve.candidates == 50
    asked = order.asked
    held_back(order, customers, rest, rest, support=4)
    assert asked.tolist() == order.asked.tolist(), "the same are drawn again"


def test_a_list_is_a_brand_if_it_holds_nearly_all_of_its_customers():
    day = np.full((2, 30), NEVER)
    day[0, :10], day[1, :20], day[1, 20] = 5, 5, 12
    first = FirstPurchases(day)
    assert brand_of(first, np.arange(20), 10) == 1
    assert brand_of(first, np.arange(8), 10) == 0, "8 of 10"
    assert brand_of(first, np.arange(7), 10) == MISSING
    assert brand_of(first, np.arange(15), 10) == MISSING, "neither 15 of 20 nor 10 of 15"
    assert brand_of(FirstPurchases(np.zeros((0, 30), int)), np.arange(3), 10) == MISSING
