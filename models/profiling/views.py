"""What a user buys, as dense vectors: views of the purchases, weighed, cut to unit length, projected.

A view counts purchases by genre or brand (days on which one was bought, or the amount spent). Columns are
weighed so that neither frequent nor rare ones drown the others (one over the root of their deviation, or by
their rarity), and every user is scaled to length 1: the vector says *what* is bought, never how much. How
much is told by the columns of the prior. The views of a space, side by side, are projected on their leading
principal directions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.sparse.linalg import eigsh

from models.profiling.data import PurchaseLog
from models.profiling.profiler import unit_rows
from models.settings import Settings

BLOCK = 2_048  #: users that are dense at one time
SAMPLE = 4_096  #: users on whom the directions are fitted, at most
FEW = 4  #: times as many rows as directions: fewer are decomposed whole


class View(Settings):
    """One way to count purchases."""

    of: Literal["genre", "brand"] = "genre"  #: what is counted
    level: int = -1  #: of the genre path, from 0; -1 is the deepest, and a level beyond it is cut to it
    measure: Literal["days", "spend", "bought"] = "days"  #: log1p of days or amount; whether at all


class ViewSpace(Settings):
    """Views side by side, in which users are compared."""

    views: tuple[View, ...]
    #: of columns: one over the root of their deviation, or the logarithm of how few users buy them
    weighing: Literal["deviation", "rarity"] = "deviation"
    width: int = 96  #: principal directions kept


@dataclass(frozen=True)
class Columns:
    """The genres or brands of one view that enough users buy, with their weights."""

    view: View
    names: tuple[str, ...]  #: G full paths, or brands
    weights: np.ndarray  #: float32 [G]


@dataclass(frozen=True)
class PurchaseVectors:
    """The fitted views of a space."""

    columns: tuple[Columns, ...]
    basis: np.ndarray  #: float32 [ΣG, r] principal directions, by falling variance

    @classmethod
    def fit(
        cls,
        purchases: PurchaseLog,
        users: np.ndarray,
        space: ViewSpace,
        *,
        least_share: float,
        most_columns: int,
        seed: int,
    ) -> PurchaseVectors:
        """Columns, weights and directions from the purchases of `users` (bool [U]).

        Args:
            purchases: all before the as-of date.
            users: whom to learn from.
            space: how to count.
            least_share: of `users` that must buy a genre or brand.
            most_columns: of each view; the most bought ones are kept.
            seed: draws the users on whom all is fitted, where there are more than `SAMPLE`.
        """
        members = np.flatnonzero(users)
        if len(members) > SAMPLE:
            members = np.sort(np.random.default_rng(seed).choice(members, SAMPLE, replace=False))
        if len(members) == 0:
            nothing = (Columns(view, (), np.zeros(0, np.float32)) for view in space.views)
            return cls(tuple(nothing), np.zeros((0, 0), np.float32))
        sample = purchases.of_users(members, len(users))
        least = max(2.0, least_share * len(members))
        columns = tuple(
            _columns(sample, len(members), view, space.weighing, least, most_columns) for view in space.views
        )
        unit = np.concatenate([block for _, block in _blocks(sample, len(members), columns)])
        unit -= unit.mean(0)
        # The smaller of the two Gram matrices has the same leading directions at a fraction of the cost.
        gram = unit.T @ unit if unit.shape[1] <= len(unit) else unit @ unit.T
        leading = _leading(gram.astype(np.float64), space.width).astype(np.float32)
        basis = leading if unit.shape[1] <= len(unit) else unit.T @ leading
        return cls(columns, unit_rows(basis.T).T.astype(np.float32))

    def transform(self, purchases: PurchaseLog, users: int) -> np.ndarray:
        """float32 [U, r]; a user without purchases in any column is the zero vector."""
        vectors = np.empty((users, self.basis.shape[1]), dtype=np.float32)
        for start, stop, part in purchases.by_users(users):
            for rows, block in _blocks(part, stop - start, self.columns):
                vectors[start + rows.start : start + rows.stop] = block @ self.basis
        return vectors


def _leading(gram: np.ndarray, width: int) -> np.ndarray:
    """At most `width` leading eigenvectors of a symmetric matrix, by falling eigenvalue: float64 [n, r]."""
    if len(gram) <= FEW * width or not gram.any():
        values, vectors = np.linalg.eigh(gram)
    else:
        # From a drawn vector: rows are centred, so ones are mapped to zero, from where no search begins.
        random = np.random.default_rng(0)
        values, vectors = eigsh(gram, k=width, v0=random.normal(size=len(gram)), rng=random)
    large = values > 1e-9 * max(float(values.max(initial=0.0)), 1e-30)
    return np.asarray(np.flip(vectors[:, large], axis=1)[:, :width])


def _columns(
    purchases: PurchaseLog, users: int, view: View, weighing: str, least: float, most: int
) -> Columns:
    names, codes = _counted(purchases, view)
    inside = (codes >= 0) & ~purchases.cancelled
    user, code = purchases.user[inside], codes[inside]
    buyers = np.bincount(_distinct(user * len(names) + code) % max(len(names), 1), minlength=len(names))
    chosen = np.flatnonzero(buyers >= least)
    chosen = np.sort(chosen[np.argsort(-buyers[chosen], kind="stable")[:most]])
    everything = Columns(view, tuple(names[code] for code in chosen), np.ones(len(chosen), np.float32))
    if weighing == "rarity":
        rarity = np.log((1 + users) / (1 + buyers[chosen])) + 1
        return replace(everything, weights=rarity.astype(np.float32))
    total = np.zeros((2, len(chosen)))
    for _, block in _raw_blocks(purchases, users, everything):
        total += np.stack([block.sum(0), np.square(block, dtype=np.float64).sum(0)])
    mean, square = total / max(users, 1)
    deviation = np.sqrt(np.maximum(square - mean**2, 1e-12))
    return replace(everything, weights=(1 / np.sqrt(deviation)).astype(np.float32))


def _counted(purchases: PurchaseLog, view: View) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of what a view counts, and the code of every purchase, int64 [n], below 0 where it has none."""
    if view.of == "brand":
        return purchases.brand_names, purchases.brand
    deepest = purchases.genre.shape[1] - 1
    level = deepest if view.level < 0 else min(view.level, deepest)
    return purchases.genre_names[level], purchases.genre_at(level)


def _blocks(
    purchases: PurchaseLog, users: int, columns: tuple[Columns, ...]
) -> Iterator[tuple[slice, np.ndarray]]:
    """All views side by side, each user of length 1 in every view; float32 [block, ΣG]."""
    for parts in zip(*(_raw_blocks(purchases, users, one) for one in columns), strict=True):
        scaled = [part * one.weights for (_, part), one in zip(parts, columns, strict=True)]
        yield parts[0][0], np.concatenate([unit_rows(part) for part in scaled], axis=1)


def _raw_blocks(purchases: PurchaseLog, users: int, columns: Columns) -> Iterator[tuple[slice, np.ndarray]]:
    """One view of U `users`, block by block: float32 [block, G]."""
    names, codes = _counted(purchases, columns.view)
    numbers = {name: position for position, name in enumerate(columns.names)}
    to_column = np.asarray([*(numbers.get(name, -1) for name in names), -1])  # the last is reached by MISSING
    column = to_column[codes]
    known = np.flatnonzero((column >= 0) & ~purchases.cancelled)
    row, column = purchases.user[known], column[known]
    if columns.view.measure == "spend":
        order = np.argsort(row, kind="stable")
        row, column, value = row[order], column[order], purchases.price[known][order].astype(np.float64)
    else:
        # One entry a user, column and day: a basket with three of a kind counts as one visit.
        day = (purchases.day[known] - purchases.day[0]).astype(np.int64) if len(known) else known
        span = int(day.max(initial=0)) + 1
        key = _distinct((row * len(columns.names) + column) * span + day) // span
        row, column = key // max(len(columns.names), 1), key % max(len(columns.names), 1)
        value = np.ones(len(key))
    width = len(columns.names)
    for start in range(0, users, BLOCK):
        end = min(start + BLOCK, users)
        low, high = np.searchsorted(row, [start, end])
        cell = (row[low:high] - start) * width + column[low:high]
        dense = np.bincount(cell, weights=value[low:high], minlength=(end - start) * width)
        dense = np.maximum(dense.reshape(end - start, width), 0.0)
        counts = (dense > 0) if columns.view.measure == "bought" else np.log1p(dense)
        yield slice(start, end), counts.astype(np.float32)


def _distinct(keys: np.ndarray) -> np.ndarray:
    """Sorted distinct keys; a sort is several times as fast as numpy's hashing on a million of them."""
    ordered = np.sort(keys)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered
