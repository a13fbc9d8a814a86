"""Training or hourly instances as table rows, and the mini-batches cut from them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from models.ranking.features.batch import Batch, localise_tasks
from models.ranking.features.event_log import HOUR_MS, Exposures
from models.ranking.features.neighbours import NeighbourIndex


@dataclass(frozen=True)
class Instances:
    """N instances, in time order. Labels of instances to be scored are zeros: nobody reads them."""

    user: np.ndarray  #: int64 [N]
    item: np.ndarray  #: int64 [N]
    #: int64 [N] start of the instance's service hour: only what came before may be used
    cutoff_ms: np.ndarray
    hour: np.ndarray  #: int64 [N] service hours since the epoch
    rows: np.ndarray  #: int64 [N, F] table rows of the fields
    labels: np.ndarray  #: float32 [N]
    graph: NeighbourIndex | None = None  #: where neighbours come from
    user_vectors: np.ndarray | None = None  #: float32 [U, 16] long-term vectors; users beyond U have zeros
    codes: np.ndarray | None = None  #: int64 [N, F] category codes, for systems with `reads_codes`

    def __len__(self) -> int:
        return len(self.user)

    @classmethod
    def of(
        cls,
        exposures: Exposures,
        rows: np.ndarray,
        zone_offset_ms: int,
        graph: NeighbourIndex | None,
        user_vectors: np.ndarray | None,
        codes: np.ndarray | None = None,
    ) -> Instances:
        """The instances of exposures whose fields have table rows `rows` [N, F]."""
        hour = (exposures.shown_at + zone_offset_ms) // HOUR_MS
        return cls(
            user=exposures.user,
            item=exposures.item,
            cutoff_ms=hour * HOUR_MS - zone_offset_ms,
            hour=hour,
            rows=rows,
            labels=exposures.clicked.astype(np.float32),
            graph=graph,
            user_vectors=user_vectors,
            codes=codes,
        )

    def part(self, first: int, last: int) -> Instances:
        """The instances at positions `[first, last)`; nothing is copied."""
        columns = ("user", "item", "cutoff_ms", "hour", "rows", "labels", "codes")
        arrays = {name: getattr(self, name) for name in columns}
        return replace(self, **{name: a[first:last] for name, a in arrays.items() if a is not None})

    def batch(self, index: np.ndarray, weight: np.ndarray | None = None) -> Batch:
        """The mini-batch of instances `index` int64 [T, B]; `weight` [T, B] (None: all 1), 0 is padding."""
        row_ids = [torch.from_numpy(self.rows[index])]
        sample = None
        if self.graph is not None:
            sample = self.graph.sample(self.user[index], self.item[index], self.cutoff_ms[index])
            row_ids += sample.row_ids
        unique, task, positions = localise_tasks(row_ids)
        labels = torch.from_numpy(self.labels[index])
        return Batch(
            unique=unique,
            fields=positions[0],
            labels=labels,
            weight=torch.ones_like(labels) if weight is None else torch.from_numpy(weight).to(labels),
            long_term=self._long_term(self.user[index]),
            graph=None if sample is None else sample.build(positions[1:]),
            codes=None if self.codes is None else torch.from_numpy(self.codes[index]),
            task=task if len(index) > 1 else None,
        )

    def _long_term(self, users: np.ndarray) -> torch.Tensor | None:
        if self.user_vectors is None:
            return None
        known = users < len(self.user_vectors)
        vectors = self.user_vectors[np.where(known, users, 0)] * known[..., None]
        return torch.from_numpy(vectors.astype(np.float32))
