"""What the suites say of content vectors: how long they are, beside those of before."""

from __future__ import annotations

import numpy as np
import pandas as pd

from expectations.facts import FactSource
from expectations.vectors import widths


def vector_column(facts: FactSource) -> str | None:
    """The column of vectors, of which a table has one at most."""
    return next((name for name, spec in facts.context.columns.items() if spec.kind == "vector"), None)


def known_width(facts: FactSource) -> int:
    """How long vectors are: the warehouse's, else most of the call's first partition with any; 0: none."""
    name = vector_column(facts)
    if facts.context.width or name is None:
        return facts.context.width or 0
    lengths = _lengths(facts, name)
    if not lengths.any():
        return 0
    first = facts.partition[lengths > 0].min()
    return _most(lengths[facts.partition == first])


def of_another_width(facts: FactSource, name: str, rows: np.ndarray) -> pd.Series:
    """The length of each vector that is not as long as those of before; null elsewhere."""
    lengths = widths(facts.at(facts.parsed[name].values, rows))
    return pd.Series(np.where((lengths > 0) & (lengths != facts.width), lengths, np.nan))


def widths_by_partition(facts: FactSource) -> pd.DataFrame:
    """How long the vectors of each partition are, beside those of before.

    `vector_column`, `vector_width` (of most rows), `vector_width_before`, `vector_width_off` (less that).
    One row a partition, NaN where it has no vector; no columns where the table has none.
    """
    name, count = vector_column(facts), len(facts.keys)
    if name is None:
        return pd.DataFrame(index=range(count))
    most = np.full(count, np.nan)
    lengths = _lengths(facts, name)
    for position in np.unique(facts.partition[lengths > 0]):
        most[position] = _most(lengths[facts.rows_of.rows(position)])
    before = np.where(np.isnan(most), np.nan, facts.width)
    return pd.DataFrame(
        {
            "vector_column": name,
            "vector_width": most,
            "vector_width_before": before,
            "vector_width_off": most - before,
        }
    )


def _lengths(facts: FactSource, name: str) -> np.ndarray:
    """How long each vector is that can be read, int64 [rows]; 0 for none."""
    column = facts.parsed[name]
    return np.where(column.typed & column.finite, widths(column.values), 0)


def _most(lengths: np.ndarray) -> int:
    """The most frequent length above 0; of several the least."""
    return int(np.bincount(lengths[lengths > 0]).argmax())
