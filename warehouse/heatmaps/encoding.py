"""From events to cells: DuckDB cuts out a period, one sort of packed 64-bit keys does the rest.

A key holds, from the top: user, slot (hour since the period's first midnight), channel, and the event's place
in order of time. Sorting these numbers brings the events of a cell together, in order of time, and cells into
the order in which they are stored; no hash table is filled, no list is built row by row. Sums are taken in
float64 in order of time: the same events give the same bits, however they were loaded.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np

from warehouse.heatmaps.cells import Cells, run_starts
from warehouse.heatmaps.settings import SHOPPING_EVENTS, ChannelRule
from warehouse.heatmaps.vocabulary import Vocabulary, category_values, genre_at
from warehouse.local_time import QUARTER_MS, LocalZone
from warehouse.statements import statement
from warehouse.store import Warehouse

NO_CHANNEL = -1
_KEY_BITS = 63
_SLOTS = 32  #: a day has 24 slots; keys leave room for 32, so that day and hour are parts of a number


@dataclass(frozen=True)
class Layer:
    """To which channel each class of a table's events belongs.

    A class is genre code · 2 + cancelled for purchases, the kind's code for points.
    """

    table: str
    channel: np.ndarray  #: int64 [classes], NO_CHANNEL where events of the class have none


@dataclass(frozen=True)
class Plan:
    """How a modality's cells come about, for the codes that the warehouse has now."""

    layers: tuple[Layer, ...]
    baskets: int | None  #: the channel that counts payments
    last: np.ndarray  #: bool [C], whether a channel holds the hour's last amount instead of a sum
    counted: np.ndarray  #: bool [C], whether it counts events

    @property
    def tables(self) -> list[str]:
        """The tables on which it draws."""
        counted = [] if self.baskets is None else ["purchases"]
        return sorted({layer.table for layer in self.layers} | set(counted))

    @classmethod
    def of(cls, warehouse: Warehouse, vocabulary: Vocabulary, modality: str) -> Plan:
        """For one modality of a vocabulary."""
        channels = vocabulary.of(modality)
        genres = category_values(warehouse, "purchases", "genre")
        kinds = category_values(warehouse, "points", "kind")
        layers: list[Layer] = []
        baskets = None
        for rule in vocabulary.settings.rules:
            number = {
                channel.genre: place
                for place, channel in enumerate(channels)
                if ChannelRule(**channel.model_dump(exclude={"name", "genre"})) == rule
            }
            if not number:
                continue
            if (rule.event, rule.aggregate) == ("payments", "count"):
                baskets = number[None]
                continue
            layer = _points_layer(rule, kinds, number)
            if rule.event in SHOPPING_EVENTS:
                layer = _shopping_layer(rule, genres, number)
            _add(layers, layer)
        aggregates = np.array([channel.aggregate for channel in channels])
        return cls(tuple(layers), baskets, last=aggregates == "last", counted=aggregates == "count")


def _shopping_layer(rule: ChannelRule, genres: list[str], number: dict[str | None, int]) -> Layer:
    if rule.genre_level is None:
        channel = np.full(len(genres), number[None])
    else:
        level, other = rule.genre_level, number[None]
        channel = np.array([number.get(genre_at(path, level), other) for path in genres], dtype=np.int64)
    classes = np.full((len(genres), 2), NO_CHANNEL)
    classes[:, int(rule.event == "cancelled")] = channel
    return Layer("purchases", classes.ravel())


def _points_layer(rule: ChannelRule, kinds: list[str], number: dict[str | None, int]) -> Layer:
    named = [number[None] if kind == rule.event and None in number else NO_CHANNEL for kind in kinds]
    return Layer("points", np.array(named, dtype=np.int64))


def _add(layers: list[Layer], layer: Layer) -> None:
    """Lay over the first layer with which it has no class in common, so that events are gone through once."""
    for place, found in enumerate(layers):
        if found.table != layer.table:
            continue
        if not ((found.channel != NO_CHANNEL) & (layer.channel != NO_CHANNEL)).any():
            layers[place] = Layer(found.table, np.maximum(found.channel, layer.channel))
            return
    layers.append(layer)


@dataclass(frozen=True)
class Period:
    """Whole local days, with the slot of every quarter hour."""

    first_day: int
    end_day: int  #: not included
    start_ms: int
    end_ms: int
    slot: np.ndarray  #: int64 [quarters]: (local day - first_day) · 32 + local hour

    @classmethod
    def of(cls, zone: LocalZone, first_day: int, end_day: int) -> Period:
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
class _Events:
    """Events of one table in order of time."""

    user: np.ndarray  #: int32 [N]
    at_ms: np.ndarray  #: int64 [N]
    kind: np.ndarray  #: class, int32 [N]
    amount: np.ndarray  #: float64 [N]


def encode(
    connection: duckdb.DuckDBPyConnection, plan: Plan, period: Period, users: tuple[int, int] | None = None
) -> Cells:
    """The cells of a period's events; of users with an index in `[users[0], users[1])` where given."""
    found: list[tuple[np.ndarray, ...]] = []
    for table in plan.tables:
        events = _events(connection, table, period, users)
        slots = period.slots(events.at_ms)
        for layer in plan.layers:
            if layer.table != table:
                continue
            channel = layer.channel[events.kind]
            columns = (events.user, slots, channel, events.amount)
            if (channel == NO_CHANNEL).any():
                columns = tuple(column[channel != NO_CHANNEL] for column in columns)
            found.append(columns)
        if table == "purchases" and plan.baskets is not None:
            user, at_ms = _baskets(events, period)
            found.append((user, period.slots(at_ms), np.full(len(user), plan.baskets), np.ones(len(user))))
    return _aggregate(found, plan, period)


def _events(
    connection: duckdb.DuckDBPyConnection, table: str, period: Period, users: tuple[int, int] | None
) -> _Events:
    asked = {"start_ms": period.start_ms, "end_ms": period.end_ms}
    only = ""
    if users is not None:
        only = statement("heatmaps", "users_between")
        asked |= {"first_user": users[0], "end_user": users[1]}
    found = connection.execute(statement("heatmaps", table, users=only), asked).fetchnumpy()
    user, at_ms, kind, amount = (
        np.ma.getdata(found[name]) for name in ("user_index", "at_ms", "class", "amount")
    )
    if not bool((at_ms[1:] >= at_ms[:-1]).all()):
        # Rows of one instant lie in one partition, where they keep the order in which they landed.
        order = np.argsort(at_ms, kind="stable")
        user, at_ms, kind, amount = user[order], at_ms[order], kind[order], amount[order]
    return _Events(user, at_ms, kind, amount)


def _baskets(events: _Events, period: Period) -> tuple[np.ndarray, np.ndarray]:
    """User (int64) and instant (int64) of every payment: what a user bought, and kept, at one instant."""
    kept = events.kind % 2 == 0
    # Purchases of a basket mostly follow each other: one of each run is enough to look at.
    kept[1:] &= (events.at_ms[1:] != events.at_ms[:-1]) | (events.user[1:] != events.user[:-1]) | ~kept[:-1]
    bits = _bits(period.end_ms - period.start_ms)
    key = (events.user[kept].astype(np.int64) << bits) | (events.at_ms[kept] - period.start_ms)
    key.sort()
    key = key[run_starts(key)]
    return key >> bits, (key & ((1 << bits) - 1)) + period.start_ms


def _aggregate(found: list[tuple[np.ndarray, ...]], plan: Plan, period: Period) -> Cells:
    """From user, slot, channel and amount of every event to cells."""
    n = sum(len(part[0]) for part in found)
    channels = len(plan.last)
    slot_bits, channel_bits = _bits((period.end_day - period.first_day) * _SLOTS), _bits(channels)
    cell, amount, at = np.empty(n, dtype=np.int64), np.empty(n), 0
    for user, slot, channel, amounts in found:
        here = slice(at, at + len(user))
        cell[here] = user
        cell[here] <<= slot_bits
        cell[here] |= slot
        cell[here] <<= channel_bits
        cell[here] |= channel
        amount[here] = np.where(plan.counted[channel], 1.0, amounts) if plan.counted.any() else amounts
        at += len(user)
    cell, amount = _sorted(cell, amount)
    first = run_starts(cell)
    value = np.add.reduceat(amount, first) if n else amount
    cell = cell[first]
    channel = cell & ((1 << channel_bits) - 1)
    if plan.last.any():
        value = np.where(plan.last[channel], amount[np.append(first[1:], n) - 1] if n else amount, value)
    cell >>= channel_bits
    slot = (cell & ((1 << slot_bits) - 1)).astype(np.uint16)
    return Cells.of_rows(
        user=(cell >> slot_bits).astype(np.int32),
        day=slot // np.uint16(_SLOTS) + np.uint16(period.first_day),
        hour=slot % np.uint16(_SLOTS),
        channel=channel,
        value=value,
    )


def _sorted(cell: np.ndarray, amount: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both by cell, equal ones in the order in which they came."""
    bits = _bits(len(cell))
    if len(cell) == 0 or _bits(int(cell.max()) + 1) + bits > _KEY_BITS:
        order = np.argsort(cell, kind="stable")
        return cell[order], amount[order]
    # With the place in the low bits a plain sort in place is a stable one, and four times as fast.
    cell <<= bits
    cell |= np.arange(len(cell))
    cell.sort()
    amount = amount[cell & ((1 << bits) - 1)]
    cell >>= bits
    return cell, amount


def _bits(values: int) -> int:
    """Bits that hold the numbers `0 … values - 1`."""
    return max(values - 1, 0).bit_length()
