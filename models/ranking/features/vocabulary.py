"""From category codes to rows of the one fused embedding table.

Rows are numbered field by field and, within a field, by first appearance among the training instances, so
that nothing about a table depends on what came later or on how large the logs' index space is. Codes that
training never saw share one out-of-vocabulary row a field. Users and items that are first met during the
day get rows at the end.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models.ranking.features.codes import Layout
from models.ranking.features.entities import EntityTable
from models.ranking.features.row_table import RowTable
from models.ranking.features.sorted_map import first_appearance

UNSEEN = -2  #: as a code of an open field: read the OOV row; it never gets a row of its own
ITEM_ROWS, USER_ROWS, FIELD_ROWS = 0, 1, 2  #: groups of table rows: items' IDs, users' IDs, every other field


class Vocabulary:
    """Maps the code matrix of a `Layout` to table rows, and users and items to theirs."""

    def __init__(self, layout: Layout, offsets: np.ndarray, tables: dict[int, RowTable], size: int) -> None:
        """Args: offsets int64 [F], first rows of fields (OOV rows of open ones); tables of open fields."""
        self.layout = layout
        self.size = size
        self._offsets = offsets
        self._tables = tables
        self._base_size = size
        self._grown: list[tuple[int, int, int]] = []  # first row, last row + 1, column
        self.user_column, self.item_column = layout.columns("user_id")[0], layout.columns("item_id")[0]

    @classmethod
    def number(cls, layout: Layout, known: Mapping[int, np.ndarray]) -> Vocabulary:
        """Args: the codes [n] of each open column that have a row of their own, in the rows' order."""
        offsets, tables, size = np.zeros(len(layout), np.int64), {}, 0
        for c, spec in enumerate(layout.specs):
            offsets[c] = size
            if spec.kind == "bins":
                size += spec.bins
            else:
                tables[c] = RowTable.of(known[c], size)
                size += 1 + len(known[c])
        return cls(layout, offsets, tables, size)

    @classmethod
    def fit(cls, layout: Layout, codes: np.ndarray) -> Vocabulary:
        """Number the rows for instances with codes int64 [E, F], in memory."""
        seen = {
            c: first_appearance(codes[:, c]) for c, spec in enumerate(layout.specs) if spec.kind != "bins"
        }
        return cls.number(layout, {c: known[known != UNSEEN] for c, known in seen.items()})

    def rows(self, codes: np.ndarray) -> np.ndarray:
        """Table rows int64 [E, F] of codes int64 [E, F]."""
        return np.stack(
            [self.look_up(c, codes[:, c]) for c in range(len(self.layout))], axis=1, dtype=np.int64
        )

    def look_up(self, column: int, codes: np.ndarray) -> np.ndarray:
        """Table rows of the codes of one column, any shape; int32 for open fields."""
        if self.layout.specs[column].kind == "bins":
            return self._offsets[column] + codes
        return self._tables[column].get(codes)

    def user_rows(self, users: np.ndarray) -> np.ndarray:
        """Rows of users' ID embeddings, the OOV row where there is none; any shape."""
        return self._tables[self.user_column].get(users).astype(np.int64)

    def item_rows(self, items: np.ndarray) -> np.ndarray:
        """Rows of items' ID embeddings, the OOV row where there is none; any shape."""
        return self._tables[self.item_column].get(items).astype(np.int64)

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
        new = new[self._tables[column].get(new) == self._tables[column].shared]
        if len(new):
            self._tables[column].append(new, self.size + np.arange(len(new)))
            self._grown.append((self.size, self.size + len(new), column))
            self.size += len(new)
        return new

    def shrink(self) -> None:
        """Take back the rows that `grow` gave, as if none of them had been met."""
        for first, _, column in self._grown:
            self._tables[column].forget()
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
        """The row that unseen codes of an open field share; of bins, the row of bin 0."""
        return int(self._offsets[column])

    def widest(self, column: int) -> int:
        """The greatest code of a column that has a row of its own; −1: none has."""
        spec = self.layout.specs[column]
        return spec.bins - 1 if spec.kind == "bins" else self._tables[column].widest

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything but the layout: `offsets`, `size`, and the rows of each open column by its number."""
        tables = {str(c): table.array() for c, table in self._tables.items()}
        return {"offsets": self._offsets, "size": np.array(self.size)} | tables

    @classmethod
    def from_arrays(cls, layout: Layout, arrays: dict[str, np.ndarray]) -> Vocabulary:
        """The vocabulary that `arrays` gave; the arrays may be memory-mapped."""
        open_columns = [c for c, spec in enumerate(layout.specs) if spec.kind != "bins"]
        tables = {c: RowTable(arrays[str(c)]) for c in open_columns}
        return cls(layout, arrays["offsets"], tables, int(arrays["size"]))

    def _field_rows(self, prefix: str, index: np.ndarray, table: EntityTable) -> np.ndarray:
        fields, _ = table.lookup(index)
        rows = np.empty(fields.shape, np.int64)  # of no fields at all, too
        for f, column in enumerate(self.layout.columns(prefix)):
            rows[..., f] = self._tables[column].get(fields[..., f])
        return rows
