"""The finished days of an A/B test, beside its output file, so that a killed test goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from assets.experiments.ab.play import PlayedDay
from assets.experiments.resumable import PartialLines


class PlayedDays(PartialLines):
    """The folder `<out>.partial`: one line a day of a play, and its exposures, which are written first."""

    name = "days.jsonl"

    def add(self, day: PlayedDay) -> None:
        """Store a finished day; it survives a kill as soon as this returns."""
        path = self.exposures_path(day.play, day.day)
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            np.savez(file, **day.exposures)  # type: ignore[arg-type]
        fresh.replace(path)
        line = {"play": day.play, "day": day.day, "git": day.git, "seconds": day.seconds}
        self.append([json.dumps(line)])

    def finished(self, play: str) -> list[dict[str, Any]]:
        """What was told of each finished day of a play, by day."""
        return sorted((line for line in self.read() if line["play"] == play), key=lambda line: line["day"])

    def exposures(self, play: str, day: str) -> dict[str, np.ndarray]:
        """Columns of a finished day."""
        with np.load(self.exposures_path(play, day)) as stored:
            return {name: stored[name] for name in stored.files}

    def exposures_path(self, play: str, day: str) -> Path:
        """Where the exposures of a day are."""
        return self.folder / f"{play} {day}.npz"
