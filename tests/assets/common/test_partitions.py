"""Which hours and days there are, and which day an hour leans on."""

import dagster as dg
import pytest

from assets.common.partitions import DAY_BEFORE, HOUR_BEFORE, PREVIOUS_DAY, Partitions
from warehouse.home import Deployment
from warehouse.landing.service_time import ServiceZone

ZONES = ["UTC", "Etc/GMT-8", "Etc/GMT+5"]


def _partitions(zone: str) -> Partitions:
    return Partitions.of(Deployment(zone=zone, first_day="2026-03-01"), last_day="2026-03-09")


def _upstream(
    mapping: dg.PartitionMapping, key: str, down: dg.PartitionsDefinition, up: dg.PartitionsDefinition
):
    subset = down.subset_with_partition_keys([key])
    return list(
        mapping.get_upstream_mapped_partitions_result_for_partitions(
            subset, down, up
        ).partitions_subset.get_partition_keys()
    )


@pytest.mark.parametrize("zone", ZONES)
def test_all_24_hours_lean_on_the_day_before(zone):
    parts = _partitions(zone)
    hours = ServiceZone(zone).hours_of_day("2026-03-05")
    assert len(hours) == 24
    for hour in hours:
        assert _upstream(DAY_BEFORE, hour, parts.hourly, parts.daily) == ["2026-03-04"], hour


def test_offset_of_one_would_leak():
    """The mapping that looks right gives 23 hours their own day; if Dagster changes that, we want to know."""
    parts = _partitions("UTC")
    naive = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)
    same_day = [
        hour
        for hour in ServiceZone("UTC").hours_of_day("2026-03-05")
        if _upstream(naive, hour, parts.hourly, parts.daily) == ["2026-03-05"]
    ]
    assert len(same_day) == 23


@pytest.mark.parametrize("zone", ZONES)
def test_an_hour_leans_on_the_hour_before_and_the_first_on_none(zone):
    parts = _partitions(zone)
    assert _upstream(HOUR_BEFORE, "2026-03-05-07:00", parts.hourly, parts.hourly) == ["2026-03-05-06:00"]
    assert _upstream(HOUR_BEFORE, "2026-03-05-00:00", parts.hourly, parts.hourly) == ["2026-03-04-23:00"]
    assert _upstream(HOUR_BEFORE, "2026-03-01-00:00", parts.hourly, parts.hourly) == []
    assert _upstream(DAY_BEFORE, "2026-03-01-05:00", parts.hourly, parts.daily) == []


@pytest.mark.parametrize("zone", ZONES)
def test_keys_are_those_of_service_time(zone):
    parts, service = _partitions(zone), ServiceZone(zone)
    keys = parts.hourly.get_partition_keys()
    assert keys == [
        hour for day in service.days_between("2026-03-01", "2026-03-09") for hour in service.hours_of_day(day)
    ]
    assert parts.daily.get_partition_keys() == service.days_between("2026-03-01", "2026-03-09")
    for key in keys[::31]:
        start = parts.hourly.time_window_for_partition_key(key).start.timestamp() * 1000
        assert int(start) == service.hour_start_ms(key)


def test_a_source_that_grows_has_no_last_partition():
    parts = Partitions.of(Deployment(first_day="2026-03-01"))
    assert parts.hourly.end is None
    assert parts.daily.end is None


def test_a_shop_may_begin_before_the_feed():
    parts = Partitions.of(
        Deployment(first_day="2026-03-01", shop_first_day="2025-03-01"), last_day="2026-03-09"
    )
    assert parts.daily.get_first_partition_key() == "2026-03-01"
    assert parts.shop.get_first_partition_key() == "2025-03-01"
    assert Partitions.of(Deployment(first_day="2026-03-01")).shop.get_first_partition_key() == "2026-03-01"


@pytest.mark.parametrize(
    "external, history",
    [("2026-02-20", ("external_history",)), (None, ()), ("2026-03-01", ()), ("2026-03-05", ())],
)
def test_external_clicks_before_the_feed_are_an_asset_beside_its_hours(external, history):
    """The hours of exposures and external clicks are the same ones: one job loads both."""
    deployment = Deployment(first_day="2026-03-01", external_first_day=external)
    parts = Partitions.of(deployment)
    assert parts.history == history
    assert parts.hourly == Partitions.of(Deployment(first_day="2026-03-01")).hourly
    assert deployment.behaviours_first_day == min("2026-03-01", external or "2026-03-01")


def test_a_day_leans_on_the_day_before_it():
    parts = _partitions("UTC")
    assert _upstream(PREVIOUS_DAY, "2026-03-05", parts.daily, parts.daily) == ["2026-03-04"]
    assert _upstream(PREVIOUS_DAY, "2026-03-01", parts.daily, parts.daily) == []
