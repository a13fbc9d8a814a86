"""From blocks of accounts to days: rows wait on disk, so that memory holds one block, then one day."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType

import numpy as np

from warehouse.landing.service_time import DAY_MS


class Spool:
    """Rows of many blocks, each in order of `at_ms`, given back day by day; its folder goes at the end."""

    def __init__(self, folder: Path, dtype: np.dtype, days: int) -> None:
        self.folder, self.dtype = folder, dtype
        self._edges = np.arange(days + 1) * DAY_MS
        self._offsets: list[np.ndarray] = []

    def __enter__(self) -> Spool:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def add(self, rows: np.ndarray) -> None:
        """Keep the rows of a block, structured, in order of `at_ms`."""
        rows.tofile(self._path(len(self._offsets)))
        self._offsets.append(np.searchsorted(rows["at_ms"], self._edges))

    def days(self, start: int, stop: int) -> np.ndarray:
        """Rows of the days `[start, stop)` in order of time; at the same time, in order of their blocks."""
        parts = [np.empty(0, self.dtype)]
        for block, offsets in enumerate(self._offsets):
            low, high = int(offsets[start]), int(offsets[stop])
            at = low * self.dtype.itemsize
            parts.append(np.fromfile(self._path(block), self.dtype, count=high - low, offset=at))
        rows = np.concatenate(parts)
        return rows[np.argsort(rows["at_ms"], kind="stable")]

    def _path(self, block: int) -> Path:
        return self.folder / f"{block:06d}.bin"
