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
from models.ranking.features.event_log import Entities, EventDays, EventLog
from models.ranking.features.features import Features
from models.ranking.features.instances import Instances
from models.ranking.features.sampling import load_adjacencies
from models.ranking.features.unit_vectors import UnitVectors
from models.ranking.systems.behaviours import BehaviourSettings, latest_clicks
from models.ranking.training.system import WIDTH, SystemSettings
from models.settings import Settings

CHUNK = 512  #: instances whose vectors are looked up at once
NUMBERS = 3  #: of each list of clicks: mean and largest cosine, share of the list that has a vector
CLICKS, PARTS = "clicks", ("centre", "components")  #: in the folder of a saved index


class ContentSettings(Settings):
    """What is made of content vectors, where the source brings any."""

    #: numbers of a vector that are read: its principal components where it has more
    width: int = Field(default=64, ge=1)
    hidden: tuple[int, ...] = ()  #: widths of the projection's hidden layers; empty: it is linear
    #: latest clicks, in the target recommendation and of other applications each, that the item is compared
    #: with; 0: no comparison
    history: int = Field(default=30, ge=0)

    def widths(self, layout: Layout) -> tuple[int, int]:
        """Numbers of a user's and of an item's vector that are read; 0: there are none."""
        user, item = (min(size, self.width) for size in layout.vectors)
        return user, item


class ContentVectors:
    """Vectors of users and items, and the clicks that an item is compared with; a `ContentIndex`."""

    def __init__(
        self,
        users: UnitVectors,
        items: UnitVectors,
        clicks: dict[str, TemporalAdjacency],
        lists: BehaviourSettings,
    ) -> None:
        """Args: of the tables of the feature state, which grow with it; clicks by list."""
        self._sides, self._clicks, self._lists = (users, items), clicks, lists
        self._newcomers: tuple[Entities | None, Entities | None] = (None, None)

    @classmethod
    def of(
        cls, features: Features, events: EventDays, lists: BehaviourSettings, width: int
    ) -> ContentVectors:
        """Start from the vectors and the clicks received by now."""
        clicks = adjacencies_of(events, lambda log: latest_clicks(log, lists)) if lists.lists else {}
        users, items = (
            UnitVectors.of(table, met, width)
            for table, met in zip((features.users, features.items), _met(events), strict=True)
        )
        return cls(users, items, clicks, lists)

    @classmethod
    def load(cls, features: Features, folder: Path, lists: BehaviourSettings) -> ContentVectors:
        """What `save` wrote; clicks are memory-mapped."""
        users, items = (
            UnitVectors(table, *(np.load(folder / f"{side}_{part}.npy") for part in PARTS))
            for side, table in (("users", features.users), ("items", features.items))
        )
        return cls(users, items, load_adjacencies(folder / CLICKS), lists)

    def save(self, folder: Path) -> None:
        """Write the clicks and what vectors are read by; the vectors lie with the feature state."""
        (folder / CLICKS).mkdir(parents=True)
        for side, vectors in zip(("users", "items"), self._sides, strict=True):
            for part in PARTS:
                np.save(folder / f"{side}_{part}.npy", getattr(vectors, part))
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
        (user, user_known), (item, item_known) = (
            side.take(index, brought)
            for side, index, brought in zip(self._sides, (users, items), self._newcomers, strict=True)
        )
        known = torch.from_numpy(np.stack([user_known, item_known], axis=-1))
        target = torch.from_numpy(item)
        similar = self._similar(users, target, known[..., 1], cutoff_ms)
        return ContentBatch(torch.from_numpy(user), target, known, similar)

    def _similar(self, users: np.ndarray, item: Tensor, item_known: Tensor, cutoff_ms: np.ndarray) -> Tensor:
        """`ContentBatch.similar` of instances [T, B] with items' vectors [T, B, W]."""
        out = []
        user, time = (torch.from_numpy(part.reshape(-1)) for part in (users, cutoff_ms))
        target, comparable = item.flatten(0, 1).unsqueeze(2), item_known.reshape(-1, 1)
        instances = len(user)
        if instances > 1 and bool(((user == user[0]) & (time == time[0])).all()):  # a request: looked up once
            user, time = user[:1], time[:1]
        for name, k in self._lists.lists.items():
            latest = self._clicks[name].neighbours(user, time, k)
            clicked = self._clicks[name].gather("item", latest).long().masked_fill(~latest.mask, -1)
            vectors, known = map(torch.from_numpy, self._sides[1].take(clicked.numpy()))  # [N, K, W], [N, K]
            vectors = vectors.expand(instances, -1, -1)
            real = known * comparable
            cosine = torch.bmm(vectors, target).squeeze(2)
            count = real.sum(1)
            mean = (cosine * real).sum(1) / count.clamp_min(1)
            largest = torch.where(count > 0, cosine.masked_fill(real == 0, -1).amax(1), 0)
            out += [mean, largest, count / k]
        return torch.stack(out, dim=1).view(*users.shape, -1) if out else torch.empty(*users.shape, 0)


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

    @property
    def item_at(self) -> int:
        """Where the item's vector stands among those beside the fields, if there is one."""
        return int(self.user is not None)

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
        return ContentFields(self.content, self.content.widths(layout), lists, generator)

    def content_index(self, features: Features, layout: Layout, events: EventDays) -> ContentVectors | None:
        """See `SystemSettings.content_index`."""
        if self.content is None or layout.vectors == (0, 0):
            return None
        recent = self.neighbour_events(events)
        return ContentVectors.of(features, recent, self.compared(layout), self.content.width)

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


def _met(events: EventDays) -> tuple[np.ndarray, np.ndarray]:
    """The users and the items of some days' exposures and external clicks, int64 [n] ascending each."""
    users, items = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for day in events:
        for part in (day.exposures, day.external):
            users.append(np.unique(part.user).astype(np.int64))
            items.append(np.unique(part.item).astype(np.int64))
    return np.unique(np.concatenate(users)), np.unique(np.concatenate(items))


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
    users, items = settings.content.widths(layout)
    names = [f"user_vector{v}" for v in range(users)] + [f"item_vector{v}" for v in range(items)]
    compared = settings.compared(layout).lists
    return names + [f"{name}_{number}" for name in compared for number in ("mean", "largest", "share")]
