"""Service time: keys and instants, and the refusal of zones whose days vary."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.landing.service_time import DAY_MS, HOUR_MS, ServiceZone

ZONES = ["UTC", "Etc/UTC", "Etc/GMT-8", "Etc/GMT+5", "Etc/GMT"]
INSTANTS = st.integers(0, 4_000_000_000_000)


@given(st.sampled_from(ZONES), INSTANTS)
def test_keys_agree_with_the_tz_database(name, ms):
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(ZoneInfo(name))
    zone = ServiceZone(name)
    assert zone.day_key(ms) == local.strftime("%Y-%m-%d")
    assert zone.hour_key(ms) == local.strftime("%Y-%m-%d-%H:00")


@given(st.sampled_from(ZONES), INSTANTS)
def test_a_key_leads_back_to_the_hour_that_holds_the_instant(name, ms):
    zone = ServiceZone(name)
    start = zone.hour_start_ms(zone.hour_key(ms))
    assert start <= ms < start + HOUR_MS
    day = zone.day_start_ms(zone.day_key(ms))
    assert day <= ms < day + DAY_MS
    assert zone.midnight_after(np.array([ms]))[0] == day + DAY_MS


def test_kuairand_day_begins_at_sixteen_utc():
    zone = ServiceZone("Etc/GMT-8")
    assert zone.offset_ms == 8 * HOUR_MS
    assert zone.day_start_ms("2022-04-25") == int(datetime(2022, 4, 24, 16, tzinfo=UTC).timestamp() * 1000)


def test_a_day_has_24_hours_in_order():
    zone = ServiceZone("Etc/GMT+5")
    hours = zone.hours_of_day("2026-03-08")
    start = zone.day_start_ms("2026-03-08")
    assert [zone.hour_start_ms(key) for key in hours] == [start + i * HOUR_MS for i in range(24)]
    assert hours == zone.hours_between(start, start + DAY_MS)


def test_days_between_includes_both_ends():
    assert ServiceZone("UTC").days_between("2026-02-27", "2026-03-01") == [
        "2026-02-27",
        "2026-02-28",
        "2026-03-01",
    ]


def test_midnight_is_strictly_after():
    zone = ServiceZone("UTC")
    midnight = zone.day_start_ms("2026-03-02")
    assert zone.midnight_after(np.array([midnight - 1, midnight])).tolist() == [midnight, midnight + DAY_MS]


@given(st.sampled_from(ZONES), st.lists(INSTANTS, max_size=20))
def test_many_keys_at_once(name, instants):
    zone = ServiceZone(name)
    assert zone.hour_keys(np.array(instants, dtype=np.int64)).tolist() == [
        zone.hour_key(ms) for ms in instants
    ]


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "America/New_York", "Asia/Shanghai", "+08:00", "Etc/GMT-15", ""]
)
def test_zones_that_are_not_fixed_offsets_are_refused(name):
    with pytest.raises(ValueError, match=r"fixed offset|does not exist"):
        ServiceZone(name)


@pytest.mark.parametrize("key", ["2026-05-01", "2026-05-01-24:00", "2026-05-01-07:30", "x"])
def test_a_malformed_hour_key_is_named(key):
    with pytest.raises(ValueError, match=key):
        ServiceZone("UTC").hour_start_ms(key)
