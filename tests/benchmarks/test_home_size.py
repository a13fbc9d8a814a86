"""A home that lives weighs the same from day to day, kind by kind, once what it keeps is full."""

import pytest

from assets.upkeep.sizes import GROWS
from benchmarks.home_size import REMEMBERED, bounded, keeping, lived

SYSTEMS = ("lsttm",)
DAYS, FULL = 9, 7


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_home_is_flat_once_its_window_is_full(tmp_path):
    weighed = lived(tmp_path / "home", DAYS, keeping(2), 1, SYSTEMS, window=1)
    full, last = weighed[FULL - 1], weighed[-1]
    # Users and items that are met for the first time make tables longer, by some per cent a day here.
    assert bounded(last) <= 1.1 * bounded(full)
    for kind in set(last) - {*GROWS, REMEMBERED}:
        assert last[kind] <= 1.2 * full[kind] + 200_000, kind
    assert weighed[1]["hourly states"] > weighed[0]["hourly states"] > 0
    assert last[REMEMBERED] - full[REMEMBERED] < (DAYS - FULL) * 400_000
    assert last[GROWS[0]] == full[GROWS[0]] > 0, "logs as they landed are never touched"
