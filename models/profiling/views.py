"""What a user buys, as one dense vector: views of the purchases, weighed, cut to unit length, projected.

A view counts purchases by genre (days on which a genre was bought, or the amount spent). Columns are
weighed so that neither frequent nor rare genres drown the others (one over the root of their deviation),
and every user is scaled to length 1: the vector says *what* is bought, never how much. How much is told by
the activity columns. The views, side by side, are projected on their leading principal directions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from models.profiling.data import PurchaseLog
from models.profiling.profiler import unit_rows
from models.settings import Settings

BLOCK = 2_048  #: users that are dense at one time
SAMPLE = 4_096  #: users on whom the directions are fitted, at most


class View(Settings):
    """One way to count purchases by genre."""

    level: int = -1  #: of the genre path, from 0; -1 is the deepest, and a level beyond it is cut to it
    measure: Literal["days", "spend", "bought"] = "days"  #: log1p of days or amount; whether at all


@dataclass(frozen=True)
class Columns:
    """The genres of one view that enough users buy, with their weights."""

    view: View
    names: tuple[str, ...]  #: G full paths
    weights: np.ndarray  #: float32 [G]


@dataclass(frozen=True)
class PurchaseVectors:
    """The fitted views."""

    columns: tuple[Columns, ...]
    basis: np.ndarray  #: float32 [ΣG, r] principal directions, by falling variance

    @classmethod
    def fit(
        cls,
        purchases: PurchaseLog,
        users: np.ndarray,
        views: tuple[View, ...],
        *,
        width: int,
        least_share: float,
        most_columns: int,
        seed: int,
    ) -> PurchaseVectors:
        """Columns, weights and directions from the purchases of `users` (bool [U]).

        Args:
            purchases: all before the as-of date.
            users: whom to learn from.
            views: how to count.
            width: r, directions to keep at most.
            least_share: of `users` that must buy a genre.
            most_columns: of each view; the most bought ones are kept.
            seed: draws the users on whom the directions are fitted, where there are more than `SAMPLE`.
        """
        members = np.flatnonzero(users)
        if len(members) > SAMPLE:
            members = np.sort(np.random.default_rng(seed).choice(members, SAMPLE, replace=False))
        least = max(2.0, least_share * len(members))
        columns = tuple(_columns(purchases, members, view, least, most_columns) for view in views)
        unit = np.concatenate([block for _, block in _blocks(purchases, members, columns)])
        unit -= unit.mean(0)
        # The smaller of the two Gram matrices has the same leading directions at a fraction of the cost.
        gram = torch.from_numpy(unit.T @ unit if unit.shape[1] <= len(unit) else unit @ unit.T).double()
        values, vectors = torch.linalg.eigh(gram)
        large = values > 1e-9 * values[-1].clamp(min=1e-30)
        leading = torch.flip(vectors[:, large], [1])[:, :width].numpy()
        basis = leading if unit.shape[1] <= len(unit) else unit.T @ leading
        return cls(columns, unit_rows(basis.T).T.astype(np.float32))

    def transform(self, purchases: PurchaseLog, users: int) -> np.ndarray:
        """float32 [U, r]; a user without purchases in any column is the zero vector."""
        vectors = np.empty((users, self.basis.shape[1]), dtype=np.float32)
        for rows, block in _blocks(purchases, np.arange(users), self.columns):
            vectors[rows] = block @ self.basis
        return vectors


def _columns(purchases: PurchaseLog, members: np.ndarray, view: View, least: float, most: int) -> Columns:
    level = _level(purchases, view)
    names = purchases.genre_names[level]
    inside = np.isin(purchases.user, members) & ~purchases.cancelled
    user, genre = purchases.user[inside], purchases.genre[inside, level]
    buyers = np.bincount(_distinct(user * len(names) + genre) % max(len(names), 1), minlength=len(names))
    chosen = np.flatnonzero(buyers >= least)
    chosen = np.sort(chosen[np.argsort(-buyers[chosen], kind="stable")[:most]])
    everything = Columns(view, tuple(names[code] for code in chosen), np.ones(len(chosen), np.float32))
    total = np.zeros((2, len(chosen)))
    for _, block in _raw_blocks(purchases, members, everything):
        total += np.stack([block.sum(0), np.square(block, dtype=np.float64).sum(0)])
    mean, square = total / max(len(members), 1)
    deviation = np.sqrt(np.maximum(square - mean**2, 1e-12))
    return Columns(view, everything.names, (1 / np.sqrt(deviation)).astype(np.float32))


def _level(purchases: PurchaseLog, view: View) -> int:
    deepest = purchases.genre.shape[1] - 1
    return deepest if view.level < 0 else min(view.level, deepest)


def _blocks(
    purchases: PurchaseLog, users: np.ndarray, columns: tuple[Columns, ...]
) -> Iterator[tuple[slice, np.ndarray]]:
    """All views side by side, each user of length 1 in every view; float32 [block, ΣG]."""
    for parts in zip(*(_raw_blocks(purchases, users, one) for one in columns), strict=True):
        scaled = [part * one.weights for (_, part), one in zip(parts, columns, strict=True)]
        yield parts[0][0], np.concatenate([unit_rows(part) for part in scaled], axis=1)


def _raw_blocks(
    purchases: PurchaseLog, users: np.ndarray, columns: Columns
) -> Iterator[tuple[slice, np.ndarray]]:
    """One view of `users` (int64, ascending), block by block: float32 [block, G]."""
    level = _level(purchases, columns.view)
    numbers = {name: position for position, name in enumerate(columns.names)}
    to_column = np.asarray([numbers.get(name, -1) for name in purchases.genre_names[level]] or [-1])
    column = to_column[purchases.genre[:, level]]
    row = np.searchsorted(users, purchases.user)
    known = (row < len(users)) & (column >= 0) & ~purchases.cancelled
    known[known] = users[row[known]] == purchases.user[known]
    row, column = row[known], column[known]
    if columns.view.measure == "spend":
        order = np.argsort(row, kind="stable")
        row, column, value = row[order], column[order], purchases.price[known][order].astype(np.float64)
    else:
        # One entry a user, genre and day: a basket with three of a kind counts as one visit.
        day = purchases.day[known] - purchases.day[0]
        span = int(day.max(initial=0)) + 1
        key = _distinct((row * len(columns.names) + column) * span + day) // span
        row, column = key // len(columns.names), key % len(columns.names)
        value = np.ones(len(key))
    width = len(columns.names)
    for start in range(0, len(users), BLOCK):
        end = min(start + BLOCK, len(users))
        low, high = np.searchsorted(row, [start, end])
        cell = (row[low:high] - start) * width + column[low:high]
        dense = np.bincount(cell, weights=value[low:high], minlength=(end - start) * width)
        dense = np.maximum(dense.reshape(end - start, width), 0.0)
        counted = (dense > 0) if columns.view.measure == "bought" else np.log1p(dense)
        yield slice(start, end), counted.astype(np.float32)


def _distinct(keys: np.ndarray) -> np.ndarray:
    """Sorted distinct keys; a sort is several times as fast as numpy's hashing on a million of them."""
    ordered = np.sort(keys)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered
