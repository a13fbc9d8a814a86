"""Large arrays in files that are mapped into memory, and a bound on what of them a process holds.

The pages of a mapped file that were read or written count as the process's memory. The system takes them back
when others need memory, but not before, so what is read at random for hours is held in full at last. Here a
process gives all of them back by itself when they are many: what was written stays in the file, and what is
asked for again comes back at the cost of a fault.
"""

from __future__ import annotations

import mmap
import tempfile
from math import prod
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np

MOST = 2**31  #: bytes of mapped pages, beside those of libraries, from which on they are given back
STATM = Path("/proc/self/statm")  #: pages of a process; its third number counts those of files

_files: WeakSet[mmap.mmap] = WeakSet()
_floor = 0  #: bytes of mapped pages after they were given back last: libraries, and files of others


def scratch_array(shape: tuple[int, ...], dtype: np.dtype[Any], folder: Path) -> np.ndarray:
    """An array yet to be filled in a file without a name in `folder`, which vanishes with the process."""
    with tempfile.TemporaryFile(dir=folder) as file:
        size = max(prod(shape) * dtype.itemsize, 1)
        file.truncate(size)
        mapping = mmap.mmap(file.fileno(), size)
    # Rows are read here and there: what the disk would read around one of them is of no use.
    _advise(mapping, "MADV_RANDOM")
    _files.add(mapping)
    return np.frombuffer(mapping, dtype, prod(shape)).reshape(shape)


def read_array(path: Path) -> np.ndarray:
    """The array of a file `.npy`, read-only; FileNotFoundError where there is none."""
    array = np.load(path, mmap_mode="r")
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap):  # not so with an empty array
        _files.add(base)
    return array


def give_back(most: int = MOST) -> bool:
    """Give all pages of these arrays back if more than `most` bytes are held; returns whether it did so.

    It costs some microseconds where few are held; no array changes, and other threads may be reading.
    """
    global _floor
    if not _files or _held() - _floor <= most:
        return False
    for mapping in list(_files):
        _advise(mapping, "MADV_DONTNEED")
    _floor = _held()
    return True


def _held() -> int:
    """Bytes of mapped pages; 0 on systems that do not say."""
    try:
        return int(STATM.read_bytes().split()[2]) * mmap.PAGESIZE
    except FileNotFoundError:
        return 0


def _advise(mapping: mmap.mmap, name: str) -> None:
    advice = getattr(mmap, name, None)
    if advice is not None:  # Linux; elsewhere the system decides alone
        mapping.madvise(advice)
