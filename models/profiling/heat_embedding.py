"""Heatmaps as a modality: a profile network that never saw the window from which others learn."""

from __future__ import annotations

import numpy as np
import torch

from models.profiling.data import ProfileData
from models.profiling.meta_profile import MetaProfile
from models.profiling.past import as_known_at
from models.profiling.settings import PRINTED, MetaProfileSettings
from models.progress import Progress


def trained_before(
    data: ProfileData,
    train_users: np.ndarray,
    start_day: int,
    *,
    settings: MetaProfileSettings = PRINTED,
    seed: int,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> MetaProfile:
    """The nine tasks as of `start_day`, on train users known then: no label of the window after it enters.

    `MetaProfile.embed` then gives all users' embeddings, float32 [U, E], in portions of 32,768 users: at the
    window's start (`as_known_at(data, start_day)`, to learn from) and at the as-of date (`data`).
    Tasks of the table `labels` are left out, as their values are of the as-of date.

    Args:
        data: as of a day not before `start_day`.
        train_users: bool [U]; of them those known at `start_day` are learned from.
        start_day: local day on which the window begins.
        settings: of the network.
        seed: of weights and episodes.
        device: where to compute.
        progress: told of steps.

    Raises:
        ValueError: `start_day` lies after the as-of day, or no task can be answered so early.
    """
    then = as_known_at(data, start_day)
    users = np.asarray(train_users, dtype=bool) & then.known_before(start_day)
    return MetaProfile.train(settings, then, users, seed=seed, device=device, progress=progress)
