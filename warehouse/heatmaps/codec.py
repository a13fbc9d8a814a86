"""The paper's own text form of heatmaps, `day, hour, channel: value; …` (3.1), one text a user; exact.

A value is the shortest decimal number that reads back as the same float32.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.heatmaps.reading import CellColumns


def to_text(cells: CellColumns) -> list[str]:
    """One text a user, empty for a user without cells; days count from 0, the oldest."""
    columns = [pa.array(column).cast(pa.string()) for column in (cells.day, cells.hour, cells.channel)]
    value = pa.array(cells.value, pa.float32()).cast(pa.string())
    where = pc.binary_join_element_wise(*columns, ", ")
    parts = pc.binary_join_element_wise(where, value, ": ").cast(pa.large_string())
    users = pa.ListArray.from_arrays(pa.array(cells.offsets, pa.int32()), parts)
    return pc.binary_join(users, pa.scalar("; ", pa.large_string())).to_pylist()
