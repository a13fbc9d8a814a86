"""What an hourly update gains by age of news, beside a real log: of scores alone, whoever made them.

The real log is a news log of which four days were scored: `deepfm` as trained the night before, and the same
model updated hour by hour. What is compared is the gain in AUC. The simulator knows every click's
probability, so its AUCs are those that clicks would show on average, without their noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.calibration import ANYTHING, BandedFigure, auc

DAY_ERROR = 0.0012  #: standard error of a real day's gain over all its exposures (.0008 to .0015)


@dataclass(frozen=True)
class AgePart:
    """A part of a day's exposures, by age of the news, and what the real log's four days gained on it."""

    name: str
    low: float | None  #: of the real days' gains; None: not measured
    high: float
    share: float  #: of a real day's exposures
    ages: tuple[float, float] = (-np.inf, np.inf)  #: hours since publication, from and to
    today: bool | None = None  #: published on the day of the exposure; None: whenever

    def rows(self, day: ScoredDay) -> np.ndarray:
        """Which exposures belong to it, bool [E]."""
        age, low, high = day.at - day.published, *self.ages
        rows = (age >= low) & (age < high)
        return rows if self.today is None else rows & ((day.published >= 24 * day.number) == self.today)

    def figure(self, gain: float, note: str) -> BandedFigure:
        """The gain beside the real days', whose range is widened by a day's error in a part of that size."""
        name = f"gain of the hourly update, {self.name}"
        if self.low is None:
            return BandedFigure(name, "–", *ANYTHING, gain, note)
        error = DAY_ERROR / np.sqrt(self.share)
        real = f"{self.low:+.4f} … {self.high:+.4f}"
        return BandedFigure(name, real, self.low - error, self.high + error, gain, note)


PARTS = (
    AgePart("all", 0.0008, 0.0069, 1.0),
    AgePart("news under 1 h old", -0.003, 0.005, 0.21, ages=(-np.inf, 1)),
    AgePart("1–3 h", -0.005, 0.004, 0.29, ages=(1, 3)),
    AgePart("3–6 h", None, 0, 0.15, ages=(3, 6)),
    AgePart("6–24 h", 0.008, 0.015, 0.21, ages=(6, 24)),
    AgePart("over 24 h", 0.007, 0.013, 0.14, ages=(24, np.inf)),
    AgePart("published that day", 0.0, 0.004, 0.61, today=True),
    AgePart("published on earlier days", 0.005, 0.011, 0.39, today=False),
)


@dataclass(frozen=True)
class ScoredDay:
    """A simulated day's exposures, float64 [E] each: when, how likely a click was, and two scores."""

    number: int  #: of the day, from 0
    at: np.ndarray  #: hours since the first day's start
    published: np.ndarray  #: the same, of the news shown
    probability: np.ndarray  #: the true one
    still: np.ndarray  #: score of the model as it was in the morning
    updated: np.ndarray  #: score of the model that learned from the hours before

    def gain(self, part: AgePart) -> float:
        """AUC of the updated score less that of the still one, on a part of the day."""
        rows = part.rows(self)
        truth = self.probability[rows]
        return auc(self.updated[rows], truth) - auc(self.still[rows], truth)


def update_figures(days: Sequence[ScoredDay]) -> list[BandedFigure]:
    """Of each part the mean gain over days, the days' own gains in the note."""
    figures = []
    for part in PARTS:
        gains = [day.gain(part) for day in days]
        note = "days: " + ", ".join(f"{gain:+.4f}" for gain in gains)
        figures.append(part.figure(float(np.mean(gains)), note))
    return figures
