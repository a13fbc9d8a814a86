"""Partial results of a comparison, beside its output file, so that a killed one goes on where it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from assets.experiments.comparison.day_facts import DayFacts
from assets.experiments.comparison.summary import DayScore
from assets.experiments.resumable import PartialLines


@dataclass(frozen=True)
class Scores:
    """Click probabilities of a day's exposures float64 [E], in their order."""

    adapted: np.ndarray  #: each hour by the state adapted on the hours before it
    #: by the model as trained that morning, which only received the hours before; None: it never adapts
    static: np.ndarray | None = None
    gate: np.ndarray | None = None  #: weight of the short-term representation, of systems with a gate


class PartialResults(PartialLines):
    """The folder `<out>.partial`: a line for each scored day in `days.jsonl`, its scores, each day's facts.

    Arrays are written first, then the line.
    """

    name = "days.jsonl"

    def days(self) -> list[DayScore]:
        """Every day scored so far."""
        return [DayScore.model_validate(line) for line in self.read()]

    def add(self, day: DayScore, scores: Scores) -> None:
        """Store a scored day; it survives a kill as soon as this returns."""
        named = {name: values for name, values in vars(scores).items() if values is not None}
        _write(self._path(f"{day.system}.{day.day}.{day.seed}"), named)
        self.append([day.model_dump_json()])

    def scores(self, system: str, day: str, seed: int) -> Scores:
        """The scores of a stored day."""
        return Scores(**_read(self._path(f"{system}.{day}.{seed}")))

    def add_facts(self, day: str, facts: DayFacts) -> None:
        """Store what is known of a day's exposures, whatever the system."""
        _write(self._path(f"facts.{day}"), vars(facts))

    def facts(self, day: str) -> DayFacts:
        """The facts of a day of which any system is scored."""
        return DayFacts(**_read(self._path(f"facts.{day}")))

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.npz"


def _write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays whole or not at all."""
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    fresh.replace(path)


def _read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}
