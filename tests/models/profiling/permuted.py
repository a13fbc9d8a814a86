"""The same users in another order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.profiling.data import ProfileData


def permuted(data: ProfileData, order: np.ndarray) -> ProfileData:
    """User `order[i]` at position i."""
    position = np.empty(len(order), dtype=np.int64)
    position[order] = np.arange(len(order))
    columns, labels = data.demographics, data.labels
    return replace(
        data,
        user_ids=data.user_ids[order],
        modalities=tuple(m.take(order) for m in data.modalities),
        purchases=replace(data.purchases, user=position[data.purchases.user]),
        demographics=None
        if columns is None
        else replace(columns, numeric=columns.numeric[order], categorical=columns.categorical[order]),
        labels=None if labels is None else replace(labels, value=labels.value[order]),
    )
