"""Figures of a simulated log beside those of real logs, each with the band that it must lie in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

ANYTHING = (-np.inf, np.inf)  #: the band of a figure in which two logs of a kind may well differ


@dataclass(frozen=True)
class BandedFigure:
    """One row of the table: a real figure, its band, and what the simulator shows."""

    name: str
    real: str
    low: float
    high: float
    simulated: float
    note: str = ""

    @property
    def within(self) -> bool:
        """Whether the simulated figure lies in its band, ends included."""
        return self.low <= self.simulated <= self.high


def between(
    name: str, real: float, low: float, high: float, simulated: float, note: str = ""
) -> BandedFigure:
    """A figure whose band is given by its ends."""
    return BandedFigure(name, f"{real:.3g}", low, high, float(simulated), note)


def near(name: str, real: float, width: float, simulated: float, note: str = "") -> BandedFigure:
    """A figure that may differ from the real one by `width`."""
    return between(name, real, real - width, real + width, simulated, note)


def about(name: str, real: float, share: float, simulated: float, note: str = "") -> BandedFigure:
    """A figure that may differ from the real one by a share of it."""
    return between(name, real, real * (1 - share), real * (1 + share), simulated, note)


def times(name: str, real: float, factor: float, simulated: float, note: str = "") -> BandedFigure:
    """A figure that may be the real one times a factor, or divided by it."""
    return between(name, real, real / factor, real * factor, simulated, note)


def table(rows: Sequence[BandedFigure]) -> str:
    """The rows as plain text, simulated beside real."""
    lines = [f"{'figure':58} {'real':>9} {'band':>15} {'simulated':>10}"]
    for row in rows:
        band = f"{row.low:.3g} – {row.high:.3g}" if np.isfinite([row.low, row.high]).all() else "–"
        mark = "" if row.within else "  OUT"
        lines.append(f"{row.name:58} {row.real:>9} {band:>15} {row.simulated:>10.3g}{mark}")
    return "\n".join(lines)


def auc(scores: np.ndarray, outcome: np.ndarray) -> float:
    """Area under the ROC curve of scores [N]; ties count half.

    The outcome [N] is bool, or the probability that it is true: then the area is that of expected counts.
    """
    rank = np.unique(scores, return_inverse=True)[1]
    yes, no = np.bincount(rank, weights=outcome), np.bincount(rank, weights=1.0 - outcome)
    return float((yes * (np.cumsum(no) - no / 2)).sum() / (yes.sum() * no.sum()))
