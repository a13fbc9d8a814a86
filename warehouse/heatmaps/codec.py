"""The paper's own text form of heatmaps, `day, hour, channel: value; …` (3.1), one text a user; exact.

A value is the shortest decimal number that reads back as the same float32.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.heatmaps.cells import run_starts
from warehouse.heatmaps.reading import CellColumns
from warehouse.heatmaps.vocabulary import DAYS

HOURS, CHANNELS = 24, 1 << 16
_CELL = (
    r"^\s*(?P<day>\d{1,5})\s*,\s*(?P<hour>\d{1,5})\s*,\s*(?P<channel>\d{1,5})\s*:"
    r"\s*(?P<value>[-+.0-9a-zA-Z]+)\s*$"
)


class NotAHeatmap(ValueError):
    """A text that is not of the form, naming the user's place and what stands there."""


def to_text(cells: CellColumns) -> list[str]:
    """One text a user, empty for a user without cells; days count from 0, the oldest."""
    columns = [pa.array(column).cast(pa.string()) for column in (cells.day, cells.hour, cells.channel)]
    value = pa.array(cells.value, pa.float32()).cast(pa.string())
    where = pc.binary_join_element_wise(*columns, ", ")
    parts = pc.binary_join_element_wise(where, value, ": ").cast(pa.large_string())
    users = pa.ListArray.from_arrays(pa.array(cells.offsets, pa.int32()), parts)
    return pc.binary_join(users, pa.scalar("; ", pa.large_string())).to_pylist()


def from_text(texts: Sequence[str]) -> CellColumns:
    """The cells of one text a user; `to_text` of them gives the same texts, up to spaces and order.

    Raises NotAHeatmap for text of another form, a cell out of range, or the same cell twice.
    """
    users = pc.split_pattern(pa.array(texts, pa.large_string()), ";")
    user = pc.list_parent_indices(users).to_numpy()
    parts = pc.list_flatten(users)
    written = pc.not_equal(pc.utf8_trim_whitespace(parts), "").to_numpy(zero_copy_only=False)
    user, parts = user[written], parts.filter(pa.array(written))
    found = pc.extract_regex(parts, _CELL)
    _refuse(user, parts, found.is_null().to_numpy(zero_copy_only=False), "is not `day, hour, channel: value`")
    day, hour, channel = (
        pc.struct_field(found, name).cast(pa.int64()).to_numpy() for name in ("day", "hour", "channel")
    )
    outside = (day >= DAYS) | (hour >= HOURS) | (channel >= CHANNELS)
    _refuse(user, parts, outside, f"is outside {DAYS} days, {HOURS} hours and {CHANNELS} channels")
    value = _numbers(user, parts, pc.struct_field(found, "value"))
    place = ((user * DAYS + day) * HOURS + hour) * CHANNELS + channel
    order = np.argsort(place, kind="stable")
    place = place[order]
    again = np.ones(len(place), dtype=bool)
    again[run_starts(place)] = False
    _refuse(user[order], parts.take(pa.array(order)), again, "stands there twice")
    offsets = np.concatenate([[0], np.cumsum(np.bincount(user, minlength=len(texts)))])
    return CellColumns(offsets, day[order], hour[order], channel[order], value[order])


def _numbers(user: np.ndarray, parts: pa.Array, text: pa.Array) -> np.ndarray:
    try:
        return text.cast(pa.float32()).to_numpy()
    except pa.ArrowInvalid:
        wrong = np.array([not _is_number(one) for one in text.to_pylist()])
        _refuse(user, parts, wrong, "has a value that is no number")
        raise


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _refuse(user: np.ndarray, parts: pa.Array, wrong: np.ndarray, why: str) -> None:
    if wrong.any():
        place = int(np.argmax(wrong))
        raise NotAHeatmap(f"text {user[place]}: {parts[place].as_py().strip()!r} {why}")
