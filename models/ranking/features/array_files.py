"""Arrays on disk: .npy files of a folder, mapped when read, and many small ones in one run of bytes."""

from __future__ import annotations

import io
import json
import math
import mmap
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.lib import format as npy


class ArrayFiles:
    """The arrays that were read from a folder, by file name without its suffix."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read the arrays of a folder, if one is given."""
        self.arrays: dict[str, np.ndarray] = {}
        self._files: dict[str, tuple[Path, int]] = {}
        for file in sorted(os.listdir(folder)) if folder is not None else ():
            name, end = os.path.splitext(file)
            if end == ".npy":
                path = os.path.join(folder or "", file)
                self.arrays[name] = mapped(path)
                self._files[name] = (Path(path), os.stat(path).st_ino)

    def write(self, folder: Path, arrays: Mapping[str, np.ndarray]) -> None:
        """Write arrays into `folder`; one that is as it was read becomes another link to its file."""
        for name, array in arrays.items():
            path = folder / f"{name}.npy"
            if self.arrays.get(name) is not array or not self._link(name, path):
                np.save(path, array)
                forget(array)

    def _link(self, name: str, path: Path) -> bool:
        source, number = self._files[name]
        try:
            if source.stat().st_ino != number:  # another file took its place since
                return False
            os.link(source, path)
        except OSError:  # gone, on another disk, or a file system without links
            return False
        return True


def mapped(path: Path | str, mode: Literal["r", "c"] = "r") -> np.ndarray:
    """The array of a .npy file, memory-mapped: to be read, or (`c`) changed in memory alone.

    What `np.load` gives, with one opening of the file for its three, and headers that were met before not
    parsed again: a ranker is some two hundred files, of few shapes.
    """
    with open(path, "rb") as file:
        if npy.read_magic(file) != (1, 0):
            return np.load(path, mmap_mode=mode)  # type: ignore[no-any-return]
        length = file.read(2)
        shape, fortran, kind = _header(length + file.read(int.from_bytes(length, "little")))
        return np.memmap(file, kind, mode, file.tell(), shape, "F" if fortran else "C")


@lru_cache(1024)
def _header(data: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether columns lie one after the other, and type of an array, by its header in its file."""
    return npy.read_array_header_1_0(io.BytesIO(data))  # type: ignore[no-any-return]


def to_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Arrays in one piece, for files of many small ones; `from_bytes` gives them back."""
    about = json.dumps({name: [array.dtype.str, array.shape] for name, array in arrays.items()}).encode()
    parts = [np.ascontiguousarray(array).tobytes() for array in arrays.values()]
    return b"".join([len(about).to_bytes(8, "little"), about, *parts])


def from_bytes(data: bytes) -> dict[str, np.ndarray]:
    """The arrays that `to_bytes` took, each in memory of its own."""
    at = 8 + int.from_bytes(data[:8], "little")
    arrays = {}
    for name, (kind, shape) in json.loads(data[8:at]).items():
        count = math.prod(shape)
        arrays[name] = np.frombuffer(data, kind, count, at).reshape(shape).copy()
        at += arrays[name].nbytes
    return arrays


def forget(array: np.ndarray) -> None:
    """Give back the memory of what was read of a memory-mapped array; it is read again when asked for."""
    if (
        isinstance(array, np.memmap) and array.mode == "r"
    ):  # of any other mapping this would lose what was written
        base = array.base
        while isinstance(base, np.ndarray):
            base = base.base
        if isinstance(base, mmap.mmap):
            base.madvise(mmap.MADV_DONTNEED)
