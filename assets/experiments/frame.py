"""The frame of the four studies: a key of the settings, finished work that survives a kill, one JSON.

A study is opened for an output file and a key. Its workers emit `WorkProgress` and `Finished`: rows, and the
arrays that belong to them. Both lie in `<out>.partial` until `write` has put the result into `out`; a study
that is opened after a kill begins with the rows that it has already.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from pydantic import BaseModel

from assets.experiments.record import Record, key_of
from assets.experiments.resumable import PartialLines
from assets.experiments.workers import Needs, Work, WorkProgress, run_units
from models.files import replace_file
from models.progress import Progress, silent

__all__ = ["Finished", "Record", "Study", "artifacts", "key_of", "load_arrays"]

Row = TypeVar("Row", bound=BaseModel)


@dataclass(frozen=True)
class Finished(Generic[Row]):
    """What a worker hands over as it is done."""

    rows: tuple[Row, ...] = ()
    arrays: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)  #: file's stem → by name
    without_row: int = 0  #: pieces of work that are over and have no row


class Study(Generic[Row]):
    """A study under way: its rows so far, and the work that is not done yet."""

    def __init__(
        self, out: Path, key: str, row: type[Row], *, unit: str, progress: Progress | None = None
    ) -> None:
        """Open the rows that are finished; those of another key are removed.

        Args:
            out: the JSON that the study will write.
            key: as `key_of` gives it.
            row: the model of a row.
            unit: what is counted, in the plural: `days scored`.
            progress: called with (stage, done, total).
        """
        self.out = out
        self._unit, self._report = unit, progress or silent
        self._partial = PartialLines(out, key)
        self.rows: list[Row] = [row.model_validate(line) for line in self._partial.read()]
        self._done, self._total = len(self.rows), 0

    @property
    def folder(self) -> Path:
        """Where workers may keep what they share; removed by `write`."""
        return self._partial.folder

    def expect(self, total: int, done: int | None = None) -> None:
        """Report how much is done of how much; `done` are the rows, where nothing else is said."""
        self._total, self._done = total, len(self.rows) if done is None else done
        self._report(self._unit, self._done, self._total)

    def report(self, stage: str, done: int, total: int) -> None:
        """Tell of work that is done in this process."""
        self._report(stage, done, total)

    def run(self, work: Work, units: Sequence[Any], workers: int, needs: Needs | None = None) -> None:
        """Work on the units and keep what they emit; see `run_units`."""
        run_units(work, units, workers, self._keep, needs)

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays that were emitted under a name."""
        return load_arrays(self.path(name))

    def path(self, name: str) -> Path:
        """The file of the arrays of a name."""
        return self.folder / f"{name}.npz"

    def write(self, document: Any) -> None:
        """Write the result, then forget the partial ones."""
        self._partial.finish(document)

    def _keep(self, emitted: Finished[Row] | WorkProgress) -> None:
        if isinstance(emitted, WorkProgress):
            self._report(emitted.stage, emitted.done, emitted.total)
            return
        for name, arrays in emitted.arrays.items():  # before the row that speaks of them
            with replace_file(self.path(name)) as fresh, fresh.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
        if emitted.rows:
            self._partial.append([row.model_dump_json() for row in emitted.rows])
            self.rows.extend(emitted.rows)
        count = len(emitted.rows) + emitted.without_row
        if count:
            self._done += count
            self._report(self._unit, self._done, self._total)


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of one file, by name."""
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


@contextmanager
def artifacts(pictures: Mapping[str, bytes], out: Path | None) -> Iterator[dict[str, Path]]:
    """What MLflow keeps of a study: `plots`, a folder of its pictures, and `json`, its file."""
    with tempfile.TemporaryDirectory() as scratch:
        plots = Path(scratch)
        for name, png in pictures.items():
            (plots / name).write_bytes(png)
        yield {"plots": plots} | ({"json": out} if out is not None else {})
