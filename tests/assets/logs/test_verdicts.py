"""Verdicts as Dagster shows them: one a group of rules and a partition, with numbers, in any run."""

from pathlib import Path

import dagster as dg
import pytest

from assets.logs.verdicts import CHECKS, check_of
from expectations.suites import read_suite, tables
from orchestration.jobs import LOGS
from orchestration.session import RunFailed, Session
from tests.live.world import DAYS, ROWS, World, deployment, describe, hour_key, land
from warehouse.home import Home
from warehouse.landing.service_time import DAY_MS, ServiceZone

HOURS = [hour_key(number) for number in range(5)]
REFUSED, MISSING = HOURS[1], HOURS[3]


def test_every_rule_of_every_suite_has_its_check():
    assert set(CHECKS) == set(tables())
    for table, checks in CHECKS.items():
        rules = [rule["meta"]["rule"] for rule in read_suite(f"{table}_batch")["expectations"]]
        assert tuple(dict.fromkeys(check_of(table, rule) for rule in rules)) == checks
    assert check_of("users", "typed") == "schema", "a row rule that could not be judged"


@pytest.fixture
def world(tmp_path):
    landing = tmp_path / "landing"
    describe(landing)
    for hour in HOURS:
        if hour != MISSING:
            land(landing, "exposures", hour, "early" * (hour == REFUSED))
    return World(landing, Home(tmp_path / "home"))


def _latest(world, asset):
    records = world.instance.fetch_materializations(dg.AssetKey(asset), limit=50).records
    return {record.partition_key: record.asset_materialization.metadata for record in records}


def _verdicts(world, check):
    """Partition → the evaluation of its newest verdict."""
    key = dg.AssetCheckKey(dg.AssetKey("exposures"), check)
    storage = world.instance.event_log_storage
    partitions = {info.partition_key for info in storage.get_asset_check_partition_info([key])}
    assert None not in partitions, "a verdict on all of them beside each one's"
    newest = {}
    for record in storage.get_asset_check_execution_history(key, limit=100):
        event = record.event and record.event.dagster_event
        if event and event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            newest.setdefault(evaluation.partition, evaluation)
    return newest


@pytest.mark.slow
def test_a_range_has_a_verdict_and_figures_for_each_hour(world, monkeypatch):
    now_ms = ServiceZone("UTC").day_start_ms(DAYS[0]) + DAY_MS
    monkeypatch.setattr("assets.common.clock.now_ms", lambda: now_ms)
    with Session(deployment(world.landing), world.home) as session:
        with pytest.raises(RunFailed, match="1 of 5 partitions were not loaded") as caught:
            session.run(LOGS, HOURS[0], HOURS[-1])
        assert str(caught.value).count("What to do") == 1
        pages = _latest(world, "exposures")
        assert set(pages) == set(HOURS) - {REFUSED, MISSING}
        assert {page["rows in"].value for page in pages.values()} == {ROWS}, "its own rows, not the range's"
        assert all(Path(page["data docs"].value.split("`")[-2]).is_file() for page in pages.values())

        shares = _verdicts(world, "share_quarantined")
        assert {hour: share.passed for hour, share in shares.items()} == {
            hour: hour != REFUSED for hour in HOURS if hour != MISSING
        }
        broken = shares[REFUSED]
        assert broken.metadata["observed"].value > broken.metadata["high"].value == pytest.approx(0.1)
        assert broken.severity is dg.AssetCheckSeverity.ERROR and "What to do" in broken.description
        landed = _verdicts(world, "landed")
        assert {hour for hour, verdict in landed.items() if not verdict.passed} == {MISSING}
        assert landed[MISSING].severity is dg.AssetCheckSeverity.WARN
        assert f"hour={MISSING[11:13]}" in landed[MISSING].description

        # One hour alone goes the other way in Dagster, and must come to the same.
        with pytest.raises(RunFailed, match="share_quarantined"):
            session.run(LOGS, REFUSED, only=["exposures"])
        session.run(LOGS, MISSING, only=["exposures"])
        assert set(_latest(world, "exposures")) == set(pages), "neither refused nor missing is materialised"
        session.run(LOGS, REFUSED, only=["exposures"], tags={"hourfold/force": "true"})
        assert REFUSED in _latest(world, "exposures")
        forced = _verdicts(world, "share_quarantined")[REFUSED]
        assert not forced.passed and forced.severity is dg.AssetCheckSeverity.WARN
