"""The clicks alone are those of all events, received in the window."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tests.warehouse.frames import START
from tests.warehouse.store.test_events import warehouse
from warehouse.landing.service_time import HOUR_MS
from warehouse.store.clicks import read_clicks

__all__ = ["warehouse"]  # the fixture


@pytest.mark.parametrize(("first", "last"), [(0, 5), (1, 3), (4, 4)])
def test_clicks_are_those_of_the_events(warehouse, first, last):
    start, end = START + first * HOUR_MS, START + last * HOUR_MS
    events = warehouse.events(start, end, "mentioned")
    clicked = events["exposures.clicked"]
    of_exposures = (events[f"exposures.{name}"][clicked] for name in ("user", "item", "shown_at"))
    of_external = (events[f"external.{name}"] for name in ("user", "item", "occurred_at"))
    expected = Counter(zip(*(column.tolist() for column in of_exposures), strict=True))
    expected += Counter(zip(*(column.tolist() for column in of_external), strict=True))
    assert bool(expected) == (first < last)
    timed = read_clicks(warehouse.connection, start, end, timed=True)
    assert Counter(zip(*(column.tolist() for column in timed[:3]), strict=True)) == expected
    untimed = read_clicks(warehouse.connection, start, end, timed=False)
    assert untimed.user.dtype == untimed.item.dtype == np.int32 and not len(untimed.time)
    pairs = Counter((user, item) for user, item, _ in expected.elements())
    assert Counter(zip(untimed.user.tolist(), untimed.item.tolist(), strict=True)) == pairs


def test_all_described_by_the_end_are_counted_whether_they_clicked_or_not(warehouse):
    early, late = (
        read_clicks(warehouse.connection, START, START + end, timed=False) for end in (-1, HOUR_MS)
    )
    assert early.described == late.described, "these descriptions hold from before"
    users, items = (
        warehouse.connection.execute(f"SELECT max({name}_index) FROM {name}s").fetchone()[0]
        for name in ("user", "item")
    )
    assert late.described == (users + 1, items + 1)
    assert read_clicks(warehouse.connection, 0, 0, timed=False).described == (0, 0)
