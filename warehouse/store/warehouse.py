"""The warehouse: typed tables in one DuckDB file, written a partition at a time, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal

import numpy as np
import pandas as pd

from warehouse.landing.contract import TableContract
from warehouse.landing.description import SourceDescription
from warehouse.landing.records import PartitionLoad
from warehouse.store import lookups
from warehouse.store.configuring import chosen_contract, chosen_fields, chosen_numbers, configure
from warehouse.store.connection import connect
from warehouse.store.event_reading import EventReader
from warehouse.store.id_index import IdIndex
from warehouse.store.load import check_invariant, load_partitions
from warehouse.store.statements import statement
from warehouse.store.stored_results import StoredResults
from warehouse.store.transactions import transaction
from warehouse.store.vectors import width_of

FIRST_MS, LAST_MS = -(1 << 62), 1 << 62  #: bounds of all times


class Warehouse(EventReader, StoredResults):
    """One DuckDB file, open for as long as the `with` block lasts; close it before anything long.

    While one process writes, no other can even read: opening waits up to `wait_seconds`, then raises
    WarehouseBusy.
    """

    def __init__(self, path: Path, *, read_only: bool = False, wait_seconds: float = 60.0) -> None:
        self.path = Path(path)
        self.read_only = read_only
        self._file = connect(self.path, read_only=read_only, wait_seconds=wait_seconds)
        self.connection = self._file.connection
        self._ids: IdIndex | None = None

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._close_ids()
        self._file.close()

    @contextmanager
    def changing_ids(self) -> Iterator[IdIndex]:
        """The index of ids for a load, which is looked at anew where the load comes to nothing."""
        try:
            yield self.ids
        except BaseException:
            self._close_ids()
            raise

    def _close_ids(self) -> None:
        if self._ids is not None:
            self._ids.close()
            self._ids = None

    def configure(self, description: SourceDescription) -> None:
        """Add the source's chosen columns to the schema and remember their order; twice is the same as once.

        A column that is no longer chosen stays stored. One that is newly chosen is empty until its partitions
        are loaded again. Raises ValueError, with nothing changed, for a name that the warehouse owns.
        """
        with transaction(self.connection):
            configure(self.connection, description)

    def fields(self, table: str) -> tuple[str, ...]:
        """The categorical columns of a table that are kept, in the order in which models see them."""
        return chosen_fields(self.connection, table)

    def numbers(self, table: str) -> tuple[str, ...]:
        """The chosen numeric columns of a table, in order."""
        return chosen_numbers(self.connection, table)

    def vector_width(self, table: str, column: str) -> int | None:
        """How long the vectors of a column are, chosen or not; None before the first one is loaded."""
        return width_of(self.connection, table, column)

    def category_names(self, table: str, column: str) -> tuple[str, ...]:
        """The values of a coded column, by code."""
        named = {"table": table, "column": column}
        rows = self.connection.execute(statement("profiling", "category_names"), named).fetchall()
        return tuple(value for (value,) in rows)

    def contract(self, table: str) -> TableContract:
        """The landing contract of a table with the chosen columns."""
        return chosen_contract(self.connection, table)

    def load(
        self,
        table: str,
        loads: Sequence[PartitionLoad],
        rows: pd.DataFrame,
        quarantined: pd.DataFrame,
        *,
        description: SourceDescription | None = None,
    ) -> None:
        """Replace the partitions of `loads` by these rows, in one transaction; twice is the same as once.

        Args:
            table: name in the landing contract.
            loads: one record a partition, also of an empty one.
            rows: those kept of all these partitions: `_partition`, `_row` and the contract's columns, typed.
            quarantined: `partition, row, rule, rules, column, value, remedy, row_json, file`; one row each.
            description: chosen columns to `configure` in the same transaction; default: those of before.

        New ids and category values get the next dense numbers in the order (partition start, row). Raises
        InvariantBroken, with nothing written, unless every partition has files and rows in = kept +
        quarantined.
        """
        with self.changing_ids() as ids:
            load_partitions(self.connection, ids, table, loads, rows, quarantined, description)

    def loaded(
        self,
        table: str,
        partitions: Collection[str] | None = None,
        *,
        start_ms: int = FIRST_MS,
        end_ms: int = LAST_MS,
    ) -> pd.DataFrame:
        """One row a loaded partition: partition, start_ms, files_hash, data_hash, rows_in, kept, ….

        Only those of `partitions`, where they are named, that begin in `[start_ms, end_ms)`.
        """
        asked = None if partitions is None else list(partitions)
        values = {"table": table, "partitions": asked, "start_ms": start_ms, "end_ms": end_ms}
        return self.connection.execute(statement("batches", "loaded"), values).df()

    def history(
        self,
        table: str,
        *,
        since_ms: int = FIRST_MS,
        before_ms: int = LAST_MS,
        cycle_ms: int | None = None,
        phases: Collection[int] = (),
        except_partitions: Collection[str] = (),
    ) -> pd.DataFrame:
        """The gate's statistics of former batches, one row a partition (index), the columns that it gave.

        Only of those that begin in `[since_ms, before_ms)`, and with `cycle_ms` at one of the `phases` of it.
        """
        values: dict[str, object] = {"table": table, "since_ms": since_ms, "before_ms": before_ms}
        values |= {"cycle_ms": cycle_ms, "phases": list(phases), "except_partitions": list(except_partitions)}
        batches = self.connection.execute(statement("batches", "history"), values).fetchall()
        rows = [json.loads(row[-1]) for row in batches]
        return pd.DataFrame(rows, index=pd.Index([row[0] for row in batches], name="partition", dtype="str"))

    @property
    def ids(self) -> IdIndex:
        """The index of ids, made where there is none for what this file holds."""
        if self._ids is None:
            self._ids = IdIndex(self.path, self.connection)
        return self._ids

    def known_ids(self, table: Literal["users", "items"], ids: Sequence[str]) -> set[str]:
        """Those of `ids` that have a dimension row."""
        return lookups.described(self.connection, self.ids, table, ids)

    def described(self, table: Literal["users", "items"]) -> int:
        """How many ids have a dimension row."""
        return lookups.described_count(self.connection, table)

    def existing_exposure_ids(self, ids: Collection[str], except_partitions: Collection[str]) -> set[str]:
        """Those of `ids` that are stored in partitions other than the named ones."""
        return lookups.existing_exposure_ids(self.connection, self.ids, ids, except_partitions)

    def first_purchases(self, queries: pd.DataFrame, except_partitions: Collection[str]) -> np.ndarray:
        """Epoch ms of the first purchase, not cancelled, of each query (user, genre and brand as text).

        A missing brand is any. The named partitions do not count. float64 [rows], NaN where there is none.
        """
        return lookups.first_purchases(self.connection, queries, except_partitions)

    def state(self, tables: Collection[str], replaced: tuple[str, Collection[str]]) -> str:
        """Says what is loaded of these tables, but for the partitions `replaced` (table, keys).

        It is equal before and after a load that changed nothing of it; empty where nothing is loaded.
        """
        return lookups.state(self.connection, tables, replaced)

    def check_invariant(self, table: str | None = None, partitions: Collection[str] | None = None) -> None:
        """Raise InvariantBroken if a partition's rows in differ from its stored and quarantined rows."""
        check_invariant(self.connection, table, partitions)
