"""What goes into the gate and what comes out of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from expectations.engine import Verdict
from expectations.settings import GateSettings

Kind = Literal["id", "category", "time", "flag", "number", "vector"]
Lookup = Collection[str] | Callable[[np.ndarray], Collection[str]]
"""Ids, or a function that says which of the given ids (object array, no missing) there are."""
PurchaseLookup = Callable[[pd.DataFrame], np.ndarray]
"""From rows of (user, genre, brand; a missing brand is any) to the epoch ms of the first purchase of each,
float64 [rows], NaN where there is none. Partitions of the call do not count: their rows are in the call."""


@dataclass(frozen=True)
class ColumnSpec:
    """Contract of one column.

    `kind` decides how raw values are read and the type of the kept column: `id` and `category` → pandas `str`
    (missing: NaN), `time` → int64, epoch milliseconds UTC (optional: Int64, missing: NA), `flag` → bool
    (optional: boolean), `number` → float64 (missing: NaN), `vector` → list<float32> (missing: null).
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
    known: Mapping[str, Lookup] = field(default_factory=dict)
    """Ids known per dimension table (`users`, `items`); a table that is absent is not checked against."""
    existing_ids: Lookup = ()
    """Unique ids that the warehouse already holds in *other* partitions than those of this call."""
    width: int | None = None
    """How long the vectors are that the warehouse holds; None before the first."""
    purchased: PurchaseLookup | None = None
    """First purchases in the warehouse, for cancellations of what the call does not hold; None: none."""
    asking: Callable[[], AbstractContextManager[object]] = nullcontext
    """What `known`, `existing_ids` and `purchased` share while they are asked, one after another."""
    domains: Collection[str] = ()
    """Domains of the source; empty takes any."""
    history: pd.DataFrame | None = None
    """Statistics of former batches of the table, rows of `GateResult.statistics` (any index)."""
    loaded: Mapping[str, int] = field(default_factory=dict)
    """Partitions of the call that have been loaded before → the rows that they had then."""
    closed: Collection[str] = ()
    """Partitions of the call on which the shop was closed, by its own word: few rows or none are right."""
    settings: GateSettings = field(default_factory=GateSettings)
    data_docs: Path | None = None
    """Folder to render Great Expectations' Data Docs into; None renders nothing."""


@dataclass(frozen=True)
class RuleVerdict:
    """What one batch rule says of one partition, kept or broken.

    `observed`, `low` and `high` are numbers or None: no such limit, or too little history (then the rule is
    kept, and the message says that it was not judged). `stops`: a broken rule forbids to write the partition;
    one that does not is a warning about history.
    """

    rule: str
    passed: bool
    observed: float | None
    low: float | None
    high: float | None
    message: str
    stops: bool = True


@dataclass(frozen=True)
class JudgedSuite:
    """The verdicts of one suite, as Data Docs show them."""

    name: str
    verdicts: tuple[Verdict, ...]
    parameters: Mapping[str, Any]


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
    """Outcome of the gate; rows in = rows of `passed` + rows of `quarantined`, for every partition."""

    passed: pd.DataFrame
    """`_partition`, `_row` and every column of the contract, typed as `ColumnSpec` says."""
    quarantined: pd.DataFrame
    """`table, partition, row, rule, rules, column, value, remedy, row_json`: one row each.

    `rule` is the first one broken, `rules` all of them (comma-separated). Where the frame has a
    `_file`, so has every quarantined row (`file`).
    """
    batch_failures: Mapping[str, tuple[BatchFailure, ...]]
    """partition → its failures; a partition without one is absent."""
    statistics: pd.DataFrame
    """One row a partition (index `partition`): start_ms, rows, kept, quarantined, share_quarantined, clicks,
    click_rate, …: to be stored with the batch and handed back as `GateContext.history`."""
    warnings: tuple[str, ...] = ()
    verdicts: Mapping[str, tuple[RuleVerdict, ...]] = field(default_factory=dict)
    """partition → one verdict a batch rule, in the suite's order."""
    judged: tuple[JudgedSuite, ...] = ()
    """What Great Expectations said of rows, of survivors and of partitions: for `data_docs.render`."""

    def statistics_of(self, partition: str) -> dict[str, Any]:
        """A partition's statistics as plain JSON values: None where a figure does not apply."""
        text = self.statistics.loc[[partition]].to_json(orient="records", double_precision=15)
        return json.loads(text)[0]
