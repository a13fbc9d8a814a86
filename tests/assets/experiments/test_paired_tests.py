"""Differences between systems over days and seeds: their error, interval and correction."""

from __future__ import annotations

import numpy as np
import pytest

from assets.experiments.comparison.day_facts import DayFacts
from assets.experiments.comparison.older_tests import with_errors
from assets.experiments.comparison.pair_levels import PairLevels
from assets.experiments.comparison.paired_tests import PairedTests
from models.metrics import (
    LIST_FIGURES,
    JudgedLists,
    Ordered,
    auc,
    auc_difference,
    clustered_difference,
    holm,
    list_figures,
    ranking_figures,
)


def a_day(seed, systems=3, seeds=1, shown=1500, users=400):
    """Labels, users and scores [seeds, systems, E]; the later a system, the worse."""
    rng = np.random.default_rng(seed)
    labels = rng.random(shown) < 0.4
    base = labels + rng.normal(size=shown)
    noise = rng.normal(size=(seeds, systems, shown)) * np.arange(systems)[:, None] * 0.4
    return labels, rng.integers(0, users, shown), base + noise


def facts_of(labels, users, request=None):
    """Facts of a day with lists of five, or without."""
    count = len(labels)
    request = np.full(count, -1) if request is None else request
    dull = {name: np.zeros(count) for name in ("user_seen", "item_shown", "item_age", "day_age")}
    return DayFacts(labels, users, request, np.arange(count) % 24, **dull)


def ordered(scores):
    return [[Ordered.of(row) for row in of_seed] for of_seed in scores]


def collected(*days, systems=("a", "b", "c"), seeds=(0,)):
    tests = PairedTests(systems, seeds)
    for number, (labels, users, scores) in enumerate(days):
        tests.add(str(number), facts_of(labels, users), ordered(scores))
    return tests


def test_one_day_and_seed_is_the_plain_test_and_the_clustered_one():
    labels, users, scores = day = a_day(0)
    tests = collected(day)
    for found in (tests.overall(), tests.by_day()):
        assert [(test.first, test.second) for test in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    pairs = zip(tests.overall(), tests.by_day(), [(0, 1), (0, 2), (1, 2)], strict=True)
    for test, single, (one, other) in pairs:
        delong = auc_difference(labels, scores[0, one], scores[0, other])
        assert [single.difference, single.standard_error, single.p_value] == pytest.approx(delong)
        clustered = clustered_difference(labels, scores[0, one], scores[0, other], users)
        assert [test.difference, test.error, test.p] == pytest.approx(clustered)
        assert test.p_delong == pytest.approx(delong[2]) and test.figure == "auc"


def test_a_user_of_two_days_is_one_user_and_seeds_are_averaged():
    """Against leaving each user's exposures a little more weight, on all days together."""
    days = [a_day(seed, seeds=2, shown=300, users=30) for seed in (1, 2, 3)]
    test = collected(*days, seeds=(0, 1)).overall()[0]

    def difference(weights):
        total = 0.0
        for labels, users, scores in days:
            w = weights[users]
            pairs = w[labels][:, None] * w[~labels]
            for of_seed in scores:
                won = [np.average(row[labels][:, None] > row[~labels], weights=pairs) for row in of_seed[:2]]
                total += (won[0] - won[1]) / len(scores) / len(days)
        return total

    even = difference(np.ones(30))
    assert test.difference == pytest.approx(even)
    slopes = np.array([difference(1 + 1e-5 * (np.arange(30) == u)) - even for u in range(30)]) / 1e-5
    assert test.error == pytest.approx(np.sqrt(30 / 29 * (slopes**2).sum()), rel=1e-3)


def test_a_seed_twice_over_is_no_new_evidence():
    labels, users, scores = a_day(4)
    once = collected((labels, users, scores)).overall()
    twice = collected((labels, users, np.concatenate([scores, scores])), seeds=(0, 1)).overall()
    assert [test.error for test in twice] == pytest.approx([test.error for test in once])


def test_a_day_twice_over_is_no_new_evidence_for_the_same_users():
    """DeLong's plain test takes it for new."""
    day = a_day(5)
    once, twice = collected(day).overall(), collected(day, day).overall()
    for one, two in zip(once, twice, strict=True):
        assert two.error == pytest.approx(one.error) and two.p == pytest.approx(one.p)
        assert two.p_delong < one.p_delong


def test_the_interval_holds_the_difference_and_agrees_with_the_error():
    for test in collected(a_day(5), a_day(6)).overall():
        assert test.low < test.difference < test.high
        assert (test.high - test.low) / 2 / 1.96 == pytest.approx(test.error, rel=0.08)


def test_all_pairs_are_corrected_together():
    found = collected(a_day(7, systems=5), systems=tuple("abcde")).overall()
    assert len(found) == 10
    plain = np.array([test.p for test in found])
    assert [test.p_holm for test in found] == pytest.approx(holm(plain).tolist())
    assert (plain < 1e-3).any() and plain.max() < 1


def test_a_day_that_cannot_tell_is_left_out():
    day, (labels, users, scores) = a_day(8), a_day(9)
    both = collected(day, (np.zeros_like(labels), users, scores))
    assert both.overall() == collected(day).overall() and len(both.by_day()) == 3
    assert both.within() == collected(day).within()
    assert collected((np.zeros_like(labels), users, scores)).overall() == ()


def test_one_system_has_no_pair():
    labels, users, scores = a_day(10, systems=1)
    alone = collected((labels, users, scores), systems=("a",))
    assert alone.overall() == alone.within() == ()


def with_lists(seed, seeds=2):
    """A day of lists of five, each of one user."""
    labels, _, scores = a_day(seed, seeds=seeds)
    request = np.arange(1500) // 5
    return labels, request % 60, scores, request


def test_the_order_within_lists_is_tested_by_user():
    days = [with_lists(11), with_lists(12)]
    tests = PairedTests(("a", "b", "c"), (0, 1))
    for number, (labels, users, scores, request) in enumerate(days):
        tests.add(str(number), facts_of(labels, users, request), ordered(scores))
    found = tests.within()
    assert [test.figure for test in found] == [
        name for name in ("gauc_hour", *LIST_FIGURES) for _ in range(3)
    ]
    for figure in LIST_FIGURES:
        mine = [test for test in found if test.figure == figure]
        values, owners = [], []
        for labels, users, scores, request in days:
            lists = JudgedLists.of(labels, users, request)
            per_list = [[list_figures(Ordered.of(row), lists)[figure] for row in seed] for seed in scores]
            values.append(np.mean(per_list, axis=0))
            owners.append(lists.user)
        means = np.mean([of_day.mean(1) for of_day in values], axis=0)
        assert mine[0].difference == pytest.approx(means[0] - means[1])
        # By hand: each user's sum of what its lists are above the mean of their day.
        moved = np.zeros(60)
        for of_day, user in zip(values, owners, strict=True):
            apart = of_day[0] - of_day[1]
            np.add.at(moved, user, (apart - apart.mean()) / len(apart) / 2)
        assert mine[0].error == pytest.approx(np.sqrt(60 / 59 * (moved**2).sum()))
        assert mine[0].low == pytest.approx(mine[0].difference - 1.96 * mine[0].error, abs=1e-4)
        assert [test.p_holm for test in mine] == pytest.approx(holm(np.array([t.p for t in mine])).tolist())


def test_without_requests_only_users_hours_are_tested():
    assert {test.figure for test in collected(a_day(13)).within()} == {"gauc_hour"}
    labels, users, scores = day = a_day(13, users=40)
    test = collected(day).within()[0]
    hour = np.arange(1500) % 24
    one, other = (ranking_figures(labels, row, users, hour)["gauc_hour"] for row in scores[0, :2])
    assert test.difference == pytest.approx(one - other)


@pytest.mark.parametrize("lists", [True, False])
def test_the_levels_of_pairs_add_up_to_the_pooled_auc(lists):
    levels, areas = PairLevels(lists), []
    for seed in (14, 15):
        labels, users, scores, request = with_lists(seed)
        levels.add(("a", "b", "c"), facts_of(labels, users, request), ordered(scores))
        areas.append([[auc(labels, row) for row in of_seed] for of_seed in scores])
    means = np.mean(areas, axis=(0, 1))
    for system, area in zip("abc", means, strict=True):
        mine = [entry for entry in levels.entries() if entry.system == system]
        assert [entry.level for entry in mine] == ["list" if lists else "hour", "user", "others"]
        assert sum(entry.share for entry in mine) == pytest.approx(1)
        assert sum(entry.lift for entry in mine) == pytest.approx(area - 0.5)
        assert all(entry.lift == pytest.approx(entry.share * (entry.auc - 0.5)) for entry in mine)


def test_a_result_of_before_has_the_p_of_its_interval():
    """And never DeLong's under another name."""
    (first, *_) = found = collected(a_day(16), a_day(17)).overall()
    older = [
        test.model_dump(exclude={"error", "p", "of_interval", "figure"}) | {"p_holm": 0.5, "p_delong": 0.25}
        for test in found
    ]
    read = with_errors(older)
    assert [test["error"] for test in read] == pytest.approx([test.error for test in found], rel=0.08)
    assert read[0]["p"] == pytest.approx(first.p, abs=0.03) and read[0]["of_interval"]
    assert [t["p_holm"] for t in read] == pytest.approx(holm(np.array([t["p"] for t in read])).tolist())
    assert {test["p_delong"] for test in read} == {0.25}
    bare = with_errors([older[0] | {"low": None, "high": None}])[0]
    assert bare["p"] is bare["p_holm"] is bare["error"] is None
    assert with_errors([first.model_dump()]) == [first.model_dump()]
