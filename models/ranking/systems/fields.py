"""What the paper's rankers over fields share: field vectors, pooled behaviours, first-order terms."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn

from models.layers.embedding import gather
from models.layers.field_sums import FieldSums
from models.ranking.features.batch import Batch
from models.ranking.features.codes import Layout
from models.ranking.features.event_log import EventDays
from models.ranking.features.features import FeatureSettings
from models.ranking.features.neighbours import NeighbourIndex, RowView
from models.ranking.systems.behaviours import BehaviourIndex, BehaviourSettings
from models.ranking.systems.content import ContentFields, ContentReader


class FieldRanker(nn.Module):
    """Logits [T, B] of a batch, from gathered rows [R, 17]; a subclass says how vectors interact.

    A user's behaviours come in as one vector a list, the mean of the embeddings of the items in it, and stand
    beside the fields; so do content vectors, where the source brings any. First-order terms belong to fields
    and to content.
    """

    def __init__(self) -> None:
        super().__init__()
        self.content: ContentFields | None = None

    def reading(self, content: ContentFields | None) -> Self:
        """This ranker with content vectors beside its fields; its other parts know how many they are."""
        self.content = content
        return self

    def forward(self, rows_RW: Tensor, batch: Batch) -> Tensor:
        """Logits [T, B]."""
        pooled = self.pooled(rows_RW, batch)
        if self.content is None:
            return self.rank(rows_RW, batch, pooled)
        assert batch.content is not None
        vectors, first = self.content(batch.content)
        beside = vectors if pooled is None else torch.cat([pooled, vectors], dim=-2)
        return self.rank(rows_RW, batch, beside) + first

    def pooled(self, rows_RW: Tensor, batch: Batch) -> Tensor | None:
        """Behaviours as vectors [T, B, P, D]; None without any list."""
        return None if batch.graph is None else batch.graph.means(rows_RW)

    def rank(self, rows_RW: Tensor, batch: Batch, beside: Tensor | None) -> Tensor:
        """Logits [T, B] of the batch's fields and of vectors beside them, [T, B, P, D]."""
        raise NotImplementedError


def field_sums(rows_RW: Tensor, batch: Batch) -> FieldSums:
    """All fields of a batch, to be summed."""
    return FieldSums.of(batch.fields, len(rows_RW), batch.task)


def written_out(rows_RW: Tensor, batch: Batch, beside: Tensor | None) -> tuple[Tensor, Tensor]:
    """Vectors [T, B, F + P, D] of fields and what stands beside them, and first-order terms [T, B, F]."""
    gathered = gather(rows_RW, batch.fields)
    # `split`, not slices: the gradient is then one concatenation, not a sum of padded parts.
    vectors, first = gathered.split([gathered.shape[-1] - 1, 1], dim=-1)
    return vectors if beside is None else torch.cat([vectors, beside], dim=-2), first.squeeze(-1)


class FieldSettings(ContentReader):
    """Rankers over the user, item, behaviour and context fields of the shared pipeline."""

    features: FeatureSettings = FeatureSettings(external=False)
    behaviours: BehaviourSettings = BehaviourSettings()  #: whose means are fields too

    def content_and_lists(
        self, layout: Layout, generator: torch.Generator
    ) -> tuple[ContentFields | None, int]:
        """What reads content vectors, and how many vectors stand beside the fields in all."""
        content = self.content_fields(layout, generator)
        return content, len(self.behaviours.lists) + (0 if content is None else content.width)

    @property
    def item_fields(self) -> bool:
        """Whether a behaviour is its item's ID and fields, or the ID alone."""
        return False

    def graph(self, events: EventDays, view: RowView) -> NeighbourIndex | None:
        """The latest clicks by user; None without any list."""
        if not self.behaviours.lists:
            return None
        recent = self.neighbour_events(events)
        return BehaviourIndex.of(self.behaviours, view, recent, fields=self.item_fields)

    def load_graph(self, folder: Path, view: RowView) -> NeighbourIndex | None:
        """The clicks that `BehaviourIndex.save` wrote, memory-mapped."""
        if not self.behaviours.lists:
            return None
        return BehaviourIndex.load(self.behaviours, view, folder, fields=self.item_fields)
