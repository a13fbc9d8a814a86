"""Partial results of a comparison, beside its output file, so that a killed one goes on where it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from assets.experiments.lines import PartialLines
from assets.experiments.summary import DayScore


class PartialResults(PartialLines):
    """The folder `<out>.partial`: one line a scored day in `days.jsonl`, and the scores themselves.

    Scores are written first, then the line.
    """

    name = "days.jsonl"

    def days(self) -> list[DayScore]:
        """Every day scored so far."""
        return [DayScore.model_validate(line) for line in self.read()]

    def add(self, day: DayScore, scores: np.ndarray) -> None:
        """Store a scored day; it survives a kill as soon as this returns."""
        path = self.scores_path(day.system, day.day, day.seed)
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            np.save(file, scores)
        fresh.replace(path)
        self.append([day.model_dump_json()])

    def scores(self, system: str, day: str, seed: int) -> np.ndarray:
        """The scores of a stored day, float64 [E], in the order of its exposures."""
        return np.load(self.scores_path(system, day, seed))

    def scores_path(self, system: str, day: str, seed: int) -> Path:
        """Where the scores of a day lie."""
        return self.folder / f"{system}.{day}.{seed}.npy"
