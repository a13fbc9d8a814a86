"""What tuning may change in a system: setting paths and the values they may take.

Plain data: `hourfold tune` hands it to Optuna, and the page of a study prints it. A path is one of
`SystemSettings` with dots into nested settings, as in `hourfold compare --set`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Range:
    """Every number between two bounds, drawn evenly in its logarithm."""

    low: float
    high: float


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: tuple[int | float | str | bool | None, ...]


Space = Mapping[str, Range | Choice]

#: How a daily model is trained by Adam or Adagrad, in every system trained by gradients.
TRAINING: Space = {
    "training.learning_rate": Range(1e-4, 1e-2),
    "training.batch_size": Choice((128, 256, 512)),
    "training.average": Choice((None, 0.99, 0.999)),
}

#: The two-speed hourly step: its rates are tuned for each system, since a shared rate misranks them (spec 9).
TWO_SPEED: Space = {
    "adaptation.item_rate": Range(1e-3, 0.1),
    "adaptation.continued": Range(0.01, 1.0),
}

#: The printed hourly step. Larger rates won no study.
SGD: Space = {"adaptation.sgd_rate": Range(1e-3, 0.03)}
