"""What a day's exposures are sorted into, and the figures of each part, against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from assets.experiments.comparison.day_facts import DayFacts, ShownBefore
from assets.experiments.comparison.segments import SEGMENTS, Gates, Segments, membership
from models.metrics import Ordered, auc
from tests.models.ranking.toy import START, hour_of, toy_log
from warehouse.landing.service_time import HOUR_MS

AGES = ("item_shown", "item_age", "day_age")
DAY = 12  #: the hour of the toy log at which the day begins


@pytest.fixture(scope="module")
def log():
    return toy_log()


@pytest.fixture(scope="module")
def facts(log):
    history = log.between(START, START + DAY * HOUR_MS)
    return DayFacts.of(ShownBefore.of(history), [hour_of(log, DAY + hour) for hour in range(24)])


def test_the_facts_are_those_of_each_exposure(log, facts):
    e = log.exposures
    start = START + DAY * HOUR_MS
    today = np.flatnonzero(e.shown_at >= start)
    assert len(facts) == len(today)
    for place in range(0, len(today), 37):
        at = today[place]
        first = e.shown_at[e.item == e.item[at]].min()
        born = log.items.published_at[e.item[at]]
        assert facts.user_seen[place] == ((e.user == e.user[at]) & (e.shown_at < start)).sum()
        assert facts.item_shown[place] == pytest.approx((e.shown_at[at] - first) / HOUR_MS)
        known = born if born >= 0 else first
        assert facts.item_age[place] == pytest.approx(max(e.shown_at[at] - known, 0) / HOUR_MS)
        assert facts.hour[place] == (e.shown_at[at] - start) // HOUR_MS
        assert facts.day_age[place] == pytest.approx((e.shown_at[at] - start) / HOUR_MS)
        assert facts.clicked[place] == e.clicked[at] and facts.user[place] == e.user[at]


def test_hours_without_exposures_and_newcomers_are_no_trouble(log):
    history = log.between(START, START + HOUR_MS)
    empty = log.between(START + 30 * HOUR_MS, START + 30 * HOUR_MS)
    late = hour_of(log, 35)
    found = DayFacts.of(ShownBefore.of(history), [*[empty] * 23, late])
    assert len(found) == len(late.exposures) and (found.hour == 23).all()
    assert (found.user_seen == 0).any() and (found.item_age >= 0).all()


def small(**changes):
    """Facts of eight exposures, each figure as told or dull."""
    fields = {
        "clicked": np.array([True, False] * 4),
        "user": np.arange(8),
        "request": np.full(8, -1),
        "hour": np.zeros(8, np.int64),
        "user_seen": np.zeros(8, np.int64),
        "item_shown": np.zeros(8),
        "item_age": np.zeros(8),
        "day_age": np.zeros(8),
    }
    return DayFacts(**{**fields, **{name: np.array(values) for name, values in changes.items()}})


@pytest.mark.parametrize(
    "segment, changes, names",
    [
        ("users", {"user_seen": [0, 1, 4, 5, 19, 20, 21, 900]}, "0 1-4 1-4 5-19 5-19 20+ 20+ 20+"),
        (
            "hours_since_retrain",
            {"hour": [0, 3, 4, 7, 11, 12, 19, 23]},
            "0-3 0-3 4-7 4-7 8-11 12-15 16-19 20-23",
        ),
        (
            "item_age",
            {"item_age": [0, 0.99, 1, 2.9, 3, 6, 24, 1e4]},
            "0-1 0-1 1-3 1-3 3-6 6-24 24+ 24+",
        ),
    ],
)
def test_cuts_fall_where_their_names_say(segment, changes, names):
    found = membership(small(**changes))[segment]
    assert [SEGMENTS[segment][place] for place in found] == names.split()


def test_an_item_is_new_on_its_first_day_and_for_24_hours():
    found = membership(small(day_age=[0, 5, 5, 5, 20, 23, 23, 23], item_shown=[0, 0, 5, 6, 21, 23.5, 24, 99]))
    today, soon, older = SEGMENTS["items"]
    expected = [today, today, today, soon, soon, soon, older, older]
    assert [SEGMENTS["items"][place] for place in found["items"]] == expected


def test_a_segments_auc_is_the_mean_over_days_and_seeds_of_its_exposures_alone(facts):
    rng, groups = np.random.default_rng(0), membership(facts)
    users, member = np.unique(facts.user, return_inverse=True)
    collected = Segments("a", len(users))
    drawn = {key: rng.random((2, len(facts))) for key in (("1", 0), ("1", 1), ("2", 0))}
    for (day, _), scores in drawn.items():
        collected.add(day, facts.clicked, [Ordered.of(row) for row in scores], groups, member)
    entries = collected.entries()
    for segment, names in SEGMENTS.items():
        mine = [entry for entry in entries if entry.segment == segment]
        assert [e.value for e in mine] == [name for name in names if name in {e.value for e in mine}]
        assert sum(e.exposures for e in mine) == 2 * len(facts), "each exposure of each day once"
        assert sum(e.clicks for e in mine) == 2 * facts.clicked.sum()
        for entry in mine:
            here = groups[segment] == names.index(entry.value)
            areas = [[auc(facts.clicked[here], row[here]) for row in scores] for scores in drawn.values()]
            if areas[0][0] is None:
                assert entry.auc is None and entry.null_days == 3
            else:
                assert [entry.auc, entry.auc_static] == pytest.approx(np.mean(areas, axis=0))
                assert entry.null_days == 0


def test_a_day_with_one_class_is_left_out_of_the_mean_and_counted():
    collected = Segments("a", 8)
    plain, all_clicked = small(), small(clicked=[True] * 8)
    scores = Ordered.of(np.array([0.9, 0.1] * 4))
    for day, facts in (("1", plain), ("2", all_clicked)):
        collected.add(day, facts.clicked, [scores], membership(facts), facts.user)
    entries = collected.entries()
    assert all(e.auc == e.auc_static == 1.0 and e.null_days == 1 for e in entries)
    assert all((e.exposures, e.clicks) == (16, 12) for e in entries)


def test_an_item_is_born_on_the_day_it_was_published():
    found = membership(small(day_age=[0, 1, 5, 5, 20, 23, 23, 23], item_age=[0, 0.5, 5, 5.1, 0, 23, 24, 999]))
    born = [SEGMENTS["item_born"][place].split()[1] for place in found["item_born"]]
    assert born == ["today", "today", "today", "earlier", "today", "today", "earlier", "earlier"]


def test_the_error_of_a_gain_is_that_of_drawing_users_anew():
    """Users whose exposures are moved alike; each value of a segment by itself, two days and two seeds."""
    rng, users = np.random.default_rng(1), 150
    luck, days, collected = rng.normal(size=users), [], Segments("a", users)
    for day in ("1", "2"):
        user = rng.integers(0, users, 1500)
        clicked, hour = rng.random(1500) < 0.4, rng.integers(0, 24, 1500)
        facts = {"clicked": clicked, "user": user, "hour": hour, "request": np.full(1500, -1)}
        whole = DayFacts(**facts, **{name: np.zeros(1500) for name in ("user_seen", *AGES)})
        for _ in range(2):
            still = clicked + rng.normal(size=1500)
            adapted = still + 0.5 * (2 * clicked - 1) * luck[user]
            scorings = [Ordered.of(adapted), Ordered.of(still)]
            collected.add(day, clicked, scorings, membership(whole), user)
            days.append((whole, adapted, still))
    drawn = [rng.integers(0, users, users) for _ in range(200)]
    times = [np.bincount(chosen, minlength=users) for chosen in drawn]
    for entry in collected.entries():
        place = SEGMENTS[entry.segment].index(entry.value)
        gains = []
        for copies in times:
            of_days = []
            for whole, *scores in days:
                inside = membership(whole)[entry.segment] == place
                rows = np.repeat(np.arange(1500), copies[whole.user] * inside)
                one, other = (auc(whole.clicked[rows], row[rows]) for row in scores)
                of_days.append(one - other)
            gains.append(np.mean(of_days))
        assert entry.gain_error == pytest.approx(np.std(gains), rel=0.2), (entry.segment, entry.value)
    (age,) = (entry for entry in collected.entries() if entry.segment == "item_age")
    assert collected.gain_error() == age.gain_error, "all are of one age here"


def test_a_system_that_never_adapts_gains_nothing_for_sure():
    collected, facts = Segments("trees", 8), small()
    collected.add("1", facts.clicked, [Ordered.of(np.arange(8.0))], membership(facts), facts.user)
    assert {(entry.gain, entry.gain_error) for entry in collected.entries()} == {(0.0, 0.0)}


def test_gates_are_means_over_exposures():
    collected = Gates()
    facts = small(hour=[0, 0, 0, 5, 5, 5, 5, 5], user_seen=[0, 0, 2, 2, 2, 2, 30, 30])
    collected.add("a", facts, np.arange(8) / 10)
    collected.add("a", facts, np.arange(8) / 10 + 0.1)
    collected.add("b", facts, None)
    entries = collected.entries()
    assert {entry.system for entry in entries} == {"a"}
    found = {(entry.by, entry.value): (entry.exposures, entry.mean) for entry in entries}
    assert found == {
        ("hour", 0): (6, pytest.approx(0.15)),
        ("hour", 5): (10, pytest.approx(0.55)),
        ("activity", "0"): (4, pytest.approx(0.1)),
        ("activity", "1-4"): (8, pytest.approx(0.4)),
        ("activity", "20+"): (4, pytest.approx(0.7)),
    }
