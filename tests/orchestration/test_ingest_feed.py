"""What `hourfold ingest` leaves of a feed beyond its logs: every day that has ended, encoded once."""

from orchestration.ingesting import encode_days, load_logs
from orchestration.session import Session
from tests.deployed import BASE, DAY


def partitions(ready):
    """Day → when its manifest was written."""
    root = ready.deployment.paths(ready.home).instances
    return {file.parent.name: file.stat().st_mtime_ns for file in root.glob("*/*/manifest.json")}


def test_a_feed_is_encoded_once_after_its_logs_are_loaded(ready):
    with Session(ready.deployment, ready.home) as session:
        outcome = load_logs(session, BASE, BASE)
        encode_days(session, outcome)
        first = partitions(ready)
        encode_days(session, outcome)
    assert not outcome.refused
    assert {BASE, DAY} <= set(first)
    assert partitions(ready) == first


def test_without_a_feed_nothing_is_encoded(ready):
    before = partitions(ready)
    with Session(ready.deployment, ready.home) as session:
        outcome = load_logs(session, BASE, BASE)
        outcome.hours = None
        encode_days(session, outcome)
    assert partitions(ready) == before
