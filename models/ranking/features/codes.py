"""What the feature pipeline gives: a narrow column of category codes for each field of an instance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class FieldSpec:
    """One column of the codes."""

    name: str
    kind: str  #: `user_id` or `item_id` (dense index), `category` (open vocabulary), `bins` (0 … bins-1)
    bins: int = 0
    scale: str = ""  #: of bins that are ordered numbers, which kind: `count`, `rate`, `age`, `place`


@dataclass(frozen=True)
class Layout:
    """The columns of the codes, in order."""

    specs: tuple[FieldSpec, ...]
    #: numbers of a user's and of an item's content vector, which are no columns; set for a ranker to be made
    vectors: tuple[int, int] = field(default=(0, 0), repr=False)

    def columns(self, *prefixes: str) -> list[int]:
        """Positions of the columns whose name starts with one of `prefixes` (`user_field`, `item_id`, …)."""
        if prefixes not in self._columns:
            at = [c for c, spec in enumerate(self.specs) if spec.name.startswith(prefixes)]
            self._columns[prefixes] = at
        return list(self._columns[prefixes])

    @cached_property
    def _columns(self) -> dict[tuple[str, ...], list[int]]:
        """What `columns` answered: every batch asks again."""
        return {}

    def __len__(self) -> int:
        return len(self.specs)


@dataclass(frozen=True)
class Codes:
    """Category codes of N instances."""

    layout: Layout
    columns: tuple[np.ndarray, ...]  #: [N] each: uint8 of `bins`, int32 of all others (−1: missing)

    @classmethod
    def narrow(cls, layout: Layout, columns: Sequence[np.ndarray]) -> Codes:
        """Args: a column [N] of integers for each field of the layout."""
        kinds = (np.uint8 if spec.kind == "bins" else np.int32 for spec in layout.specs)
        return cls(
            layout,
            tuple(column.astype(kind, copy=False) for column, kind in zip(columns, kinds, strict=True)),
        )

    def __len__(self) -> int:
        return len(self.columns[0])

    def part(self, index: slice | np.ndarray) -> Codes:
        """Some instances; a slice copies nothing."""
        return Codes(self.layout, tuple(column[index] for column in self.columns))

    def select(self, layout: Layout) -> Codes:
        """The columns of a layout whose fields are among those of this one."""
        at = {spec.name: column for spec, column in zip(self.layout.specs, self.columns, strict=True)}
        return Codes(layout, tuple(at[spec.name] for spec in layout.specs))

    def matrix(self) -> np.ndarray:
        """All columns side by side, int64 [N, F]."""
        return np.stack([column.astype(np.int64) for column in self.columns], axis=1)
