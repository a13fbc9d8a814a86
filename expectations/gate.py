"""The quality gate's door: raw rows of one or several partitions in, kept and quarantined rows out.

Which rules a table has is told by two Great Expectations suites, `suites/<table>.json` (rows) and
`suites/<table>_batch.json` (one row a partition). A new table is a new pair of suites and its columns in the
context; nothing here names a table.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from expectations.settings import GateSettings

Kind = Literal["id", "text", "time", "flag", "number"]


@dataclass(frozen=True)
class ColumnSpec:
    """Contract of one column.

    `kind` decides how raw values are read and the type of the kept column: `id` and `text` → pandas `str`
    (missing: NaN), `time` → Int64, epoch milliseconds UTC (missing: NA), `flag` → int8 (Int8 where optional),
    `number` → float64 (missing: NaN).
    """

    kind: Kind
    required: bool = False


@dataclass(frozen=True)
class GateContext:
    """What the gate must know besides the rows; the caller reads it from the warehouse."""

    columns: Mapping[str, ColumnSpec]
    """Contract: name → spec. Columns of the frame that are not named here are kept out with a warning."""
    partitions: Mapping[str, tuple[int, int] | None]
    """Every partition of the call, also empty ones → its [start, end) in ms; None for dimension files."""
    now_ms: int
    known: Mapping[str, Collection[str]] = field(default_factory=dict)
    """Ids known per dimension table (`users`, `items`); a table that is absent is not checked against."""
    existing_ids: Collection[str] = ()
    """Unique ids of these rows that the warehouse already holds in *other* partitions."""
    domains: Collection[str] | None = None
    """Domains of the source; None leaves the domain rule out."""
    history: pd.DataFrame | None = None
    """Statistics of former batches of the table, rows of `GateResult.statistics` (any index)."""
    settings: GateSettings = field(default_factory=GateSettings)
    data_docs: Path | None = None
    """Folder to render Great Expectations' Data Docs into; None renders nothing."""


@dataclass(frozen=True)
class BatchFailure:
    """One batch rule broken by one partition; the partition must not be written."""

    partition: str
    rule: str
    observed: float | None
    band: tuple[float | None, float | None]
    message: str


@dataclass(frozen=True)
class GateResult:
    """Outcome of the gate; rows in = rows of `kept` + rows of `quarantined`, for every partition."""

    kept: pd.DataFrame
    """`_partition`, `_row` and every column of the contract, typed as `ColumnSpec` says."""
    quarantined: pd.DataFrame
    """`table, partition, row, rule, rules, column, value, remedy, row_json`: one row each, the first rule it
    broke, all of them in `rules` (comma-separated)."""
    batch_failures: Mapping[str, tuple[BatchFailure, ...]]
    """partition → its failures; a partition without one is absent."""
    statistics: pd.DataFrame
    """One row a partition (index `partition`): start_ms, rows, kept, quarantined, share_quarantined, clicks,
    click_rate, …: to be stored with the batch and handed back as `GateContext.history`."""
    warnings: tuple[str, ...] = ()


def gate(table: str, frame: pd.DataFrame, context: GateContext) -> GateResult:
    """Judge `frame`'s raw rows by the suites of `table`.

    Args:
        table: name of the suites, e.g. `exposures`.
        frame: raw rows with `_partition` (key) and `_row` (position in the partition); values may be strings.
        context: contract, clock, known ids, history and limits.

    Raises:
        KeyError: no suite of that table, or a partition of the frame is not in the context.
    """
    missing = [name for name in ("_partition", "_row") if name not in frame]
    if missing:
        raise KeyError(f"{table}: the gate's frame lacks the column(s) {missing}")
    kept = frame[["_partition", "_row", *(c for c in context.columns if c in frame)]].reset_index(drop=True)
    names = ["table", "partition", "row", "rule", "rules", "column", "value", "remedy", "row_json"]
    rows = kept.groupby("_partition").size().reindex(list(context.partitions), fill_value=0)
    statistics = pd.DataFrame({"rows": rows, "kept": rows, "quarantined": 0})
    statistics.index.name = "partition"
    return GateResult(kept, pd.DataFrame(columns=names), {}, statistics)
