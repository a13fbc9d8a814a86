"""What the long-term graph leaves behind: vectors for the rankers of the day, a start for the next graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from models.files import replace_folder

ARRAYS = ("user_vectors", "item_vectors", "user_known", "item_known")
ABOUT = "state.json"
TRAINING = "training"  #: the folder of arrays that only the next training reads


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
    #: Names the axes of the vectors: those of one chain of warm trainings, from its first one on, can be
    #: compared; two trainings from scratch end in different axes.
    axes: str = ""
    #: what a later training starts from: ID embeddings, moments and weights by name; empty: nothing
    training: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def collapse(self) -> float:
        """Mean pairwise cosine after the last epoch; 1.0: all users look alike; NaN without a click."""
        return self.collapses[-1] if self.collapses else float("nan")

    def save(self, path: Path) -> None:
        """Write a folder of NumPy arrays, whole or not at all; opening it maps them into memory."""
        figures = {name: getattr(self, name) for name in ("losses", "collapses", "settings", "axes")}
        with replace_folder(path) as folder:
            (folder / TRAINING).mkdir()
            for name in ARRAYS:
                np.save(folder / f"{name}.npy", getattr(self, name))
            for name, array in self.training.items():
                np.save(folder / TRAINING / f"{name}.npy", array)
            (folder / ABOUT).write_text(json.dumps(figures) + "\n")

    @classmethod
    def load(cls, path: Path) -> LongTermState:
        """Open what `save` wrote; arrays are memory-mapped, read-only.

        Raises:
            FileNotFoundError: nothing was trained for that day.
            ValueError: an earlier version wrote it, as one file.
        """
        if not path.exists():
            raise FileNotFoundError(
                f"no long-term graph at {path}: materialise long_term_graph for that day first"
            )
        if not (path / ABOUT).is_file():
            raise ValueError(
                f"{path} was written by an earlier version, which kept nothing to start the next day from: "
                "materialise long_term_graph for that day again"
            )
        about = json.loads((path / ABOUT).read_text())
        training = {
            file.stem: np.load(file, mmap_mode="r") for file in sorted((path / TRAINING).glob("*.npy"))
        }
        return cls(
            **{name: np.load(path / f"{name}.npy", mmap_mode="r") for name in ARRAYS},
            losses=tuple(about["losses"]),
            collapses=tuple(about["collapses"]),
            settings=about["settings"],
            axes=about["axes"],
            training=training,
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
