"""From a log's days to the adjacencies of its graphs, a day at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from models.layers.merged_days import merged_days
from models.layers.temporal_adjacency import TemporalAdjacency
from models.layers.time_sorted import SomeEvents
from models.ranking.features.event_log import EventDays, EventLog

Directions = dict[str, SomeEvents]  #: events of a log by name of direction


def adjacencies_of(
    events: EventDays, directions: Callable[[EventLog], Directions]
) -> dict[str, TemporalAdjacency]:
    """The adjacencies of all days, where `directions` tells a log's events; days are read twice.

    Large ones lie in scratch files in the folder beside the last day, where it has one.
    """

    def days() -> Iterator[Directions]:
        return (directions(day) for day in events)

    return merged_days(days, scratch_of(events))


def index_column(column: np.ndarray, name: str) -> Tensor:
    """Indices of users or items as int32 [N], half of what a log in memory spends on them.

    Raises:
        ValueError: an index does not fit.
    """
    if column.dtype != np.int32 and len(column) and column.max() > np.iinfo(np.int32).max:
        raise ValueError(
            f"{name} index {column.max()} does not fit 32 bits; indices are dense and begin at 0"
        )
    return torch.from_numpy(column.astype(np.int32))


def time_column(column: np.ndarray) -> Tensor:
    """Times in ms as int64 [N]; a copy, since the column of a stored day may not be written to."""
    return torch.from_numpy(column.astype(np.int64))


def scratch_of(events: EventDays) -> Path | None:
    """The folder beside the last day, made if need be; None where it has none."""
    folder = events.beside[-1] if len(events) else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    return folder
