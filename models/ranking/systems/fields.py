"""What the paper's rankers over fields share: field vectors, pooled behaviours, first-order terms."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from models.layers.embedding import gather
from models.ranking.features.batch import Batch
from models.ranking.features.event_log import EventDays
from models.ranking.features.features import FeatureSettings
from models.ranking.features.neighbours import NeighbourIndex, RowView
from models.ranking.systems.behaviours import BehaviourIndex, BehaviourSettings
from models.ranking.training.system import SystemSettings


class FieldRanker(nn.Module):
    """Logits [T, B] of a batch, from gathered rows [R, 17]; a subclass says how vectors interact.

    A user's behaviours come in as one vector a list, the mean of the embeddings of the items in it, and stand
    beside the fields; first-order terms belong to fields alone.
    """

    def forward(self, rows_RW: Tensor, batch: Batch) -> Tensor:
        """Logits [T, B]."""
        gathered = gather(rows_RW, batch.fields)
        # `split`, not slices: the gradient is then one concatenation, not a sum of padded parts.
        vectors, first = gathered.split([gathered.shape[-1] - 1, 1], dim=-1)
        pooled = self.pooled(rows_RW, vectors, batch)
        if pooled is not None:
            vectors = torch.cat([vectors, pooled], dim=-2)
        return self.rank(vectors, first.squeeze(-1))

    def pooled(self, rows_RW: Tensor, x_TBFD: Tensor, batch: Batch) -> Tensor | None:  # noqa: ARG002
        """Behaviours as vectors [T, B, P, D], given the fields' own [T, B, F, D]; None without any list."""
        return None if batch.graph is None else batch.graph.means(rows_RW)

    def rank(self, x_TBFD: Tensor, first_TBF: Tensor) -> Tensor:
        """Field vectors [T, B, F, D], first-order terms [T, B, F'] → logits [T, B]."""
        raise NotImplementedError


class FieldSettings(SystemSettings):
    """Rankers over the user, item, behaviour and context fields of the shared pipeline."""

    features: FeatureSettings = FeatureSettings(external=False)
    behaviours: BehaviourSettings = BehaviourSettings()  #: whose means are fields too

    @property
    def item_fields(self) -> bool:
        """Whether a behaviour is its item's ID and fields, or the ID alone."""
        return False

    def graph(self, events: EventDays, view: RowView) -> NeighbourIndex | None:
        """The clicks of the window by user; None without any list."""
        if not self.behaviours.lists:
            return None
        window = events.last(self.training.window_days)
        return BehaviourIndex.of(self.behaviours, view, window, fields=self.item_fields)

    def load_graph(self, folder: Path, view: RowView) -> NeighbourIndex | None:
        """The clicks that `BehaviourIndex.save` wrote, memory-mapped."""
        if not self.behaviours.lists:
            return None
        return BehaviourIndex.load(self.behaviours, view, folder, fields=self.item_fields)
