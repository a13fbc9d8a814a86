"""What is known of users and items: fields, publication time and content vector, looked up by dense index."""

from __future__ import annotations

import numpy as np

from models.ranking.features.event_log import MISSING, Entities, rows
from models.ranking.features.named_arrays import named, part_of
from models.ranking.features.ordering import distinct
from models.ranking.features.sorted_map import SortedMap
from models.ranking.features.vector_table import VectorTable, digest

VECTORS, VECTOR_AT, DIGEST = "vectors", "vector_at", "vector_digest"  #: arrays of a table with vectors
CHUNK = 2**14  #: vectors that are compared at once
_MASK = 2**64 - 1


class EntityTable:
    """What is known of users or of items: the version received first, until `refresh` brings a newer one.

    A table has as many numbers a vector as the first entities that bring any; 0 before, and then no array of
    it speaks of vectors.
    """

    def __init__(
        self,
        index: np.ndarray,
        fields: np.ndarray,
        published_at: np.ndarray,
        vector_at: np.ndarray | None = None,
        vectors: VectorTable | None = None,
        vector_digest: int = 0,
    ) -> None:
        """Args: index int64 [N] ascending, fields int64 [N, F], published_at int64 [N], vector_at int64 [N]
        positions in `vectors`, −1 where unknown (None: all are); maps are fine.
        """
        self._vectors = VectorTable.empty(0) if vectors is None else vectors
        self._digest = vector_digest
        self._begin(index, fields, published_at, vector_at)

    def _begin(
        self, index: np.ndarray, fields: np.ndarray, published_at: np.ndarray, vector_at: np.ndarray | None
    ) -> None:
        self._index = index
        self._map = SortedMap(index, np.arange(len(index)))
        self._fields = [fields, np.empty((0, fields.shape[1]), np.int64)]
        self._published = [published_at, np.empty(0, np.int64)]
        self._vector_at, self._late_vectors = vector_at, np.empty(0, np.int64)
        self._base = len(index)

    @classmethod
    def of(cls, entities: Entities) -> EntityTable:
        """The table of a log's entities."""
        table = cls(entities.index, entities.fields, entities.published_at)
        table._take_vectors(entities)
        return table

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> EntityTable:
        """What `arrays` gave, maybe memory-mapped; tables that were saved before there were vectors too."""
        own = (arrays["index"], arrays["fields"], arrays["published_at"])
        if VECTOR_AT not in arrays:
            return cls(*own)
        vectors = VectorTable.from_arrays(part_of(arrays, VECTORS))
        return cls(*own, arrays[VECTOR_AT], vectors, int(arrays[DIGEST]))

    @property
    def width(self) -> int:
        """Number of fields F."""
        return self._fields[0].shape[1]

    @property
    def vector_width(self) -> int:
        """Numbers V of a content vector; 0 where nobody brought any."""
        return self._vectors.width

    @property
    def vector_digest(self) -> int:
        """Tells apart tables whose vectors differ; 0 without vectors."""
        return self._digest

    def __len__(self) -> int:
        return len(self._map)

    def knows(self, index: np.ndarray) -> np.ndarray:
        """Whether each of `index` int64 [n] was described or mentioned before, bool [n]."""
        return self._map.get(index) >= 0

    def append(self, mentioned: np.ndarray, entities: Entities) -> None:
        """Add those of `mentioned` int64 [n] that are unknown yet: O(n log N), whatever `entities` holds.

        Raises:
            ValueError: vectors have another width than those known.
        """
        new = distinct(mentioned)
        new = new[self._map.get(new) < 0]
        if len(new) == 0:
            return
        self._widen(entities)
        fields, published, vectors = self._read(entities, new)
        self._map.append(new, np.arange(len(new)) + len(self._map))
        self._fields[1] = np.concatenate([self._fields[1], fields])
        self._published[1] = np.concatenate([self._published[1], published])
        self._late_vectors = np.concatenate([self._late_vectors, self._store(new, vectors)])

    def refresh(self, entities: Entities) -> None:
        """Take the fields and publication times of `entities` in place of those known: O(N), a new base.

        Vectors too, where `entities` knows one; one that did not change is not stored again.

        Raises:
            ValueError: as `append`.
        """
        self._widen(entities)
        mine = self.arrays()
        index = np.union1d(mine["index"], entities.index)
        fields, published = self.lookup(index)
        vector_at = self.vector_positions(index)
        at = np.searchsorted(index, entities.index)
        fields[at], published[at] = entities.fields, entities.published_at
        self._begin(index, fields, published, vector_at)
        self._take_vectors(entities)

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
        for level, hit, shift in self._levels(at):
            fields[hit] = self._fields[level][at[hit] - shift]
            published[hit] = self._published[level][at[hit] - shift]
        if newcomers is not None and (unknown := at < 0).any():
            fields[unknown], published[unknown], _ = self._read(newcomers, flat[unknown])
        return fields.reshape(*index.shape, self.width), published.reshape(index.shape)

    def vectors(self, index: np.ndarray, newcomers: Entities | None = None) -> np.ndarray:
        """Content vectors float32 [..., V] of `index` (any shape); NaN where nobody knows.

        Args:
            newcomers: as in `lookup`.
        """
        flat = index.reshape(-1)
        out = self._vectors.take(self.vector_positions(flat))
        if newcomers is not None and self.vector_width and (strangers := self._map.get(flat) < 0).any():
            out[strangers] = self._read(newcomers, flat[strangers])[2]
        return out.reshape(*index.shape, self.vector_width)

    @property
    def stored(self) -> VectorTable:
        """The vectors by position, which `refresh` alone may change."""
        return self._vectors

    def vector_positions(self, index: np.ndarray) -> np.ndarray:
        """Where the vectors of `index` int64 [n] stand, int64 [n]; −1 where unknown."""
        out = np.full(len(index), -1)
        if self.vector_width:
            at = self._map.get(index)
            for stored, (_, hit, shift) in zip(
                (self._vector_at, self._late_vectors), self._levels(at), strict=True
            ):
                if stored is not None:
                    out[hit] = stored[at[hit] - shift]
        return out

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything, sorted by index: `index`, `fields`, `published_at`, and vectors if there are any."""
        if len(self._map) == self._base:
            own = {"index": self._index, "fields": self._fields[0], "published_at": self._published[0]}
            at = self._vector_at
        else:
            known = self._map.arrays()
            order = known["values"]
            own = {
                "index": known["ids"],
                "fields": np.concatenate(self._fields)[order],
                "published_at": np.concatenate(self._published)[order],
            }
            at = self.vector_positions(known["ids"])
        if not self.vector_width:
            return own
        at = np.full(len(own["index"]), -1) if at is None else at
        stored = named({VECTORS: self._vectors.arrays()})
        return own | stored | {VECTOR_AT: at, DIGEST: np.array(self._digest, np.uint64)}

    def _levels(self, at: np.ndarray) -> list[tuple[int, np.ndarray, int]]:
        """Which of the positions `at` [n] lie in base and tail, and what to take off them."""
        return [(0, (at >= 0) & (at < self._base), 0), (1, at >= self._base, self._base)]

    def _take_vectors(self, entities: Entities) -> None:
        """Vectors of `entities`, all of which are in the base, in place of those known."""
        self._widen(entities)
        if not self.vector_width or not entities.vectors.shape[1]:
            return
        at = np.full(self._base, -1) if self._vector_at is None else np.array(self._vector_at)
        for first in range(0, len(entities), CHUNK):
            part = rows(entities, slice(first, first + CHUNK))
            known = self._vectors.take(self.vector_positions(part.index))
            news = (known != part.vectors).any(axis=1) & np.isfinite(part.vectors).all(axis=1)
            index, former = part.index[news], known[news]
            replaced = ~np.isnan(former).any(axis=1)
            self._digest = (self._digest - digest(index[replaced], former[replaced])) & _MASK
            at[np.searchsorted(self._index, index)] = self._store(index, part.vectors[news])
        in_use = at >= 0
        if len(self._vectors) > 2 * in_use.sum():  # most were replaced: those are let go
            self._vectors = VectorTable([self._vectors.take(at[in_use])])
            at[in_use] = np.arange(in_use.sum())
        self._vector_at = at

    def _store(self, index: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Positions of vectors that were added, int64 [n]."""
        at = self._vectors.append(vectors)
        self._digest = (self._digest + digest(index[at >= 0], vectors[at >= 0])) & _MASK
        return at

    def _widen(self, entities: Entities) -> None:
        width = entities.vectors.shape[1]
        if not self.vector_width and width:  # the source begins to bring vectors
            self._vectors = VectorTable.empty(width)
        elif width not in (0, self.vector_width):
            raise ValueError(
                f"content vectors of {width} numbers were received where those known have "
                f"{self.vector_width}: vectors of two models cannot be compared; bring back the former ones, "
                "or encode all days anew (materialise training_instances from the first day) with the new"
            )

    def _read(self, entities: Entities, index: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Fields, publication times and vectors of `index` int64 [n] as `entities` describes them."""
        fields = np.full((len(index), self.width), MISSING, np.int64)
        published = np.full(len(index), MISSING, np.int64)
        vectors = np.full((len(index), self.vector_width), np.nan, np.float32)
        if len(entities):
            at = np.minimum(np.searchsorted(entities.index, index), len(entities) - 1)
            hit = entities.index[at] == index
            fields[hit], published[hit] = entities.fields[at[hit]], entities.published_at[at[hit]]
            if entities.vectors.shape[1] == self.vector_width:
                vectors[hit] = entities.vectors[at[hit]]
        return fields, published, vectors
