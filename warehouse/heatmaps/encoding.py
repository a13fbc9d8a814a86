"""From events to cells: DuckDB cuts out a period; small sorts and dense sums, chunk by chunk, do the rest.

Events come in order of time, and what a user buys at one instant mostly lies together: such runs are sorted,
not rows. A chunk is some thousand runs, cut between hours of the clock. Its runs are sorted by user and hour,
as packed 64-bit keys; amounts are added up in a dense block, (user, hour) × channel, that stays in the
processor's cache; the block's entries in use are the chunk's cells, in order. At last the hours of all chunks
are sorted by user. No hash table is filled, no list is built row by row. Sums are taken in float64 in order
of time: the same events give the same bits, however they were loaded, and with whichever period they are
encoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import duckdb
import numpy as np

from warehouse.heatmaps.cells import HeatmapCells, run_starts
from warehouse.heatmaps.plan import NO_CHANNEL, Plan
from warehouse.landing.local_time import QUARTER_MS, LocalZone
from warehouse.store.engine import cursor_of
from warehouse.store.statements import statement

_KEY_BITS = 63
_RUNS_AT_ONCE = 4096  #: in a chunk: with 50 channels a dense block of 1.6 MB
_SLOTS = 32  #: a day has 24 slots; keys leave room for 32, so that day and hour are parts of a number


@dataclass(frozen=True)
class HeatmapPeriod:
    """Whole local days, with the slot of every quarter hour."""

    first_day: int
    end_day: int  #: not included
    start_ms: int
    end_ms: int
    slot: np.ndarray  #: int64 [quarters]: (local day - first_day) · 32 + local hour

    @classmethod
    def of(cls, zone: LocalZone, first_day: int, end_day: int) -> HeatmapPeriod:
        """The local days `[first_day, end_day)`."""
        start, end = zone.midnight_ms(first_day), zone.midnight_ms(end_day)
        hours = zone.slots(start, end - 1)
        # A clock set back past midnight repeats minutes of a day that is over; the cut is at the midnight.
        day = np.clip(hours // 24 - first_day, 0, end_day - first_day - 1)
        return cls(first_day, end_day, start, end, day * _SLOTS + hours % 24)

    def slots(self, at_ms: np.ndarray) -> np.ndarray:
        """The slot of each instant, int64 [N] → int64 [N]."""
        return self.slot[at_ms // QUARTER_MS - self.start_ms // QUARTER_MS]


@dataclass(frozen=True)
class _Runs:
    """Events of one table in order of time, and their runs: neighbouring rows of one user and instant."""

    amount: np.ndarray  #: float64 [N]
    kind: np.ndarray  #: class, int32 [N]
    start: np.ndarray  #: int64 [R + 1], the first row of each run, and N
    user: np.ndarray  #: int64 [R]
    at_ms: np.ndarray  #: int64 [R]
    slot: np.ndarray  #: int64 [R]
    paid: np.ndarray  #: bool [R], whether a run is a purchase that was not cancelled as a whole


@dataclass(frozen=True)
class _Hours:
    """Cells by the hours of users in which they lie."""

    key: np.ndarray  #: int64 [H], user and slot
    cells: np.ndarray  #: int64 [H], how many each has
    channel: np.ndarray  #: uint16 [n]
    value: np.ndarray  #: float32 [n]


def encode(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    period: HeatmapPeriod,
    users: tuple[int, int] | None = None,
) -> HeatmapCells:
    """The cells of a period's events; of users with an index in `[users[0], users[1])` where given."""
    bits = _bits((period.end_day - period.first_day) * _SLOTS)
    hours = []
    for table in plan.tables:
        runs = _runs(connection, table, period, users)
        edges = _edges(runs.slot)
        hours += [_chunk(runs, slice(low, high), plan, table, bits) for low, high in pairwise(edges)]
    return _together(hours, period, bits, mixed=len(plan.tables) > 1)


def _runs(
    connection: duckdb.DuckDBPyConnection, table: str, period: HeatmapPeriod, users: tuple[int, int] | None
) -> _Runs:
    parameters = {"start_ms": period.start_ms, "end_ms": period.end_ms}
    only = ""
    if users is not None:
        only = statement("heatmaps", "users_between")
        parameters |= {"first_user": users[0], "end_user": users[1]}
    # As Arrow columns: numpy ones come with a mask each, at twice the cost. A cursor of its own, because a
    # result of the connection may still be open.
    with cursor_of(connection) as own:
        events = own.sql(statement("heatmaps", table, users=only), params=parameters).to_arrow_table()
    user, at_ms, kind, amount = (
        events[name].to_numpy() for name in ("user_index", "at_ms", "class", "amount")
    )
    if not bool((at_ms[1:] >= at_ms[:-1]).all()):
        # Rows of one instant lie in one partition, where they keep the order in which they landed.
        order = np.argsort(at_ms, kind="stable")
        user, at_ms, kind, amount = user[order], at_ms[order], kind[order], amount[order]
    begins = np.ones(len(user), dtype=bool)
    np.not_equal(user[1:], user[:-1], out=begins[1:])
    begins[1:] |= at_ms[1:] != at_ms[:-1]
    start = np.flatnonzero(begins)
    at_ms = at_ms[start]
    # Classes of cancelled purchases are odd.
    paid = np.bitwise_and.reduceat(kind, start) & 1 == 0 if len(start) else begins
    return _Runs(
        amount=amount,
        kind=kind,
        start=np.append(start, len(user)),
        user=user[start].astype(np.int64),
        at_ms=at_ms,
        slot=period.slots(at_ms),
        paid=paid,
    )


def _edges(slot: np.ndarray) -> list[int]:
    """Where chunks of runs begin, and the end: only where an hour is over for good."""
    if not len(slot):
        return [0]
    # A clock that is set back past midnight comes to an hour twice, with another in between.
    over = np.maximum.accumulate(slot)[:-1] < np.minimum.accumulate(slot[::-1])[::-1][1:]
    possible = np.append(np.flatnonzero(over) + 1, len(slot))
    targets = np.arange(_RUNS_AT_ONCE, len(slot), _RUNS_AT_ONCE)
    return [0, *np.unique(np.append(possible[np.searchsorted(possible, targets)], len(slot))).tolist()]


def _chunk(runs: _Runs, chunk: slice, plan: Plan, table: str, slot_bits: int) -> _Hours:
    """The cells of a stretch of runs that has every hour whole."""
    key, order = _sorted((runs.user[chunk] << slot_bits) | runs.slot[chunk])
    begins = np.ones(len(key), dtype=bool)
    np.not_equal(key[1:], key[:-1], out=begins[1:])
    hour = np.cumsum(begins) - 1
    key = key[begins]
    width = len(plan.last) + 1  # one column more, for events that have no channel
    trash = width - 1
    base = np.empty(len(order), dtype=np.int64)
    base[order] = hour * width
    starts = runs.start[chunk.start : chunk.stop + 1]
    base = np.repeat(base, np.diff(starts))
    rows = slice(int(starts[0]), int(starts[-1]))
    value, used = np.zeros(len(key) * width), np.zeros(len(key) * width, dtype=bool)
    for layer in plan.layers:
        if layer.table == table:
            channel = np.where(layer.channel == NO_CHANNEL, trash, layer.channel)[runs.kind[rows]]
            amount = runs.amount[rows]
            if plan.counted.any():
                amount = np.where(np.append(plan.counted, False)[channel], 1.0, amount)
            cell = base + channel
            value += np.bincount(cell, weights=amount, minlength=len(value))
            used[cell] = True
            if plan.last.any():
                owned = np.append(plan.last, False)[channel]
                value[cell[owned]] = amount[owned]  # of several the last one stays
    if table == "purchases" and plan.baskets is not None:
        payments = _payments(hour, runs.at_ms[chunk][order], runs.paid[chunk][order], len(key))
        value[plan.baskets :: width], used[plan.baskets :: width] = payments, payments > 0
    used[trash::width] = False
    cells_used = np.flatnonzero(used)
    of_hour = cells_used // width
    return _Hours(
        key=key,
        cells=np.bincount(of_hour, minlength=len(key)),
        channel=(cells_used - of_hour * width).astype(np.uint16),
        value=value[cells_used].astype(np.float32),
    )


def _payments(hour: np.ndarray, at_ms: np.ndarray, paid: np.ndarray, hours: int) -> np.ndarray:
    """At how many instants something was paid in each hour, int64 [hours]; runs are by (hour, instant)."""
    hour, at_ms = hour[paid], at_ms[paid]
    fresh = np.ones(len(hour), dtype=bool)
    fresh[1:] = (hour[1:] != hour[:-1]) | (at_ms[1:] != at_ms[:-1])
    return np.bincount(hour[fresh], minlength=hours)


def _together(hours: list[_Hours], period: HeatmapPeriod, slot_bits: int, mixed: bool) -> HeatmapCells:
    """The cells of all chunks by user; `mixed` where two tables may have cells in the same hour."""
    if not hours:
        return HeatmapCells.of_rows(*(np.zeros(0, dtype=np.int64) for _ in range(5)))
    key, cells, channel, value = (
        np.concatenate([getattr(chunk, name) for chunk in hours])
        for name in ("key", "cells", "channel", "value")
    )
    begin = np.cumsum(cells) - cells
    key, order = _sorted(key)
    begin, cells = begin[order], cells[order]
    ends = np.cumsum(cells)
    rows = np.repeat(begin - (ends - cells), cells)
    rows += np.arange(len(rows))
    channel, value = channel[rows], value[rows]
    slot = key & ((1 << slot_bits) - 1)
    day = np.repeat((slot // _SLOTS + period.first_day).astype(np.uint16), cells)
    hour = np.repeat((slot % _SLOTS).astype(np.uint8), cells)
    user = key >> slot_bits
    if mixed:
        order = np.lexsort((channel, np.repeat(key, cells)))
        return HeatmapCells.of_rows(
            np.repeat(user, cells)[order], day[order], hour[order], channel[order], value[order]
        )
    first = run_starts(user)
    offsets = np.append((ends - cells)[first], len(value))
    nonempty = np.diff(offsets) > 0  # nobody without a cell
    return HeatmapCells(
        user=user[first][nonempty].astype(np.int32),
        offsets=np.append(offsets[:-1][nonempty], len(value)).astype(np.int32),
        day=day,
        hour=hour,
        channel=channel,
        value=value,
    )


def _sorted(key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keys in order, and where each came from; equal ones in the order in which they came."""
    bits = _bits(len(key))
    if len(key) == 0 or _bits(int(key.max()) + 1) + bits > _KEY_BITS:
        order = np.argsort(key, kind="stable")
        return key[order], order
    # With the position in the low bits a plain sort in place is a stable one, and twice as fast.
    packed = (key << bits) | np.arange(len(key))
    packed.sort()
    return packed >> bits, packed & ((1 << bits) - 1)


def _bits(values: int) -> int:
    """Bits that hold the numbers `0 … values - 1`."""
    return max(values - 1, 0).bit_length()
