"""What is known of users and items: fields and publication time, looked up by dense index."""

from __future__ import annotations

import numpy as np

from models.ranking.features.event_log import MISSING, Entities
from models.ranking.features.ordering import distinct
from models.ranking.features.sorted_map import SortedMap


class EntityTable:
    """Fields of users or of items; the version received first stays until `refresh` brings a newer one."""

    def __init__(self, index: np.ndarray, fields: np.ndarray, published_at: np.ndarray) -> None:
        """Args: index int64 [N] ascending, fields int64 [N, F], published_at int64 [N]; maps are fine."""
        self._begin(index, fields, published_at)

    def _begin(self, index: np.ndarray, fields: np.ndarray, published_at: np.ndarray) -> None:
        self._index = index
        self._map = SortedMap(index, np.arange(len(index)))
        self._fields = [fields, np.empty((0, fields.shape[1]), np.int64)]
        self._published = [published_at, np.empty(0, np.int64)]
        self._base = len(index)

    @classmethod
    def of(cls, entities: Entities) -> EntityTable:
        """The table of a log's entities."""
        return cls(entities.index, entities.fields, entities.published_at)

    @property
    def width(self) -> int:
        """Number of fields F."""
        return self._fields[0].shape[1]

    def __len__(self) -> int:
        return len(self._map)

    def append(self, mentioned: np.ndarray, entities: Entities) -> None:
        """Add those of `mentioned` int64 [n] that are unknown yet: O(n log N), whatever `entities` holds."""
        new = distinct(mentioned)
        new = new[self._map.get(new) < 0]
        if len(new) == 0:
            return
        fields, published = _read(entities, new, self.width)
        self._map.append(new, np.arange(len(new)) + len(self._map))
        self._fields[1] = np.concatenate([self._fields[1], fields])
        self._published[1] = np.concatenate([self._published[1], published])

    def refresh(self, entities: Entities) -> None:
        """Take the fields and publication times of `entities` in place of those known: O(N), a new base."""
        mine = self.arrays()
        index = np.union1d(mine["index"], entities.index)
        fields, published = self.lookup(index)
        at = np.searchsorted(index, entities.index)
        fields[at], published[at] = entities.fields, entities.published_at
        self._begin(index, fields, published)

    def lookup(self, index: np.ndarray, newcomers: Entities | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Fields and publication times of `index` (any shape).

        Args:
            newcomers: entities to read where the table knows none: the profile that comes with a request.

        Returns:
            int64 [..., F] and int64 [...]; MISSING where nobody knows.
        """
        flat = index.reshape(-1)
        at = self._map.get(flat)
        if len(self) == self._base and len(at) and int(at.min()) >= 0:  # the usual case in training
            return (
                self._fields[0][at].reshape(*index.shape, self.width),
                self._published[0][at].reshape(index.shape),
            )
        fields = np.full((len(flat), self.width), MISSING, np.int64)
        published = np.full(len(flat), MISSING, np.int64)
        for level, hit, shift in ((0, (at >= 0) & (at < self._base), 0), (1, at >= self._base, self._base)):
            fields[hit] = self._fields[level][at[hit] - shift]
            published[hit] = self._published[level][at[hit] - shift]
        if newcomers is not None and (unknown := at < 0).any():
            fields[unknown], published[unknown] = _read(newcomers, flat[unknown], self.width)
        return fields.reshape(*index.shape, self.width), published.reshape(index.shape)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything, sorted by index: `index`, `fields`, `published_at`."""
        if len(self._map) == self._base:
            return {"index": self._index, "fields": self._fields[0], "published_at": self._published[0]}
        known = self._map.arrays()
        order = known["values"]
        return {
            "index": known["ids"],
            "fields": np.concatenate(self._fields)[order],
            "published_at": np.concatenate(self._published)[order],
        }


def _read(entities: Entities, index: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    fields = np.full((len(index), width), MISSING, np.int64)
    published = np.full(len(index), MISSING, np.int64)
    if len(entities):
        at = np.minimum(np.searchsorted(entities.index, index), len(entities) - 1)
        hit = entities.index[at] == index
        fields[hit], published[hit] = entities.fields[at[hit]], entities.published_at[at[hit]]
    return fields, published
