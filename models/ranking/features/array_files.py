"""Arrays as .npy files of a folder, memory-mapped when read; one that did not change is not written again."""

from __future__ import annotations

import mmap
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np


class ArrayFiles:
    """The arrays that were read from a folder, by file name without its suffix."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read the arrays of a folder, if one is given."""
        self.arrays: dict[str, np.ndarray] = {}
        self._files: dict[str, tuple[Path, int]] = {}
        for path in sorted(folder.glob("*.npy")) if folder is not None else ():
            self.arrays[path.stem] = np.load(path, mmap_mode="r")
            self._files[path.stem] = (path, path.stat().st_ino)

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
