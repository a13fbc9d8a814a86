"""Partial results of a comparison, beside its output file, so that a killed one goes on where it was."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np

from assets.experiments.summary import DayScore


class PartialResults:
    """The folder `<out>.partial`: one line a scored day in `days.jsonl`, and the scores themselves.

    Scores are written first, then the line; a line cut short by a kill is dropped when read.
    """

    def __init__(self, out: Path, key: str) -> None:
        """Open the results of `key`; those of other settings or data are removed.

        Args:
            out: the comparison's output file.
            key: `CompareSettings.key`.
        """
        self.folder = out.with_name(out.name + ".partial")
        self.key = key
        self.discarded = False
        stamp = self.folder / "key"
        if self.folder.exists() and (not stamp.exists() or stamp.read_text() != key):
            shutil.rmtree(self.folder)
            self.discarded = True
        self.folder.mkdir(parents=True, exist_ok=True)
        stamp.write_text(key)

    def days(self) -> list[DayScore]:
        """Every day scored so far."""
        path = self.folder / "days.jsonl"
        found = []
        for line in path.read_text().splitlines() if path.exists() else []:
            try:
                found.append(DayScore.model_validate(json.loads(line)))
            except ValueError:
                continue
        return found

    def add(self, day: DayScore, scores: np.ndarray) -> None:
        """Store a scored day; it survives a kill as soon as this returns."""
        path = self.scores_path(day.system, day.day, day.seed)
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            np.save(file, scores)
        fresh.replace(path)
        with (self.folder / "days.jsonl").open("a") as file:
            file.write("\n" * self._cut_short() + day.model_dump_json() + "\n")
            file.flush()
            os.fsync(file.fileno())

    def scores(self, system: str, day: str, seed: int) -> np.ndarray:
        """The scores of a stored day, float64 [E], in the order of its exposures."""
        return np.load(self.scores_path(system, day, seed))

    def scores_path(self, system: str, day: str, seed: int) -> Path:
        """Where the scores of a day lie."""
        return self.folder / f"{system}.{day}.{seed}.npy"

    def remove(self) -> None:
        """Forget everything; the output file holds it now."""
        shutil.rmtree(self.folder)

    def _cut_short(self) -> bool:
        """Whether the last line lacks its end, so that the next one must not be glued to it."""
        path = self.folder / "days.jsonl"
        if not path.exists() or not path.stat().st_size:
            return False
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
