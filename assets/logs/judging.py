"""The gate beside the warehouse: nobody waits for a judgement, and none is written that has become wrong.

A batch is judged by what the warehouse holds (known ids, ids seen before, history), read over short
connections. Another load may commit meanwhile: before writing, the batches that were drawn on are compared
with those of now, and the rows are judged again if they differ.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from assets.logs.shared_opening import Opener, SharedOpening
from warehouse.landing import closed_days, layout
from warehouse.landing.contract import PROFILING_TABLES, PartitionKind, table_contract
from warehouse.landing.description import FILE_NAME, SourceDescription
from warehouse.landing.service_time import DAY_MS
from warehouse.store.connection import OtherSchema, WarehouseMissing, upgrade
from warehouse.store.warehouse import Warehouse

if TYPE_CHECKING:
    from expectations.gate import GateContext, GateResult, Lookup
    from expectations.settings import GateSettings

ATTEMPTS = 3  #: the last one judges while it holds the warehouse, so that nothing can come between

_REFERS: dict[Literal["users", "items"], str] = {"users": "user_id", "items": "item_id"}


@dataclass(frozen=True)
class Judgement:
    """What the gate said of rows, the state of the warehouse that it drew on, and how long it took."""

    result: GateResult
    state: str
    seconds: float


@dataclass(frozen=True)
class Question:
    """What is asked of the gate besides the rows: table, partitions, clock and limits.

    In a `replay` the rows are judged beside those that their own partitions hold already.
    """

    description: SourceDescription
    table: str
    partitions: Sequence[str]
    settings: GateSettings
    now_ms: int | None = None
    replay: bool = False

    @property
    def replaced(self) -> Sequence[str]:
        """Partitions whose rows in the warehouse make way for those that are judged."""
        return () if self.replay else self.partitions

    @property
    def refers(self) -> tuple[Literal["users", "items"], ...]:
        """Tables whose ids the rows must know.

        The profiler's tables admit any account: purchases come from shops that send no users.
        """
        if self.table in ("users", "items", *PROFILING_TABLES):
            return ()
        return tuple(table for table, key in _REFERS.items() if table_contract(self.table).column(key))

    def state(self, warehouse: Warehouse | None) -> str:
        """Hash of the batches that the answer depends on; empty where none has been loaded."""
        if warehouse is None:
            return ""
        return warehouse.state((self.table, *self.refers), replaced=(self.table, self.replaced))


def judge(question: Question, frame: pd.DataFrame, opened: Opener) -> Judgement:
    """The gate's answer about `frame`; the warehouse is open only while something is read from it."""
    from expectations.gate import gate

    began = time.perf_counter()
    context, state = _context(question, opened)
    result = gate(question.table, frame, context)
    return Judgement(result, state, time.perf_counter() - began)


def judge_and_write(
    path: Path,
    question: Question,
    frame: pd.DataFrame,
    accept: Callable[[Judgement], None],
    write: Callable[[Warehouse, Judgement], None],
) -> Judgement:
    """Judge rows without holding the warehouse, then write what the judgement says.

    Args:
        path: the warehouse's file.
        question, frame: what the gate is asked.
        accept: raises where the judgement forbids to write.
        write: stores the rows, in one transaction.
    """
    for _ in range(ATTEMPTS - 1):
        judgement = judge(question, frame, partial(reading, path))
        accept(judgement)
        with Warehouse(path) as warehouse:
            if question.state(warehouse) == judgement.state:
                write(warehouse, judgement)
                return judgement
    with Warehouse(path) as warehouse:
        judgement = judge(question, frame, lambda: nullcontext(warehouse))
        accept(judgement)
        write(warehouse, judgement)
    return judgement


@contextmanager
def reading(path: Path, wait_seconds: float = 60.0) -> Iterator[Warehouse | None]:
    """The warehouse for reading, brought to this version of the schema; None where nothing is loaded."""
    try:
        warehouse = Warehouse(path, read_only=True, wait_seconds=wait_seconds)
    except WarehouseMissing:
        yield None
        return
    except OtherSchema:
        upgrade(path)
        warehouse = Warehouse(path, read_only=True)
    with warehouse:
        yield warehouse


def gate_settings(description: SourceDescription, landing: Path) -> GateSettings:
    """The gate's limits with those that `source.json` changes.

    Raises ValueError with the file, the key, the value and what the key may be.
    """
    from expectations.settings import GateSettings

    try:
        return GateSettings.of(description.gate)
    except ValueError as error:
        raise ValueError(f"{landing / FILE_NAME}: {error}") from error


def _context(question: Question, opened: Opener) -> tuple[GateContext, str]:
    """What the gate must know to judge, and the state of the warehouse that says so."""
    from expectations.gate import ColumnSpec, GateContext

    contract = question.description.contract(question.table)
    zone = question.description.service_zone
    columns = {
        column.name: ColumnSpec(kind=column.type.value, required=column.required)
        for column in contract.columns
    }
    nobody = np.empty(0, dtype=object)
    known: dict[str, Lookup] = dict.fromkeys(question.refers, nobody)
    bounds = {p: layout.bounds(contract, zone, p) for p in question.partitions}
    history, loaded, width = None, dict[str, int](), None
    shared = SharedOpening(opened)
    with opened() as warehouse:
        state = question.state(warehouse)
        if warehouse is not None:
            known = {table: _KnownIds(shared, table) for table in question.refers}
            history = _history(question, warehouse, bounds)
            width = warehouse.vector_width(question.table, contract.vector) if contract.vector else None
            of_call = warehouse.loaded(question.table, question.partitions)
            loaded = dict(zip(of_call["partition"], of_call["rows_in"].astype(int), strict=True))
    now_ms = int(time.time() * 1000) if question.now_ms is None else question.now_ms
    context = GateContext(
        columns=columns,
        partitions=bounds,
        now_ms=now_ms,
        known=known,
        width=width,
        existing_ids=partial(_existing_ids, shared, question.replaced),
        purchased=partial(_first_purchases, shared, question.replaced),
        asking=shared.asking,
        domains=question.description.domains,
        history=history,
        loaded=loaded,
        closed=closed_days.of(question.description.closed_days, question.partitions),
        settings=question.settings,
    )
    return context, state


@dataclass(frozen=True)
class _KnownIds:
    """Says which of some ids have a dimension row, and how many ids have one."""

    opened: Opener
    table: Literal["users", "items"]

    def __call__(self, ids: np.ndarray) -> set[str]:
        with self.opened() as warehouse:
            return warehouse.known_ids(self.table, ids.tolist()) if warehouse else set()

    def __len__(self) -> int:
        with self.opened() as warehouse:
            return warehouse.described(self.table) if warehouse else 0


def _history(
    question: Question, warehouse: Warehouse, bounds: Mapping[str, tuple[int, int] | None]
) -> pd.DataFrame:
    """The former batches that the partitions of a call are compared with.

    An hour is compared with the same hour of the days that `max_history_days` names: no others are read.
    """
    starts = [limits[0] for limits in bounds.values() if limits is not None]
    if table_contract(question.table).partition is not PartitionKind.HOUR or not starts:
        return warehouse.history(question.table, except_partitions=question.partitions)
    return warehouse.history(
        question.table,
        since_ms=min(starts) - question.settings.max_history_days * DAY_MS,
        before_ms=max(starts),
        cycle_ms=DAY_MS,
        phases={start % DAY_MS for start in starts},
        except_partitions=question.partitions,
    )


def _existing_ids(opened: Opener, replaced: Sequence[str], ids: np.ndarray) -> set[str]:
    if not len(ids):
        return set()
    with opened() as warehouse:
        return warehouse.existing_exposure_ids(ids, replaced) if warehouse else set()


def _first_purchases(opened: Opener, replaced: Sequence[str], purchases: pd.DataFrame) -> np.ndarray:
    with opened() as warehouse:
        if warehouse is None:
            return np.full(len(purchases), np.nan)
        return warehouse.first_purchases(purchases, replaced)
