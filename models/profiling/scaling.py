"""From raw cells and demographic columns to what the network reads; learned on the training users.

A cell becomes `sign(v) · log1p(|v|)`, divided by the root mean square of its channel's non-empty cells. With
`normalise_users` (ours) a user's cells are also divided by the sum of their magnitudes, and the sum and the
number of cells go to the network apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.profiling.data import MISSING, Demographics, SparseHeatmaps

HEAT_PER_USER = 100.0  #: sum of a user's normalised cells, near that of an ordinary user's


@dataclass(frozen=True)
class HeatScale:
    """The scale of one modality's channels, and of its users' activity."""

    modality: str
    channels: tuple[str, ...]
    scale: np.ndarray  #: float32 [C], positive
    activity_mean: np.ndarray  #: float32 [2] of log1p(sum of magnitudes), log1p(cells)
    activity_std: np.ndarray  #: float32 [2]

    @classmethod
    def fit(cls, heat: SparseHeatmaps, users: np.ndarray) -> HeatScale:
        """Learn from the cells of `users` (bool [U]); a channel without cells among them has scale 1."""
        channels = len(heat.channels)
        of_users = users[heat.rows]
        value = _log(heat.value[of_users]).astype(np.float64)
        channel = heat.channel[of_users]
        count = np.bincount(channel, minlength=channels)
        squares = np.bincount(channel, weights=value * value, minlength=channels)
        scale = np.sqrt(np.divide(squares, count, out=np.ones(channels), where=squares > 0))
        seen = users & heat.present
        activity = _activity(heat, scale)[seen] if seen.any() else np.zeros((1, 2))
        return cls(
            modality=heat.modality,
            channels=heat.channels,
            scale=scale.astype(np.float32),
            activity_mean=activity.mean(0).astype(np.float32),
            activity_std=np.maximum(activity.std(0), 1e-6).astype(np.float32),
        )

    def check(self, heat: SparseHeatmaps) -> None:
        """Refuse heatmaps of another vocabulary.

        Raises:
            ValueError: naming the channels that differ.
        """
        if heat.channels == self.channels:
            return
        missing = [name for name in self.channels if name not in heat.channels]
        unknown = [name for name in heat.channels if name not in self.channels]
        what = f"without {missing}, with unknown {unknown}" if missing or unknown else "in another order"
        raise ValueError(
            f"modality {heat.modality!r}: the heatmaps have {len(heat.channels)} channels, {what}, where the "
            f"network was trained on {len(self.channels)}: encode them with the vocabulary of its training"
        )

    def values(self, heat: SparseHeatmaps, normalise_users: bool) -> np.ndarray:
        """float32 [n]: what the convolution reads."""
        scaled = _log(heat.value) / self.scale[heat.channel]
        if normalise_users:
            total = np.bincount(heat.rows, weights=np.abs(scaled), minlength=len(heat.offsets) - 1)
            scaled = scaled * (HEAT_PER_USER / np.maximum(total, 1e-6))[heat.rows]
        return scaled.astype(np.float32)

    def activity(self, heat: SparseHeatmaps) -> np.ndarray:
        """float32 [U, 2]: how much and how often, standardised."""
        return ((_activity(heat, self.scale) - self.activity_mean) / self.activity_std).astype(np.float32)


@dataclass(frozen=True)
class DemographicScale:
    """Demographic columns as the network reads them."""

    numeric_names: tuple[str, ...]
    mean: np.ndarray  #: float32 [n]
    std: np.ndarray  #: float32 [n]
    categorical_names: tuple[str, ...]
    categories: tuple[tuple[str, ...], ...]

    @classmethod
    def fit(
        cls, columns: Demographics, users: np.ndarray, withheld: frozenset[str]
    ) -> DemographicScale | None:
        """Learn from `users` (bool [U]) the columns that are not withheld; None where none is left.

        A column or a value that none of them has is not there: it may have come to the warehouse later.
        """
        has, names = ~np.isnan(columns.numeric[users]), columns.categorical_names
        numeric = [i for i, n in enumerate(columns.numeric_names) if n not in withheld and has[:, i].any()]
        seen = [np.unique(codes[codes != MISSING]) for codes in columns.categorical[users].T]
        categorical = [i for i, name in enumerate(names) if name not in withheld and len(seen[i])]
        if not numeric and not categorical:
            return None
        values = columns.numeric[users][:, numeric].astype(np.float64)
        known = has[:, numeric]
        count = np.maximum(known.sum(0), 1)
        mean = np.where(known, values, 0.0).sum(0) / count
        spread = np.sqrt((np.where(known, values - mean, 0.0) ** 2).sum(0) / count)
        return cls(
            numeric_names=tuple(columns.numeric_names[i] for i in numeric),
            mean=mean.astype(np.float32),
            std=np.where(spread > 1e-9, spread, 1.0).astype(np.float32),
            categorical_names=tuple(names[i] for i in categorical),
            categories=tuple(tuple(columns.categories[i][code] for code in seen[i]) for i in categorical),
        )

    @property
    def numeric_inputs(self) -> int:
        """Two for each numeric column: the value (0 where unknown), and whether it is known."""
        return 2 * len(self.numeric_names)

    def numeric(self, columns: Demographics) -> np.ndarray:
        """float32 [U, 2 n], standardised."""
        at = [_column(columns.numeric_names, name, "numeric") for name in self.numeric_names]
        values = (columns.numeric[:, at] - self.mean) / self.std
        known = ~np.isnan(values)
        return np.concatenate([np.where(known, values, 0.0), known], axis=1).astype(np.float32)

    def categorical(self, columns: Demographics) -> np.ndarray:
        """int64 [U, m]: 0 for unknown, else 1 + the place in training's vocabulary; new values unknown."""
        out = np.zeros((len(columns.categorical), len(self.categorical_names)), dtype=np.int64)
        for column, name in enumerate(self.categorical_names):  # a handful of columns
            at = _column(columns.categorical_names, name, "categorical")
            known = {value: i + 1 for i, value in enumerate(self.categories[column])}
            codes = np.asarray([*(known.get(value, 0) for value in columns.categories[at]), 0])
            out[:, column] = codes[columns.categorical[:, at]]  # MISSING is -1: the last
        return out


def _column(names: tuple[str, ...], name: str, kind: str) -> int:
    if name not in names:
        raise ValueError(
            f"demographics have no {kind} column {name!r}, on which the network was trained; there are "
            f"{list(names)}: load the column, or train anew"
        )
    return names.index(name)


def _log(value: np.ndarray) -> np.ndarray:
    return np.sign(value) * np.log1p(np.abs(value))


def _activity(heat: SparseHeatmaps, scale: np.ndarray) -> np.ndarray:
    users = len(heat.offsets) - 1
    total = np.bincount(heat.rows, weights=np.abs(_log(heat.value) / scale[heat.channel]), minlength=users)
    return np.log1p(np.stack([total, np.diff(heat.offsets)], axis=1))


assert MISSING == -1  # `DemographicScale.categorical` reads the last entry for it
