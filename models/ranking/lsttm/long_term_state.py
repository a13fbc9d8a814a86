"""What the long-term graph leaves behind for the rankers of the day."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.files import replace_file

ARRAYS = ("user_vectors", "item_vectors", "user_known", "item_known")


@dataclass(frozen=True)
class LongTermState:
    """Long-term vectors of all users and items of a log; whoever has no click has the zero vector."""

    user_vectors: np.ndarray  #: float32 [U, 16]
    item_vectors: np.ndarray  #: float32 [I, 16]
    user_known: np.ndarray  #: bool [U], whether the user has any click
    item_known: np.ndarray  #: bool [I]
    losses: tuple[float, ...]  #: mean L_N of each epoch
    #: mean pairwise cosine of 1,000 random users after each epoch; 1 = collapsed
    collapses: tuple[float, ...]
    settings: str  #: the settings as JSON

    @property
    def collapse(self) -> float:
        """Mean pairwise cosine after the last epoch; 1.0: all users look alike; NaN without a click."""
        return self.collapses[-1] if self.collapses else float("nan")

    def save(self, path: Path) -> None:
        """Write one file (NumPy's `.npz`), whole or not at all."""
        figures = {"losses": self.losses, "collapses": self.collapses, "settings": self.settings}
        arrays = {name: getattr(self, name) for name in ARRAYS}
        with replace_file(path) as temporary, temporary.open("wb") as file:
            np.savez(file, figures=np.array(json.dumps(figures)), **arrays)

    @classmethod
    def load(cls, path: Path) -> LongTermState:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: nothing was trained for that day.
        """
        if not path.exists():
            raise FileNotFoundError(
                f"no long-term graph at {path}: materialise long_term_graph for that day first"
            )
        with np.load(path) as stored:
            figures = json.loads(str(stored["figures"]))
            return cls(
                **{name: stored[name] for name in ARRAYS},
                losses=tuple(figures["losses"]),
                collapses=tuple(figures["collapses"]),
                settings=figures["settings"],
            )


def mean_pairwise_cosine(vectors: np.ndarray) -> float:
    """Mean cosine over all pairs of different rows of float [N, D]; NaN for fewer than two rows."""
    n = len(vectors)
    if n < 2:
        return float("nan")
    unit = vectors.astype(np.float64)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    total = np.square(unit.sum(0)).sum() - np.square(unit).sum()
    return float(total / (n * (n - 1)))
