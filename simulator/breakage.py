"""The ways to break a row: one function a rule of the quality gate, which must catch just that.

A Parquet column holds one type, so a column that receives a wrongly typed value becomes text as a whole
(instants as ISO 8601 with Z), and one that receives invalid UTF-8 becomes binary as a whole, as a sloppy
producer would write them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from warehouse.landing.contract import Column, ColumnType, PartitionKind, TableContract

#: Optional columns of which a bad value costs itself alone (expectations/values.py): no row to count.
VALUES_ONLY = ("request_id",)
_PARTITION_MS = {PartitionKind.HOUR: 3_600_000, PartitionKind.DAY: 86_400_000, PartitionKind.FILE: 0}


@dataclass
class Work:
    """A frame under corruption; the first change of a column turns it into text."""

    contract: TableContract
    frame: pd.DataFrame
    rng: np.random.Generator
    former_ids: np.ndarray
    text: dict[str, np.ndarray] = field(default_factory=dict)

    def columns(self, *types: ColumnType, required: bool = False) -> list[str]:
        """Columns of the frame of these types, of which a bad value costs the row."""
        named = (self.contract.column(str(name)) for name in self.frame if name not in VALUES_ONLY)
        return [
            column.name
            for column in named
            if column and (not types or column.type in types) and (column.required or not required)
        ]

    def column(self, name: str) -> np.ndarray:
        """The column as text (object), made so on first use."""
        if name not in self.text:
            column = self.contract.column(name)
            if column is None:
                raise KeyError(f"{self.contract.name}: {name!r} is not in the contract")
            self.text[name] = _as_text(self.frame[name], column)
        return self.text[name]

    def times(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Epoch milliseconds of a time column, from the unbroken frame."""
        return _milliseconds(self.frame[name].iloc[rows], name)

    def finished(self) -> pd.DataFrame:
        """The frame with the touched columns as text, or as bytes where one value is no text."""
        frame = self.frame.copy()
        for name, values in self.text.items():
            if bytes in set(map(type, values)):
                values = np.array([v.encode() if isinstance(v, str) else v for v in values], object)
            frame[name] = pd.Series(values, dtype=object)
        return frame

    def spread(self, names: list[str], rows: np.ndarray) -> list[tuple[str, np.ndarray]]:
        """The rows dealt out over the columns at random."""
        chosen = self.rng.integers(0, len(names), len(rows))
        return [(name, rows[chosen == position]) for position, name in enumerate(names)]


Way = Callable[[Work, np.ndarray], None]


def _required(work: Work, rows: np.ndarray) -> None:
    for name, some in work.spread(work.columns(required=True), rows):
        work.column(name)[some] = None


def _typed(work: Work, rows: np.ndarray) -> None:
    names = work.columns(ColumnType.TIME, ColumnType.FLAG, ColumnType.NUMBER)
    for name, some in work.spread(names, rows):
        work.column(name)[some] = "oops"


def _time_zone(work: Work, rows: np.ndarray) -> None:
    for name, some in work.spread(work.columns(ColumnType.TIME), rows):
        work.column(name)[some] = _iso(work.times(name, some), "")


def _text_utf8(work: Work, rows: np.ndarray) -> None:
    # One column only, the least used as a key: it becomes binary as a whole.
    name = (work.columns(ColumnType.CATEGORY) or work.columns(ColumnType.ID))[-1]
    column = work.column(name)
    column[rows] = [b"\xff\xfe" + str(value).encode() for value in column[rows]]


def _written(kind: ColumnType, text: str) -> Way:
    def way(work: Work, rows: np.ndarray) -> None:
        for name, some in work.spread(work.columns(kind), rows):
            work.column(name)[some] = text

    return way


def _clock(contract: TableContract) -> str:
    """The table's first time: the one that decides the partition, where there is one."""
    return contract.partition_time or next(c.name for c in contract.columns if c.type is ColumnType.TIME)


def _timed(text: str) -> Way:
    def way(work: Work, rows: np.ndarray) -> None:
        work.column(_clock(work.contract))[rows] = text

    return way


def _time_unit(work: Work, rows: np.ndarray) -> None:
    seconds = work.times(_clock(work.contract), rows) // 1000
    work.column(_clock(work.contract))[rows] = seconds.astype(str).astype(object)


def _time_in_partition(work: Work, rows: np.ndarray) -> None:
    # Back by 1 to 48 partitions, each row by its own number: one shift for many would be a skewed clock.
    name = _clock(work.contract)
    lengths = work.rng.integers(1, 49, len(rows)) * _PARTITION_MS[work.contract.partition]
    work.column(name)[rows] = _iso(work.times(name, rows) - lengths, "Z")


def _received_after_occurred(work: Work, rows: np.ndarray) -> None:
    # Less than a minute ahead, so that it is not in the future of a row received just now.
    ahead = work.rng.integers(1_000, 59_000, len(rows))
    work.column("occurred_at")[rows] = _iso(work.times("received_at", rows) + ahead, "Z")


def _one_of(column: str, *values: str) -> Way:
    def way(work: Work, rows: np.ndarray) -> None:
        work.column(column)[rows] = work.rng.choice(np.array(values, object), len(rows))

    return way


def _no_flag(column: str) -> Way:
    return _one_of(column, "2", "-1", "0.5")


def _finite(work: Work, rows: np.ndarray) -> None:
    for name, some in work.spread(work.columns(ColumnType.NUMBER), rows):
        work.column(name)[some] = work.rng.choice(np.array(["NaN", "inf", "-inf"], object), len(some))


def _cancelled_known(work: Work, rows: np.ndarray) -> None:
    # Of a genre that nobody buys: whatever else the account has bought, it has not bought this.
    work.column("cancelled")[rows] = "1"
    work.column("genre")[rows] = "never/bought"


def _stranger(column: str) -> Way:
    def way(work: Work, rows: np.ndarray) -> None:
        numbers = work.rng.integers(0, 2**62, len(rows)).astype(str)
        work.column(column)[rows] = np.char.add("stranger-", numbers).astype(object)

    return way


def _nothing(work: Work, rows: np.ndarray) -> None:
    """A plain copy: the row itself is good."""


def _exposure_id_new(work: Work, rows: np.ndarray) -> None:
    chosen = work.rng.choice(len(work.former_ids), len(rows), replace=False)
    work.column("exposure_id")[rows] = work.former_ids[chosen].astype(str)


_COMMON: dict[str, Way] = {
    "required": _required,
    "text_utf8": _text_utf8,
    "id_length": _written(ColumnType.ID, "x" * 300),
    "id_form": _written(ColumnType.ID, "123.0"),
    "text_length": _written(ColumnType.CATEGORY, "x" * 2_000),
}
TIMED: dict[str, Way] = {
    "typed": _typed,
    "time_zone": _time_zone,
    "time_unit": _time_unit,
    "time_plausible": _timed("1601-01-01T00:00:00Z"),  # the zero of Windows' clock
    "time_not_future": _timed("2100-01-01T00:00:00Z"),
}
_CUT: dict[str, Way] = {**_COMMON, **TIMED, "time_in_partition": _time_in_partition}
_EVENT: dict[str, Way] = {**_CUT, "user_known": _stranger("user_id"), "item_known": _stranger("item_id")}

#: Table → rule of its suite → the way to break a row so that this rule catches it.
WAYS: dict[str, dict[str, Way]] = {
    "exposures": {
        **_EVENT,
        "click_value": _no_flag("clicked"),
        "finite": _finite,
        "dwell_range": _one_of("dwell_seconds", "-1.0", "86401.0"),
        "exposure_id_unique": _nothing,
        "exposure_id_new": _exposure_id_new,
    },
    "external_clicks": {
        **_EVENT,
        "received_after_occurred": _received_after_occurred,
        "domain_known": _one_of("domain", "unheard-of"),
    },
    "users": {**_COMMON, "user_id_unique": _nothing},
    "items": {**_COMMON, **TIMED, "item_id_unique": _nothing},
    "purchases": {
        **_CUT,
        "finite": _finite,
        "price_range": _one_of("price", "-0.01", "-12.5"),
        "genre_path": _one_of("genre", "/", "a//b", "/a", "a/"),
        "cancelled_value": _no_flag("cancelled"),
        "cancelled_known": _cancelled_known,
    },
    "points": {**_CUT, "finite": _finite, "kind_known": _one_of("kind", "unheard-of")},
    "demographics": {**_COMMON, "typed": _typed, "finite": _finite, "user_id_unique": _nothing},
    "labels": {**_COMMON, **TIMED, "label_value": _no_flag("label"), "label_unique": _nothing},
}


def _as_text(values: pd.Series, column: Column) -> np.ndarray:
    """Object array of str and None: what a CSV of the column would hold."""
    missing = values.isna().to_numpy(bool)
    text = np.full(len(values), None, object)
    present = values[~missing]
    if column.type is ColumnType.TIME:
        text[~missing] = _iso(_milliseconds(present, column.name), "Z")
    elif column.type is ColumnType.FLAG:
        text[~missing] = present.astype(bool).astype(int).astype(str).to_numpy(object)
    else:
        text[~missing] = present.astype(str).to_numpy(object)
    return text


def _milliseconds(values: pd.Series, name: str) -> np.ndarray:
    if pd.api.types.is_integer_dtype(values.dtype):
        return values.to_numpy(np.int64)
    if pd.api.types.is_string_dtype(values.dtype) or values.dtype == object:
        raise TypeError(f"column {name!r} holds text: only good rows (instants or epoch ms) can be corrupted")
    # A missing instant (an item without a publication time) stands at 1970, so that it too can be broken.
    stamps = values.astype("datetime64[ms, UTC]").fillna(pd.Timestamp(0, tz="UTC"))
    return stamps.dt.tz_localize(None).to_numpy("datetime64[ms]").astype(np.int64)


def _iso(milliseconds: np.ndarray, zone: str) -> np.ndarray:
    text = np.datetime_as_string(np.asarray(milliseconds, np.int64).astype("datetime64[ms]"), unit="ms")
    return np.char.add(text, zone).astype(object)
