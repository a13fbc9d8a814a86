"""Sorted runs of pair keys with their totals: searched, merged and written in slices of a few million rows.

A run may be larger than memory: it is memory-mapped, and the pages that a slice has read are given back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.ranking.features.array_files import forget

SLICE = 1 << 21  #: rows that a pass over a run holds in memory at once
FEW = 1 << 16  #: questions that are looked up one by one, wherever they lie


@dataclass(frozen=True)
class PairRun:
    """Totals of P pairs."""

    keys: np.ndarray  #: int64 [P] of `pair_key`, ascending
    sums: tuple[np.ndarray, ...]  #: unsigned [P] of each measure, as narrow as they fit
    last: np.ndarray  #: uint16 [P] day on which the pair was last met, counted from the history's first

    @classmethod
    def empty(cls, measures: int) -> PairRun:
        """No pair at all."""
        sums = tuple(np.empty(0, np.uint8) for _ in range(measures))
        return cls(np.empty(0, np.int64), sums, np.empty(0, np.uint16))

    @classmethod
    def of_day(cls, keys: np.ndarray, sums: Sequence[np.ndarray], day: int) -> PairRun:
        """Pairs that were all met on one day, their totals [P] as narrow as they fit."""
        return cls(keys, tuple(narrow(s) for s in sums), np.full(len(keys), day, np.uint16))

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """The arrays by name: `keys`, `sum0` …, `last`."""
        named = {f"sum{m}": column for m, column in enumerate(self.sums)}
        return {"keys": self.keys} | named | {"last": self.last}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> PairRun:
        """The run that has these `columns`."""
        sums = tuple(arrays[f"sum{m}"] for m in range(len(arrays) - 2))
        return cls(arrays["keys"], sums, arrays["last"])

    def part(self, first: int, last: int) -> PairRun:
        """The rows [first, last)."""
        at = slice(first, last)
        return PairRun(self.keys[at], tuple(s[at] for s in self.sums), self.last[at])

    def forget(self) -> None:
        """Give back the memory of what was read of memory-mapped columns."""
        for column in self.columns.values():
            forget(column)

    def find(self, keys: np.ndarray, sums: np.ndarray, last: np.ndarray, unknown: np.ndarray) -> np.ndarray:
        """Look up those questions that are still open, in one pass in key order.

        Args:
            keys: int64 [Q] ascending.
            sums: int64 or int32 [M, Q], filled where a pair is in this run.
            last: int32 [Q], likewise.
            unknown: int64 positions of open questions, ascending.

        Returns:
            Those of `unknown` that this run does not answer.
        """
        if not len(self) or not len(unknown):
            return unknown
        if len(unknown) <= FEW:
            return self._find(keys, sums, last, unknown)
        cuts = [*range(0, len(self), SLICE), len(self)]
        ends = np.searchsorted(keys[unknown], self.keys[cuts[1:-1]]) if len(cuts) > 2 else np.empty(0, int)
        bounds = [0, *ends.tolist(), len(unknown)]
        open_still = []
        for i in range(len(cuts) - 1):
            part = self.part(cuts[i], cuts[i + 1])
            open_still.append(part._find(keys, sums, last, unknown[bounds[i] : bounds[i + 1]]))
            self.forget()
        return np.concatenate(open_still)

    def _find(self, keys: np.ndarray, sums: np.ndarray, last: np.ndarray, unknown: np.ndarray) -> np.ndarray:
        wanted = keys[unknown]
        known = self.keys.view(np.ndarray)  # a mapped file's own class costs more, for few questions
        at = np.minimum(known.searchsorted(wanted), len(self) - 1)
        hit = known[at] == wanted
        at, answered = at[hit], unknown[hit]
        for m, column in enumerate(self.sums):
            sums[m, answered] = column.view(np.ndarray)[at]
        last[answered] = self.last.view(np.ndarray)[at]
        return unknown[~hit]


def narrow(column: np.ndarray) -> np.ndarray:
    """Counts ≥ 0 in the narrowest unsigned integers that hold them."""
    return column.astype(np.min_scalar_type(int(column.max()) if len(column) else 0))


def merged(older: PairRun, newer: PairRun, oldest_day: int) -> Iterator[PairRun]:
    """The two runs as one, slice by slice; a row of `newer` takes the place of `older`'s.

    Args:
        oldest_day: pairs that were last met before this day are left out.
    """
    longer = older if len(older) >= len(newer) else newer
    cuts = longer.keys[SLICE::SLICE]
    bounds = [np.append(np.searchsorted(run.keys, cuts), len(run)).tolist() for run in (older, newer)]
    begin = [0, 0]
    for end in zip(*bounds, strict=True):
        yield _merge(older.part(begin[0], end[0]), newer.part(begin[1], end[1]), oldest_day)
        older.forget()
        newer.forget()
        begin = list(end)


def _merge(older: PairRun, newer: PairRun, oldest_day: int) -> PairRun:
    keep = older.last >= oldest_day
    at = np.searchsorted(older.keys, newer.keys)
    inside = at[at < len(older)]
    keep[inside[older.keys[inside] == newer.keys[: len(inside)]]] = False
    new = newer.last >= oldest_day
    # A new row stands behind the older rows that stay and are smaller.
    before = np.zeros(len(older) + 1, np.int64)
    np.cumsum(keep, out=before[1:])
    to = before[at[new]] + np.arange(int(new.sum()))
    from_older = np.ones(int(before[-1]) + len(to), bool)
    from_older[to] = False
    columns = {}
    for name, column in older.columns.items():
        other = newer.columns[name]
        out = np.empty(len(from_older), np.result_type(column, other))
        out[to] = other[new]
        out[from_older] = column[keep]
        columns[name] = out
    return PairRun.from_arrays(columns)


def joined(parts: Iterator[PairRun]) -> PairRun:
    """Slices in memory, one after another."""
    columns = [part.columns for part in parts]
    return PairRun.from_arrays({name: np.concatenate([c[name] for c in columns]) for name in columns[0]})


def write(parts: Iterator[PairRun], folder: Path, prefix: str) -> PairRun:
    """Write slices one after another into `<prefix>.<column>.npy` files of `folder`.

    Returns:
        The run, mapped from there; it stays readable when the folder is renamed or removed.
    """
    files: dict[str, _ArrayFile] = {}
    for part in parts:
        for name, column in part.columns.items():
            if name not in files:
                files[name] = _ArrayFile(folder / f"{prefix}.{name}.npy", column.dtype)
            files[name].append(column)
    for file in files.values():
        file.close()
    return PairRun.from_arrays({name: np.load(file.path, mmap_mode="r") for name, file in files.items()})


class _ArrayFile:
    """A one-dimensional .npy file whose length is known only once it is written.

    The header of a plain type is 128 bytes whatever the length, so that it can be written over.
    """

    def __init__(self, path: Path, dtype: np.dtype) -> None:
        self.path, self._dtype, self._rows = path, dtype, 0
        self._file = path.open("wb")
        self._header()

    def append(self, column: np.ndarray) -> None:
        column.astype(self._dtype, copy=False).tofile(self._file)
        self._rows += len(column)

    def close(self) -> None:
        self._file.seek(0)
        self._header()
        self._file.close()

    def _header(self) -> None:
        about = {"descr": self._dtype.str, "fortran_order": False, "shape": (self._rows,)}
        np.lib.format.write_array_header_1_0(self._file, about)
