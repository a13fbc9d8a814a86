"""What the long-term graph leaves behind: vectors for the rankers of the day, a start for the next graph.

On disk there are rows of those who have a click in the graph, and of nobody else: others have the zero
vector, and start anew when they come back. So a state weighs what its clicks make it weigh, however many
users and items a log has ever met.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.files import replace_folder
from models.ranking.lsttm.click_factors import NodeVectors

SIDES = ("user", "item")
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
    #: what a later training starts from: ID embeddings and moments of those with a click, in order of their
    #: index, and weights, by name; empty: nothing
    training: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def collapse(self) -> float:
        """Mean pairwise cosine after the last epoch; 1.0: all users look alike; NaN without a click."""
        return self.collapses[-1] if self.collapses else float("nan")

    def save(self, path: Path) -> None:
        """Write a folder of NumPy arrays, whole or not at all."""
        about = {name: getattr(self, name) for name in ("losses", "collapses", "settings", "axes")}
        with replace_folder(path) as folder:
            (folder / TRAINING).mkdir()
            for side in SIDES:
                vectors = getattr(self, f"{side}_vectors")
                clicked = np.flatnonzero(getattr(self, f"{side}_known"))
                np.save(folder / f"{side}_clicked.npy", clicked)
                np.save(folder / f"{side}_vectors.npy", vectors[clicked])
                about[f"{side}s"] = len(vectors)
            for name, array in self.training.items():
                np.save(folder / TRAINING / f"{name}.npy", array)
            (folder / ABOUT).write_text(json.dumps(about) + "\n")

    @classmethod
    def load(cls, path: Path) -> LongTermState:
        """Open what `save` wrote; arrays of the training are memory-mapped, read-only.

        Raises:
            FileNotFoundError: nothing was trained for that day.
            ValueError: an earlier version wrote it, as one file.
        """
        about = _about(path)
        training = {
            file.stem: np.load(file, mmap_mode="r") for file in sorted((path / TRAINING).glob("*.npy"))
        }
        users, items = (_side(path, side, about) for side in SIDES)
        return cls(
            users[0],
            items[0],
            users[1],
            items[1],
            losses=tuple(about["losses"]),
            collapses=tuple(about["collapses"]),
            settings=about["settings"],
            axes=about["axes"],
            training=training,
        )


def open_user_vectors(path: Path) -> tuple[NodeVectors, str]:
    """The users' vectors of a stored state, memory-mapped, and the name of their axes; raises as `load`."""
    axes = str(_about(path)["axes"])
    return _clicked_vectors(path, "user"), axes


def _about(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise FileNotFoundError(
            f"no long-term graph at {path}: materialise long_term_graph for that day first"
        )
    if not (path / ABOUT).is_file():
        raise ValueError(
            f"{path} was written by an earlier version, which kept nothing to start the next day from: "
            "materialise long_term_graph for that day again"
        )
    about: dict[str, Any] = json.loads((path / ABOUT).read_text())
    return about


def _clicked_vectors(path: Path, side: str) -> NodeVectors:
    vectors = np.load(path / f"{side}_vectors.npy", mmap_mode="r")
    clicked = path / f"{side}_clicked.npy"
    if clicked.is_file():
        return NodeVectors(np.load(clicked, mmap_mode="r"), vectors)
    # An earlier version stored a row of everyone, zero for those without a click.
    known = np.flatnonzero(np.load(path / f"{side}_known.npy"))
    return NodeVectors(known, vectors[known])


def _side(path: Path, side: str, about: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of everyone of a side, float32 [N, width], and who has a click, bool [N]."""
    stored = _clicked_vectors(path, side)
    size = about.get(f"{side}s")
    if size is None:  # of an earlier version
        size = len(np.load(path / f"{side}_vectors.npy", mmap_mode="r"))
    vectors = np.zeros((size, stored.values.shape[1]), np.float32)
    known = np.zeros(size, bool)
    vectors[stored.index], known[stored.index] = stored.values, True
    return vectors, known


def mean_pairwise_cosine(vectors: np.ndarray) -> float:
    """Mean cosine over all pairs of different rows of float [N, D]; NaN for fewer than two rows."""
    n = len(vectors)
    if n < 2:
        return float("nan")
    unit = vectors.astype(np.float64)
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-12)
    total = np.square(unit.sum(0)).sum() - np.square(unit).sum()
    return float(total / (n * (n - 1)))
