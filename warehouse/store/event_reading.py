"""What a warehouse gives the rankers: events as integer columns, and hashes of what they were loaded from."""

from __future__ import annotations

import hashlib
import json

import duckdb

from warehouse.store.columns import FIELD_TABLES
from warehouse.store.configuring import chosen_fields
from warehouse.store.events import Columns, EntitiesOf, read_descriptions, read_events, read_shown
from warehouse.store.statements import statement


class EventReader:
    """The part of `Warehouse` that reads events."""

    connection: duckdb.DuckDBPyConnection

    def events(
        self, start_ms: int, end_ms: int, entities: EntitiesOf = "all", *, ids: bool = True
    ) -> Columns:
        """Everything received in `[start_ms, end_ms)`, as integer columns for the models.

        Keys: `exposures.` exposure_id (object; with `ids`), user, item, shown_at, clicked (bool),
        dwell_seconds (float32, NaN where unknown), request, context [E, C]; `external.` user, item, domain,
        occurred_at, received_at; `users.` and `items.` index (ascending), fields [N, F], published_at,
        vectors (float32 [N, V], NaN where unknown; V is 0 where the source chose none). int64 unless said,
        -1 where unknown. Exposures are sorted by shown_at, external clicks by received_at, ties
        by row of the landed partition. Entities are those that the events mention and, with `all`, every one
        described before `end_ms`; the description is the latest that was valid before `end_ms`, or with
        `first_met` before the end of the hour of the entity's first event.
        """
        fields = {table: chosen_fields(self.connection, table) for table in FIELD_TABLES}
        return read_events(self.connection, fields, start_ms, end_ms, entities, ids)

    def descriptions(self, before_ms: int) -> Columns:
        """Every user and item with the latest description that was valid before an instant.

        Keys: `users.` and `items.` index, fields, published_at, vectors, as in `events`.
        """
        fields = {table: chosen_fields(self.connection, table) for table in FIELD_TABLES}
        return read_descriptions(self.connection, fields, before_ms)

    def shown(self, start_ms: int, end_ms: int) -> Columns:
        """How many exposures in `[start_ms, end_ms)` each user had, and when each item was first shown.

        Keys: `users.` user (ascending) and times; `items.` item (ascending) and first, ms.
        """
        return read_shown(self.connection, start_ms, end_ms)

    def data_hash(self, start_ms: int, end_ms: int) -> str:
        """Hash of the loaded batches that `events(start_ms, end_ms)` draws on: same files, same hash."""
        hashes = self.connection.execute(
            statement("batches", "hashes"), {"start_ms": start_ms, "end_ms": end_ms}
        ).fetchall()
        return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()

    def batch_hashes(self, start_ms: int, end_ms: int) -> list[tuple[str, str, int, str]]:
        """Table, partition, start and hash of the batches behind `data_hash`, in the order of their starts.

        A description without a date starts at 0.
        """
        rows = self.connection.execute(
            statement("batches", "hashes_by_start"), {"start_ms": start_ms, "end_ms": end_ms}
        ).fetchall()
        return [(table, partition, start, data_hash) for table, partition, start, data_hash in rows]
