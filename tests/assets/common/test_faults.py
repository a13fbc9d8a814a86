"""Faults that pass by themselves are tried again; all others say what to do."""

import sqlite3
import time

import dagster as dg
import pytest

from assets.common.faults import NoBaseModel, is_transient, retried_or_explained
from warehouse.store.waiting import WarehouseBusy


def _run(error):
    @dg.asset(name="hourly_ranker", partitions_def=dg.StaticPartitionsDefinition(["2026-03-05-07:00"]))
    def asset(context: dg.AssetExecutionContext):
        with retried_or_explained(context):
            raise error

    context = dg.build_asset_context(partition_key="2026-03-05-07:00")
    asset(context)


@pytest.mark.parametrize(
    "error", [WarehouseBusy("held by another process"), sqlite3.OperationalError("database is locked")]
)
def test_a_locked_file_is_tried_again_after_a_pause(error):
    assert is_transient(error)
    attempts = []

    @dg.asset
    def asset(context: dg.AssetExecutionContext) -> None:
        with retried_or_explained(context):
            attempts.append(time.monotonic())
            if len(attempts) == 1:
                raise error

    assert dg.materialize([asset]).success
    assert len(attempts) == 2
    assert attempts[1] - attempts[0] >= 1.0


def test_a_cause_counts_too():
    outer = RuntimeError("could not write the run")
    outer.__cause__ = sqlite3.OperationalError("database is locked")
    assert is_transient(outer)


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (NoBaseModel("deepfm: no daily model"), "daily_ranker"),
        (FileNotFoundError("landing/exposures"), "have landed"),
        (ValueError("something else"), "state before is intact"),
    ],
)
def test_everything_else_fails_at_once_and_says_what_to_do(error, advice):
    assert not is_transient(error)
    with pytest.raises(dg.Failure) as caught:
        _run(error)
    assert not caught.value.allow_retries
    assert str(error) in caught.value.description
    assert advice in caught.value.description
    assert "2026-03-05-07:00" in caught.value.description
