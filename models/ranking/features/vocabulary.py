"""From category codes to rows of the one fused embedding table.

Rows are numbered field by field and, within a field, by first appearance among the training instances, so
that nothing about a table depends on what came later or on how large the logs' index space is. Codes that
training never saw share one out-of-vocabulary row a field. Users and items that are first met during the
day get rows at the end.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from models.ranking.features.codes import Layout
from models.ranking.features.entities import EntityTable
from models.ranking.features.named_arrays import named, part_of
from models.ranking.features.sorted_map import SortedMap, first_appearance

UNSEEN = -2  #: as a code of an open field: read the OOV row; it never gets a row of its own
ITEM_ROWS, USER_ROWS, FIELD_ROWS = 0, 1, 2  #: groups of table rows: items' IDs, users' IDs, every other field


class Vocabulary:
    """Maps the code matrix of a `Layout` to table rows, and users and items to theirs."""

    def __init__(self, layout: Layout, offsets: np.ndarray, maps: dict[int, SortedMap], size: int) -> None:
        """Args: offsets int64 [F], first row of each field (OOV row of an open one); maps of open fields."""
        self.layout = layout
        self.size = size
        self._offsets = offsets
        self._maps = maps
        self._base_size = size
        self._grown: list[tuple[int, int, int]] = []  # first row, last row + 1, column
        self.user_column, self.item_column = layout.columns("user_id")[0], layout.columns("item_id")[0]

    @classmethod
    def fit(cls, layout: Layout, codes: np.ndarray) -> Vocabulary:
        """Number the rows for training instances with codes int64 [E, F]."""
        offsets, maps, size = np.zeros(len(layout), np.int64), {}, 0
        for c, spec in enumerate(layout.specs):
            offsets[c] = size
            if spec.kind == "bins":
                size += spec.bins
                continue
            seen = first_appearance(codes[:, c])
            seen = seen[seen != UNSEEN]
            order = np.argsort(seen, kind="stable")
            maps[c] = SortedMap(seen[order], (size + 1 + np.arange(len(seen)))[order])
            size += 1 + len(seen)
        return cls(layout, offsets, maps, size)

    def rows(self, codes: np.ndarray) -> np.ndarray:
        """Table rows int64 [E, F] of codes int64 [E, F]."""
        out = np.empty_like(codes)
        for c, spec in enumerate(self.layout.specs):
            bins = spec.kind == "bins"
            out[:, c] = self._offsets[c] + codes[:, c] if bins else self._column(c, codes[:, c])
        return out

    def user_rows(self, users: np.ndarray) -> np.ndarray:
        """Rows of users' ID embeddings, the OOV row where there is none; any shape."""
        return self._column(self.user_column, users)

    def item_rows(self, items: np.ndarray) -> np.ndarray:
        """Rows of items' ID embeddings, the OOV row where there is none; any shape."""
        return self._column(self.item_column, items)

    def user_field_rows(self, users: np.ndarray, table: EntityTable) -> np.ndarray:
        """Rows int64 [..., F] of the profile fields of users [...]: the layer-0 inputs of a graph."""
        return self._field_rows("user_field", users, table)

    def item_field_rows(self, items: np.ndarray, table: EntityTable) -> np.ndarray:
        """Rows int64 [..., F] of the fields of items [...]."""
        return self._field_rows("item_field", items, table)

    def grow(self, column: int, ids: np.ndarray) -> np.ndarray:
        """Give a row at the table's end to each of `ids` int64 [n] that has none, by first appearance.

        Returns:
            Those that got one, in the rows' order.
        """
        new = first_appearance(ids)
        new = new[self._maps[column].get(new) < 0]
        if len(new):
            self._maps[column].append(new, self.size + np.arange(len(new)))
            self._grown.append((self.size, self.size + len(new), column))
            self.size += len(new)
        return new

    def shrink(self) -> None:
        """Take back the rows that `grow` gave, as if none of them had been met."""
        for first, _, column in self._grown:
            self._maps[column].forget()
            self.size = min(self.size, first)
        self._grown = []

    def row_groups(self, rows: np.ndarray) -> np.ndarray:
        """Group of table rows int64 [R]: `ITEM_ROWS`, `USER_ROWS` (their ID embeddings) or `FIELD_ROWS`."""
        out = np.full(rows.shape, FIELD_ROWS, np.int64)
        ends = np.append(self._offsets[1:], self._base_size)
        for group, column in ((ITEM_ROWS, self.item_column), (USER_ROWS, self.user_column)):
            out[(rows >= self._offsets[column]) & (rows < ends[column])] = group
        for first, last, column in self._grown:
            out[(rows >= first) & (rows < last)] = ITEM_ROWS if column == self.item_column else USER_ROWS
        return out

    def oov_row(self, column: int) -> int:
        """The row that unseen codes of an open field share."""
        return int(self._offsets[column])

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything but the layout."""
        maps = named({str(c): known.arrays() for c, known in self._maps.items()})
        return {"offsets": self._offsets, "size": np.array(self.size)} | maps

    @classmethod
    def from_arrays(cls, layout: Layout, arrays: dict[str, np.ndarray]) -> Vocabulary:
        """The vocabulary that `arrays` gave; the arrays may be memory-mapped."""
        open_columns = [c for c, spec in enumerate(layout.specs) if spec.kind != "bins"]
        maps = {c: SortedMap(**part_of(arrays, str(c))) for c in open_columns}
        return cls(layout, arrays["offsets"], maps, int(arrays["size"]))

    def _column(self, column: int, codes: np.ndarray) -> np.ndarray:
        rows = self._maps[column].get(codes)
        return np.where(rows < 0, self._offsets[column], rows)

    def _field_rows(self, prefix: str, index: np.ndarray, table: EntityTable) -> np.ndarray:
        fields, _ = table.lookup(index)
        rows = np.empty_like(fields)  # of no fields at all, too
        for f, column in enumerate(self.layout.columns(prefix)):
            rows[..., f] = self._column(column, fields[..., f])
        return rows


def hide_newcomers(layout: Layout, codes: np.ndarray, hours: np.ndarray, ids: Literal["hour", "day"]) -> None:
    """Let open fields read their OOV row where a value is new, as they will in ranking.

    So OOV rows are trained on what they stand for, and a value that lives for one hour (an impression's id)
    gets no row to learn by heart. A field's value is new in its first hour; a user or item in its first
    hour or on its first day: then training meets the day's newcomers just as the daily model will, and their
    counts have to tell what a row trained on that same day would have given away.

    Args:
        codes: int64 [E, F] of training instances in time order; changed in place.
        hours: int64 [E] service hours since the epoch.
        ids: how long a user or an item is new.
    """
    for c, spec in enumerate(layout.specs):
        if spec.kind != "bins":
            span = hours if spec.kind == "category" or ids == "hour" else hours // 24
            _, first, inverse = np.unique(codes[:, c], return_index=True, return_inverse=True)
            codes[span == span[first][inverse], c] = UNSEEN
