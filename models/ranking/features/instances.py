"""Training or hourly instances, held narrow, and the mini-batches cut from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

import numpy as np
import torch

from models.ranking.features.batch import Batch, ContentBatch, localise_tasks
from models.ranking.features.event_log import HOUR_MS, EventLog
from models.ranking.features.field_matrix import FieldMatrix
from models.ranking.features.neighbours import NeighbourIndex


@runtime_checkable
class VectorsByMorning(Protocol):
    """Long-term vectors of users as of the morning of an instance's service day."""

    def vectors(self, users: np.ndarray, cutoff_ms: np.ndarray) -> np.ndarray:
        """float32 [..., 16] for users [...] and the starts int64 [...] of their instances' hours."""


class ContentIndex(Protocol):
    """Content vectors of users and items, and what they are compared with."""

    def append(self, hour: EventLog) -> None:
        """Take in the next hour; the feature state has done so."""

    def serving(self, hour: EventLog) -> Self:
        """The same, with the vectors that an hour brings of users and items not received before."""

    def save(self, folder: Path) -> None:
        """Write what is not in the feature state into `folder` (it does not exist yet)."""

    def batch(self, users: np.ndarray, items: np.ndarray, cutoff_ms: np.ndarray) -> ContentBatch:
        """Those of int64 [T, B] users and items, compared with clicks received before `cutoff_ms` [T, B]."""


@dataclass(frozen=True)
class LatestVectors:
    """The same vectors for every instance: those of the last morning, which a day's hours read."""

    user_vectors: np.ndarray  #: float32 [U, 16]; users beyond U have zeros

    def vectors(self, users: np.ndarray, cutoff_ms: np.ndarray) -> np.ndarray:  # noqa: ARG002
        """See `VectorsByMorning.vectors`."""
        known = users < len(self.user_vectors)
        out = self.user_vectors[np.where(known, users, 0)] * known[..., None]
        return np.asarray(out, np.float32)


@dataclass(frozen=True)
class Instances:
    """N instances. Labels of instances to be scored are zeros: nobody reads them."""

    user: np.ndarray  #: integer [N]
    item: np.ndarray  #: integer [N]
    hour: np.ndarray  #: int64 [N] service hours since the epoch, ascending
    rows: FieldMatrix  #: [N, F] table rows of the fields
    labels: np.ndarray  #: float32 [N]
    zone_offset_ms: int = 0
    graph: NeighbourIndex | None = None  #: where neighbours come from
    long_term: VectorsByMorning | None = None
    codes: FieldMatrix | None = None  #: [N, F] category codes, for systems with `reads_codes`
    content: ContentIndex | None = None  #: where content vectors come from

    def __len__(self) -> int:
        return len(self.user)

    def cutoffs(self, index: np.ndarray | slice = slice(None)) -> np.ndarray:
        """int64 [...] starts of the service hours of some instances: only what came before may be used."""
        return self.hour[index] * HOUR_MS - self.zone_offset_ms

    def part(self, first: int, last: int) -> Instances:
        """The instances at positions `[first, last)`; nothing is copied."""
        index = slice(first, last)
        return replace(
            self,
            user=self.user[index],
            item=self.item[index],
            hour=self.hour[index],
            rows=self.rows.part(index),
            labels=self.labels[index],
            codes=None if self.codes is None else self.codes.part(index),
        )

    def batch(self, index: np.ndarray, weight: np.ndarray | None = None) -> Batch:
        """The mini-batch of instances `index` int64 [T, B]; `weight` [T, B] (None: all 1), 0 is padding."""
        row_ids = [torch.from_numpy(self.rows[index])]
        users, items = (column[index].astype(np.int64) for column in (self.user, self.item))
        cutoffs, sample = self.cutoffs(index), None
        if self.graph is not None:
            sample = self.graph.sample(users, items, cutoffs)
            row_ids += sample.row_ids
        unique, task, positions = localise_tasks(row_ids)
        labels = torch.from_numpy(self.labels[index])
        vectors = None if self.long_term is None else self.long_term.vectors(users, cutoffs)
        return Batch(
            unique=unique,
            fields=positions[0],
            labels=labels,
            weight=torch.ones_like(labels) if weight is None else torch.from_numpy(weight).to(labels),
            long_term=None if vectors is None else torch.from_numpy(vectors),
            graph=None if sample is None else sample.build(positions[1:]),
            codes=None if self.codes is None else torch.from_numpy(self.codes[index]),
            content=None if self.content is None else self.content.batch(users, items, cutoffs),
            task=task if len(index) > 1 else None,
        )
