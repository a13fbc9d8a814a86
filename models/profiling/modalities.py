"""What each modality of a profile is worth: the prior and match of `meta_profile_prior`, in other spaces.

A modality gives vectors in which customers are compared: purchases those of `meta_profile_prior`, heatmaps
the embedding of the printed network, points, labels and demographics their columns. Gains are learned from
source brands as always, so that a modality that says nothing is given no weight. The prior of activity is in
all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from models.profiling.data import DAYS, MISSING, Labels, ProfileData
from models.profiling.meta_profile import MetaProfile
from models.profiling.modality import Modality
from models.profiling.prior import MetaProfilePriorSettings, PriorScorer, fit_vectors
from models.profiling.profiler import standardised
from models.profiling.settings import MetaProfileSettings
from models.profiling.teaching import TeachingWindow, teach
from models.progress import Progress

POINT_WINDOWS = (30, 90, DAYS)  #: days before the as-of day over which points are summed
IMAGE = "shopping"  #: the modality of heatmaps that the network reads


def heat_network(
    settings: MetaProfileSettings,
    data: ProfileData,
    window: TeachingWindow,
    *,
    seed: int,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> MetaProfile:
    """The printed network on heatmaps of purchases alone, trained on what was known at the window's start.

    It may embed at the as-of date too: a model of an earlier date knows nothing of a later one's future.
    """
    then = _images(data.take(window.teachers).held_back(window.start_day))
    alone = settings.model_copy(
        update={"network": settings.network.model_copy(update={"demographics": "none"})}
    )
    everybody = np.ones(len(then), dtype=bool)
    return MetaProfile.train(alone, then, everybody, seed=seed, device=device, progress=progress)


def ready_with(
    modalities: Sequence[Modality],
    settings: MetaProfilePriorSettings,
    data: ProfileData,
    train_users: np.ndarray,
    network: MetaProfile | None,
    *,
    excluded_brands: np.ndarray,
    seed: int,
    earlier: Labels | None = None,
    device: torch.device | str = "cpu",
) -> PriorScorer:
    """Train on some modalities and stand ready at the as-of date.

    Args:
        modalities: in which customers are compared; none leaves the prior.
        settings: of the teaching, and of the spaces of purchases.
        data: all before the as-of date.
        train_users: bool [U], whom to learn from, and the background.
        network: `heat_network`, where heatmaps are among the modalities.
        excluded_brands: int64 positions of brands that must not teach.
        seed: draws supports and samples.
        earlier: labels of all users as they were when the teaching window began: data of a later date hold
            the last observation alone. Without them no source brand says what labels are worth.
        device: of the match.
    """
    window = TeachingWindow.of(settings, data, train_users, seed)
    known = None if earlier is None else earlier.take(window.teachers)

    def vectors(one: ProfileData, users: np.ndarray) -> list[np.ndarray]:
        return [space for modality in modalities for space in spaces(modality, one, users)]

    def spaces(modality: Modality, one: ProfileData, users: np.ndarray) -> list[np.ndarray]:
        if modality == "purchases":
            fitted = fit_vectors(settings, one, users, seed)
            return [space.transform(one.purchases, len(one)) for space in fitted]
        columns = _embedded(one, network) if modality == "heatmap" else COLUMNS[modality](one)
        return [standardised(columns, users).astype(np.float32)]

    taught = teach(
        settings,
        data,
        window,
        lambda then: vectors(replace(then, labels=known), np.ones(len(then), dtype=bool)),
        excluded_brands=excluded_brands,
        seed=seed,
        device=device,
    )
    return PriorScorer.of(taught, data, vectors(data, train_users), train_users, device)


def _embedded(data: ProfileData, network: MetaProfile | None) -> np.ndarray:
    """Embeddings of the heatmaps of purchases, float [U, E]."""
    assert network is not None
    return network.embed(_images(data))


def point_columns(data: ProfileData) -> np.ndarray:
    """float64 [U, 3 C]: sums of each channel of points over `POINT_WINDOWS`, signed logarithms."""
    heat = data.modality("points")
    if heat is None:
        return np.zeros((len(data), 1))
    channels = len(heat.channels)
    cell = heat.rows * channels + heat.channel
    columns = []
    for length in POINT_WINDOWS:
        inside = heat.day >= DAYS - length
        total = np.bincount(cell[inside], weights=heat.value[inside], minlength=len(data) * channels)
        columns.append((np.sign(total) * np.log1p(np.abs(total))).reshape(len(data), channels))
    return np.concatenate(columns, axis=1)


def demographic_columns(data: ProfileData) -> np.ndarray:
    """float64 [U, P]: each answer as 0 or 1, numbers as they are; 0 throughout for who gave none.

    Answers are put off from the mean of those who gave one, so that silence is nobody's likeness.
    """
    people = data.demographics
    if people is None:
        return np.zeros((len(data), 1))
    columns = []
    for column, values in enumerate(people.categories):  # a handful of columns
        codes = people.categorical[:, column]
        answers = (codes[:, None] == np.arange(len(values))).astype(np.float64)
        columns.append(_apart(answers, codes != MISSING))
    numeric = people.numeric.astype(np.float64)
    for column in range(numeric.shape[1]):
        known = ~np.isnan(numeric[:, column])
        columns.append(_apart(np.nan_to_num(numeric[:, column : column + 1]), known))
    return np.concatenate(columns, axis=1) if columns else np.zeros((len(data), 1))


def label_columns(data: ProfileData) -> np.ndarray:
    """float64 [U, T]: the last observation of each task of `labels`, less its mean; 0 where there is none."""
    labels = data.labels
    if labels is None or not labels.tasks:
        return np.zeros((len(data), 1))
    columns = np.nan_to_num(labels.value.astype(np.float64))
    known = ~np.isnan(labels.value)
    mean = (columns * known).sum(0) / np.maximum(known.sum(0), 1)
    return np.where(known, columns - mean, 0.0)


def _apart(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values [U, n] less their mean over the users `known` (bool [U]); 0 for all others."""
    mean = values[known].mean(0) if known.any() else 0.0
    return np.where(known[:, None], values - mean, 0.0)


def _images(data: ProfileData) -> ProfileData:
    """The same with heatmaps of purchases alone."""
    heat = data.modality(IMAGE)
    return replace(data, modalities=() if heat is None else (heat,), labels=None)


#: modality → its columns, float64 [U, n]
COLUMNS: dict[Modality, Callable[[ProfileData], np.ndarray]] = {
    "points": point_columns,
    "labels": label_columns,
    "demographics": demographic_columns,
}
