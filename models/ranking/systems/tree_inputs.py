"""What trees read beside codes: a user's latest events, factors of the click graph, vectors.

All of it comes with a batch, made by the same look-ups as for networks, and becomes columns of numbers. A
tree cannot multiply: of what a network compares by products, the comparisons are columns too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.ranking.features.batch import Batch
from models.ranking.features.codes import Layout
from models.ranking.features.neighbours import GraphSample
from models.ranking.lsttm.graph_parts import GraphParts
from models.ranking.lsttm.typed_events import CLICK, ENGAGED, EXTERNAL, TYPES, TypedIndex
from models.ranking.systems.content import content_matrix

LATEST = (5, 15)  #: so many of the latest events have a share of clicks of their own


@dataclass(frozen=True)
class EventLists:
    """The K latest events of the user of each instance, the most recent last, and how the item meets them."""

    kinds: Tensor  #: int64 [T, B, K], `SKIP` … `EXTERNAL`; means nothing outside the mask
    ages: Tensor  #: int64 [T, B, K], bucket of the age
    mask: Tensor  #: bool [T, B, K]
    same_item: Tensor  #: bool [T, B, K], whether the event was with the instance's item
    fields: Tensor  #: int64 [T, B, K, F], of the event's item

    def to(self, device: torch.device | str) -> EventLists:
        """The same tensors on another device."""
        return EventLists(*(tensor.to(device) for tensor in vars(self).values()))


class EventIndex(TypedIndex):
    """The typed events of users, given as they are and not as table rows."""

    def sample(self, users: np.ndarray, items: np.ndarray, cutoff_ms: np.ndarray) -> GraphSample:
        """`EventLists` of instances [T, B]; nothing of a table is asked for."""
        user, item, time = map(torch.from_numpy, (users, items, cutoff_ms))
        events, mask, codes = self._once_a_pair(user, time, self._of_users)
        fields, _ = self.view.items.lookup(events.numpy())
        lists = EventLists(
            kinds=torch.div(codes, self.settings.age_buckets, rounding_mode="floor"),
            ages=codes % self.settings.age_buckets,
            mask=mask,
            same_item=(events == item.unsqueeze(-1)) & mask,
            fields=torch.from_numpy(fields),
        )
        return GraphSample([], lambda _: lists)


def numbers_of(batch: Batch, layout: Layout) -> np.ndarray:
    """All that stands beside the codes of a batch, float32 [T · B, C]; NaN where nothing is known."""
    parts = batch.graph if isinstance(batch.graph, GraphParts) else GraphParts(None)
    columns = []
    if parts.encoder is not None:
        assert batch.codes is not None
        columns.append(event_numbers(parts.encoder, batch.codes[..., layout.columns("item_field")]))
    if parts.factors is not None:
        columns.append(factor_numbers(parts.factors))
    if batch.long_term is not None:
        columns.append(_known(batch.long_term))
    made = [column.flatten(0, 1).cpu().numpy() for column in columns]
    if batch.content is not None:
        made.append(content_matrix(batch.content))
    return np.concatenate([np.empty((batch.labels.numel(), 0), np.float32), *made], axis=1)


def factor_numbers(factors: Tensor) -> Tensor:
    """u, v, u·v and the products' sum, float [T, B, 3 · width + 1], of vectors [T, B, 2, width]."""
    user, item = _known(factors).unbind(-2)
    product = user * item
    return torch.cat([user, item, product, product.sum(-1, keepdim=True)], dim=-1)


def event_numbers(events: EventLists, targets: Tensor) -> Tensor:
    """Counts, shares of clicks and ages, float [T, B, N], of lists and the items' fields [T, B, F].

    Of the whole list: how many events of each kind and how old the latest; the share of clicks among what
    was shown, also of the latest few; the age of the oldest. Of those with the instance's item, and of those
    that share each of its fields: how many were shown, the share of clicks among them, how many were liked
    (clicked, here or elsewhere), the age of the latest that was.
    """
    kind, mask = events.kinds, events.mask
    of_kind = [(kind == number) & mask for number in range(TYPES)]
    shown = mask & ~of_kind[EXTERNAL]
    clicked = of_kind[CLICK] | of_kind[ENGAGED]
    liked = clicked | of_kind[EXTERNAL]
    columns = [part.sum(-1).float() for part in of_kind]
    columns += [_youngest(part, events.ages) for part in of_kind]
    columns += [_share(clicked, shown)]
    columns += [_share(clicked[..., -k:], shown[..., -k:]) for k in LATEST]
    columns += [_youngest(mask, -events.ages).neg()]
    known = (events.fields == targets.unsqueeze(-2)) & (targets >= 0).unsqueeze(-2) & mask.unsqueeze(-1)
    for match in (events.same_item, *known.unbind(-1)):
        met, pleased = shown & match, liked & match
        columns += [met.sum(-1).float(), _share(clicked & match, met), pleased.sum(-1).float()]
        columns += [_youngest(pleased, events.ages)]
    return torch.stack(columns, dim=-1)


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """How many of the whole are in the part, [T, B]; NaN of nothing."""
    return part.sum(-1) / whole.sum(-1)


def _youngest(events: Tensor, ages: Tensor) -> Tensor:
    """The least age among some events, [T, B]; NaN among none."""
    least = ages.float().masked_fill(~events, torch.inf).amin(-1)
    return least.masked_fill(torch.isinf(least), torch.nan)


def _known(vectors: Tensor) -> Tensor:
    """Vectors [..., D], all NaN where all are zero: nothing is known."""
    return vectors.masked_fill((vectors == 0).all(-1, keepdim=True), torch.nan)
