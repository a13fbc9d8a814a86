"""What of an event log may go with a run, so that partitions stay as materialised as they are.

Dagster's own `delete_run` also forgets that the run's partitions were made, on which sensors and the status
of partitions rest; and it leaves the run's file and the verdicts of its checks. Here of a run stay: the
materialisations that are the newest of their partition, and of each check the newest verdict. All is done in
the tables that Dagster declares, by its own connections, to runs that have ended.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as db
from dagster import AssetMaterialization, EventLogEntry, MarkdownMetadataValue, MetadataValue
from dagster._core.events import StepMaterializationData
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
)
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as Events
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._serdes import deserialize_value, serialize_value

MATERIALIZED, JUDGED = "ASSET_MATERIALIZATION", "ASSET_CHECK_EVALUATION"
PICTURE = "data:image/"  #: how an embedded figure begins
GONE = "The picture was removed: it is older than `keep.plots` of deployment.json."
AT_ONCE = 500  #: values of a statement, and events that are rewritten in one transaction


def forget(log: SqliteEventLogStorage, run_id: str) -> None:
    """Remove a finished run's events from the index of all runs, all but what stays (above).

    Twice is as once: a kill between leaves a run of which the next call removes the rest.
    """
    with log.index_connection() as index:
        stay = _newest_made(index, run_id)
        checks = AssetCheckExecutionsTable.c
        newest = db.select(db.func.max(checks.id)).group_by(checks.asset_key, checks.check_name)
        index.execute(
            AssetCheckExecutionsTable.delete().where(
                checks.run_id == run_id, checks.id.not_in(newest.scalar_subquery())
            )
        )
        verdicts = db.select(checks.evaluation_event_storage_id).where(checks.run_id == run_id)
        stay |= {int(row[0]) for row in index.execute(verdicts) if row[0] is not None}
        mine = [int(row[0]) for row in index.execute(db.select(Events.c.id).where(Events.c.run_id == run_id))]
        _delete(index, sorted(set(mine) - stay))


def size(log: SqliteEventLogStorage, run_id: str) -> int:
    """Bytes of the file of a run's own log."""
    path = log.path_for_shard(run_id)
    return os.path.getsize(path) if os.path.exists(path) else 0


def without_pictures(log: SqliteEventLogStorage, before: float, dry_run: bool = False) -> tuple[int, int]:
    """Take embedded pictures out of materialisations before an instant (Unix seconds).

    Everything else of an event stays as it was: its number, partition, time and figures. Of each asset the
    newest materialisation is stored a second time, which stays whole: its page shows it.

    Returns:
        how many events had one, and how many bytes they were.
    """
    events = freed = after = 0
    chosen = (
        Events.c.dagster_event_type == MATERIALIZED,
        Events.c.timestamp < datetime.fromtimestamp(before, UTC).replace(tzinfo=None),
        Events.c.event.contains(PICTURE),
    )
    while True:
        query = db.select(Events.c.id, Events.c.event).where(*chosen, Events.c.id > after)
        with log.index_connection() as index:
            rows = index.execute(query.order_by(Events.c.id).limit(AT_ONCE)).fetchall()
            for number, text in rows:
                bare = _bare(text)
                events, freed, after = events + 1, freed + len(text) - len(bare), number
                if not dry_run:
                    index.execute(Events.update().where(Events.c.id == number).values(event=bare))
        if len(rows) < AT_ONCE:
            return events, freed


def _newest_made(index: Any, run_id: str) -> set[int]:
    """The run's materialisations that are the newest of their asset and partition: ids."""
    made = db.select(Events.c.id, Events.c.asset_key, Events.c.partition).where(
        Events.c.run_id == run_id, Events.c.dagster_event_type == MATERIALIZED
    )
    rows = index.execute(made).fetchall()
    newest = set()
    for asset in {row[1] for row in rows}:
        mine = {row[0]: row[2] for row in rows if row[1] == asset}
        partitions = sorted({partition for partition in mine.values() if partition is not None})
        last = db.select(db.func.max(Events.c.id)).where(
            Events.c.asset_key == asset, Events.c.dagster_event_type == MATERIALIZED
        )
        if len(partitions) < len(set(mine.values())):
            newest |= {row[0] for row in index.execute(last.where(Events.c.partition.is_(None)))}
        for start in range(0, len(partitions), AT_ONCE):
            some = Events.c.partition.in_(partitions[start : start + AT_ONCE])
            newest |= {row[0] for row in index.execute(last.where(some).group_by(Events.c.partition))}
    return newest & {row[0] for row in rows}


def _delete(index: Any, ids: list[int]) -> None:
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        index.execute(AssetEventTagsTable.delete().where(AssetEventTagsTable.c.event_id.in_(some)))
        index.execute(Events.delete().where(Events.c.id.in_(some)))


def _bare(text: str) -> str:
    """A serialised materialisation without its pictures."""
    entry = deserialize_value(text, EventLogEntry)
    event = entry.dagster_event
    assert event is not None
    data = event.event_specific_data
    assert isinstance(data, StepMaterializationData)
    made: AssetMaterialization = data.materialization
    metadata = {
        name: MetadataValue.md(GONE)
        if isinstance(value, MarkdownMetadataValue) and PICTURE in (value.md_str or "")
        else value
        for name, value in made.metadata.items()
    }
    data = data._replace(materialization=made.with_metadata(metadata))
    return serialize_value(entry._replace(dagster_event=event._replace(event_specific_data=data)))
