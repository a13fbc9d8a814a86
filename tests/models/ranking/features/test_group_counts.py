"""Groups of users and the values of item fields: what is counted, and what is read of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ranking.features.event_log import DAY_MS, HOUR_MS, EventDays
from models.ranking.features.features import Features, FeatureSettings
from models.ranking.features.group_counts import FieldValues, GroupCounts
from tests.models.ranking.features.reference import group_bin
from tests.models.ranking.toy import START, toy_log


def column(log, name, **chosen):
    features = Features.start(FeatureSettings(**chosen), log)
    names = [spec.name for spec in features.layout.specs]
    return np.concatenate([features.encode_day(day).columns[names.index(name)] for day in EventDays.of(log)])


@pytest.mark.parametrize("values", [1, 2, 128])
def test_values_beyond_those_that_are_counted_are_unknown(values):
    log = toy_log(hours=80, per_hour=20)
    rows = np.random.default_rng(0).choice(len(log.exposures), 60, replace=False)
    for f in (0, 3):
        bins = column(log, f"count_group_field{f}_rate", group_values=values)
        expected = [group_bin(log, i, f, FeatureSettings(group_values=values)) for i in rows.tolist()]
        assert bins[rows].tolist() == expected and len(set(expected)) > 1


def test_no_values_or_no_user_fields_leave_the_columns_out():
    log = toy_log(hours=30)
    nobody = replace(log, users=replace(log.users, fields=log.users.fields[:, :0]))
    with_all, *fewer = (
        {spec.name for spec in Features.start(chosen, of).layout.specs}
        for chosen, of in (
            (FeatureSettings(), log),
            (FeatureSettings(group_values=0), log),
            (FeatureSettings(), nobody),
        )
    )
    assert {name for name in with_all if "group" in name} == {f"count_group_field{f}_rate" for f in range(6)}
    assert not any("group" in name for names in fewer for name in names)


def test_what_a_group_likes_beyond_both_rates_is_told_from_the_next_day_on():
    """Groups click their own value four times as often; all groups and all values click alike."""
    rng = np.random.default_rng(1)
    counts, n = GroupCounts(1, 1, 8), 20_000
    group, value = rng.integers(0, 4, (2, n, 1))
    clicked = rng.random(n) < np.where(group == value, 0.4, 0.1)[:, 0]
    days = np.zeros(n, np.int64)
    counts.append(FieldValues.of(group), FieldValues.of(value), days, clicked)
    (same_day,) = counts.bins(FieldValues.of(group), FieldValues.of(value), days, 5.0)
    assert not same_day.any()

    def of(group, value):
        sides = (FieldValues.of(np.full((1, 1), code)) for code in (group, value))
        return int(counts.bins(*sides, np.ones(1, np.int64), 5.0)[0][0])

    assert of(0, 0) > 13 > of(0, 1) > 0
    assert of(-1, 0) == of(7, 0) == 13, "no group, or one that nobody was of, says nothing"
    assert of(0, 5) == of(0, -1) == 0, "a value that nobody was shown is unknown"


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 9), st.integers(-1, 9), st.booleans()), max_size=40)
)
def test_counts_do_not_depend_on_how_days_are_folded_or_saved(events):
    days, users, items, clicked = np.array(sorted(events), np.int64).reshape(-1, 4).T
    asked = np.arange(-1, 12)[:, None] + np.zeros((1, 2), np.int64)
    at_once, by_day = GroupCounts(2, 2, 8), GroupCounts(2, 2, 8)
    both = np.stack([users, users], axis=1), np.stack([items, items[::-1]], axis=1)
    at_once.append(*map(FieldValues.of, both), days, clicked > 0)
    for day in range(4):
        at = days == day
        by_day.fold(day)
        by_day.append(*(FieldValues.of(side[at]) for side in both), days[at], clicked[at] > 0)
        again = GroupCounts(2, 2, 8)
        again.restore(by_day.arrays())
        by_day = again
    sides = FieldValues.of(asked), FieldValues.of(asked)
    one, other = (counts.bins(*sides, np.full(len(asked), 4), 5.0) for counts in (at_once, by_day))
    np.testing.assert_array_equal(np.stack(one), np.stack(other))


def test_clicks_of_a_day_move_the_columns_of_later_days_alone():
    log = toy_log(hours=76, per_hour=30)
    e = log.exposures
    day = (e.shown_at - START) // DAY_MS
    flipped = replace(log, exposures=replace(e, clicked=np.where(day == 1, ~e.clicked, e.clicked)))
    one, other = (column(of, "count_group_field0_rate") for of in (log, flipped))
    np.testing.assert_array_equal(one[day < 2], other[day < 2])
    assert (one[day == 2] != other[day == 2]).mean() > 0.2 and log.end_ms - START > 72 * HOUR_MS
