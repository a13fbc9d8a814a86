"""Content vectors (of an item's text or image, of a user's profile) as inputs of a ranker.

They are known in an item's first hour, when no row and no count says anything yet. Beside the fields stand
the projected vectors, and how near the item is to what the user clicked lately, which needs no training on
that item either. Vectors are those that the feature state holds: of the description received first, until the
descriptions of the next morning; they are looked up when a batch is made and copied into no instance.
"""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from models.layers.projection import Projection
from models.layers.temporal_adjacency import TemporalAdjacency
from models.ranking.features.batch import ContentBatch
from models.ranking.features.codes import Layout
from models.ranking.features.day_graphs import adjacencies_of
from models.ranking.features.entities import EntityTable
from models.ranking.features.event_log import Entities, EventDays, EventLog
from models.ranking.features.features import Features
from models.ranking.features.instances import Instances
from models.ranking.features.sampling import load_adjacencies, unique_nodes, unique_pairs
from models.ranking.systems.behaviours import BehaviourSettings, latest_clicks
from models.ranking.training.system import WIDTH, SystemSettings
from models.settings import Settings

CHUNK = 512  #: instances whose vectors are looked up at once
NUMBERS = 3  #: of each list of clicks: mean and largest cosine, share of the list that has a vector
CENTRE, CLICKS = "centre.npy", "clicks"  #: in the folder of a saved index


class ContentSettings(Settings):
    """What is made of content vectors, where the source brings any."""

    hidden: tuple[int, ...] = ()  #: widths of the projection's hidden layers; empty: it is linear
    #: latest clicks, in the target recommendation and of other applications each, that the item is compared
    #: with; 0: no comparison
    history: int = Field(default=30, ge=0)


class ContentVectors:
    """Vectors of users and items, and the clicks that an item is compared with; a `ContentIndex`."""

    def __init__(
        self,
        users: EntityTable,
        items: EntityTable,
        centre: np.ndarray,
        clicks: dict[str, TemporalAdjacency],
        lists: BehaviourSettings,
    ) -> None:
        """Args: the tables of the feature state, which grow with it; centre float32 [V] of items' vectors."""
        self._users, self._items, self._centre = users, items, centre
        self._clicks, self._lists = clicks, lists
        self._newcomers: tuple[Entities | None, Entities | None] = (None, None)

    @classmethod
    def of(cls, features: Features, events: EventDays, lists: BehaviourSettings) -> ContentVectors:
        """Start from the clicks of some days; vectors count from the mean of the items known by now."""
        items = features.items
        clicks = adjacencies_of(events, lambda log: latest_clicks(log, lists)) if lists.lists else {}
        return cls(features.users, items, items.mean_vector(), clicks, lists)

    @classmethod
    def load(cls, features: Features, folder: Path, lists: BehaviourSettings) -> ContentVectors:
        """What `save` wrote; clicks are memory-mapped."""
        clicks = load_adjacencies(folder / CLICKS)
        return cls(features.users, features.items, np.load(folder / CENTRE), clicks, lists)

    def save(self, folder: Path) -> None:
        """Write the clicks and the centre into a new folder; the vectors lie with the feature state."""
        (folder / CLICKS).mkdir(parents=True)
        np.save(folder / CENTRE, self._centre)
        for name, adjacency in self._clicks.items():
            adjacency.save(folder / CLICKS / name)

    def append(self, hour: EventLog) -> None:
        """Take in the clicks that an hour received."""
        if self._clicks:
            for name, part in latest_clicks(hour, self._lists).items():
                self._clicks[name].append(*part)

    def serving(self, hour: EventLog) -> ContentVectors:
        """The same, with the vectors that an hour brings of users and items not received before."""
        other = copy.copy(self)
        other._newcomers = (hour.users, hour.items)
        return other

    def batch(self, users: np.ndarray, items: np.ndarray, cutoff_ms: np.ndarray) -> ContentBatch:
        """See `ContentIndex.batch`."""
        user, user_known = _unit(self._users.vectors(users, self._newcomers[0]))
        item, item_known = self._unit_items(items)
        known = torch.from_numpy(np.stack([user_known, item_known], axis=-1))
        similar = self._similar(users, item, item_known, cutoff_ms)
        return ContentBatch(torch.from_numpy(user), torch.from_numpy(item), known, similar)

    def _unit_items(self, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        vectors = self._items.vectors(items, self._newcomers[1])
        # A table whose first vectors came after the training has them, and a ranker that reads none.
        return _unit(vectors[..., : len(self._centre)] - self._centre)

    def _similar(
        self, users: np.ndarray, item: np.ndarray, item_known: np.ndarray, cutoff_ms: np.ndarray
    ) -> Tensor:
        """`ContentBatch.similar` of instances [T, B] with items' vectors [T, B, V]."""
        shape = users.shape
        if not self._clicks:
            return torch.empty(*shape, 0)
        user, time = (torch.from_numpy(part.reshape(1, -1)) for part in (users, cutoff_ms))
        pair_user, pair_time, pairs = unique_pairs(user, time, None, (user[:, 0], time[:, 0]))
        target = torch.from_numpy(item.reshape(users.size, -1, 1))
        known = torch.from_numpy(item_known.reshape(-1, 1))
        out = []
        for name, k in self._lists.lists.items():
            adjacency = self._clicks[name]
            latest = adjacency.neighbours(pair_user, pair_time, k)
            clicked = unique_nodes(adjacency.gather("item", latest).long(), latest.mask, pair_user[:, 0] * 0)
            vectors, has = map(torch.from_numpy, self._unit_items(clicked.values[0].numpy()))
            at = clicked.positions[0][pairs.positions[0]]  # [N, K]
            real = latest.mask[0][pairs.positions[0]] * has[at] * known
            cosine = torch.bmm(vectors.index_select(0, at.reshape(-1)).view(*at.shape, -1), target).squeeze(2)
            count = real.sum(1)
            mean = (cosine * real).sum(1) / count.clamp_min(1)
            largest = torch.where(count > 0, cosine.masked_fill(real == 0, -1).amax(1), 0)
            out += [mean, largest, count / k]
        return torch.stack(out, dim=1).view(*shape, -1)


def _unit(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors float32 [..., V] at unit length, zero where unknown (NaN); and 1 where known, float32 [...]."""
    known = np.asarray(~np.isnan(vectors).any(axis=-1), np.float32)
    if not vectors.shape[-1]:
        return vectors, np.zeros_like(known)
    vectors = np.nan_to_num(vectors, nan=0.0)
    length = np.sqrt(np.square(vectors).sum(axis=-1, keepdims=True))
    return vectors / np.maximum(length, 1e-12), known


class ContentFields(nn.Module):
    """What a batch's content gives a ranker: vectors beside its fields, and a term of its logits."""

    def __init__(
        self, settings: ContentSettings, vectors: tuple[int, int], lists: int, generator: torch.Generator
    ) -> None:
        """Args: numbers of a user's and of an item's vector, 0 for none; lists of clicks to compare with."""
        super().__init__()
        user, item = (Projection(v, settings.hidden, WIDTH, generator) if v else None for v in vectors)
        self.user, self.item = user, item
        self.similar = Projection(NUMBERS * lists, (), WIDTH, generator) if lists else None

    @property
    def width(self) -> int:
        """How many vectors stand beside the fields."""
        return sum(part is not None for part in (self.user, self.item, self.similar))

    def forward(self, content: ContentBatch) -> tuple[Tensor, Tensor]:
        """Vectors [T, B, P, D] and first-order terms [T, B]."""
        user_known, item_known = content.known.unbind(-1)
        sides = (
            (self.user, content.user, user_known),
            (self.item, content.item, item_known),
            (self.similar, content.similar, item_known),
        )
        made = [part(values, known) for part, values, known in sides if part is not None]
        vectors, first = zip(*made, strict=True)
        return torch.stack(vectors, dim=-2), torch.stack(first).sum(0)


class ContentReader(SystemSettings):
    """Settings of the systems that read content vectors where there are any."""

    content: ContentSettings | None = ContentSettings()  #: None: they are not read

    def content_fields(self, layout: Layout, generator: torch.Generator) -> ContentFields | None:
        """The part of the module that reads them; None where there are none, and nothing is drawn then."""
        if self.content is None or layout.vectors == (0, 0):
            return None
        lists = len(self.compared(layout).lists)
        return ContentFields(self.content, layout.vectors, lists, generator)

    def content_index(self, features: Features, layout: Layout, events: EventDays) -> ContentVectors | None:
        """See `SystemSettings.content_index`."""
        if self.content is None or layout.vectors == (0, 0):
            return None
        return ContentVectors.of(features, self.neighbour_events(events), self.compared(layout))

    def load_content(self, folder: Path, features: Features, layout: Layout) -> ContentVectors | None:
        """See `SystemSettings.load_content`."""
        if self.content is None or layout.vectors == (0, 0):
            return None
        return ContentVectors.load(features, folder, self.compared(layout))

    def compared(self, layout: Layout) -> BehaviourSettings:
        """The lists of clicks whose items a candidate is compared with."""
        assert self.content is not None
        k = self.content.history if layout.vectors[1] else 0
        return BehaviourSettings(internal=k, external=k if self.features.external else 0)


def content_matrix(content: ContentBatch) -> np.ndarray:
    """All numbers of a batch's content side by side, float32 [T · B, C], for trees; NaN where unknown."""
    unknown = content.known == 0
    user = content.user.masked_fill(unknown[..., :1], torch.nan)
    item = content.item.masked_fill(unknown[..., 1:], torch.nan)
    shares = content.similar[..., NUMBERS - 1 :: NUMBERS].repeat_interleave(NUMBERS, dim=-1)
    similar = content.similar.masked_fill(shares == 0, torch.nan)
    return torch.cat([user, item, similar], dim=-1).flatten(0, 1).cpu().numpy()


def content_columns(data: Instances, index: slice = slice(None)) -> np.ndarray:
    """The numbers of `content_matrix` of some instances, float32 [n, C]; C is 0 without content vectors."""
    positions = np.arange(len(data))[index]
    if data.content is None:
        return np.empty((len(positions), 0), np.float32)
    parts = []
    for at in np.split(positions, range(CHUNK, len(positions), CHUNK)):
        users, items = (column[at][None].astype(np.int64) for column in (data.user, data.item))
        parts.append(content_matrix(data.content.batch(users, items, data.cutoffs(at)[None])))
    return np.concatenate(parts)


def content_names(layout: Layout, settings: ContentReader) -> list[str]:
    """Names of the C columns of `content_matrix`."""
    if settings.content is None or layout.vectors == (0, 0):
        return []
    users, items = layout.vectors
    names = [f"user_vector{v}" for v in range(users)] + [f"item_vector{v}" for v in range(items)]
    compared = settings.compared(layout).lists
    return names + [f"{name}_{number}" for name in compared for number in ("mean", "largest", "share")]
