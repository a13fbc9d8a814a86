"""What facts about rows are taken from: the part of `RowFacts` that they read."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from expectations.admission import GateContext
from expectations.parsing import ParsedColumn
from expectations.row_groups import RowGroups


class FactSource(Protocol):
    """Rows of a call, read by the contract; see `expectations.row_facts.RowFacts`."""

    context: GateContext
    parsed: dict[str, ParsedColumn]
    partition: np.ndarray
    keys: list[str]

    @property
    def rows_of(self) -> RowGroups:
        """The rows of each partition."""

    @property
    def width(self) -> int:
        """How long vectors are."""

    def at(self, values: Any, rows: np.ndarray) -> Any:
        """The values at ascending row positions."""
