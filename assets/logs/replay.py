"""Quarantined rows back through the gate after a fix: of the rows, of a late dimension file, or of a rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from assets.logs import judging
from assets.logs.judging import Judgement, Question
from warehouse.home import SourceHome
from warehouse.landing import reading
from warehouse.landing.description import SourceDescription
from warehouse.store.connection import upgrade
from warehouse.store.quarantine import move_to_kept, show_quarantine
from warehouse.store.warehouse import Warehouse

if TYPE_CHECKING:
    from expectations.settings import GateSettings


@dataclass(frozen=True)
class ReplayReport:
    """What a replay moved, and why the rest stayed."""

    table: str
    replayed: int
    moved: int
    still: dict[str, int]  #: rows that stayed, by the first rule that they break now
    partitions: tuple[str, ...]  #: those that gained rows: models trained on them are out of date

    @property
    def stayed(self) -> int:
        """Rows that break a rule still."""
        return self.replayed - self.moved


def replay(
    home: SourceHome,
    table: str,
    *,
    rule: str | None = None,
    partition: str | None = None,
    ids: Sequence[int] | None = None,
    fixed: pd.DataFrame | None = None,
    landing: Path | None = None,
    description: SourceDescription | None = None,
    settings: GateSettings | None = None,
    now_ms: int | None = None,
) -> ReplayReport:
    """Judge quarantined rows again and move those that pass to the kept ones, in one transaction.

    Args:
        home, table: the source's folders, and the table whose rows are judged.
        rule, partition, ids: only rows that broke this rule, of this partition, with these quarantine ids.
        fixed: mended values: `id` (quarantine id) and the columns to replace, a missing value leaving the
            row's own; with it, only these rows.
        landing, description, settings, now_ms: as for `ingest`.

    Raises:
        KeyError: `fixed` names an id that is not in quarantine, or a column that the contract does not know.
    """
    landing = landing or home.landing
    description = description or reading.describe(landing)
    settings = settings or judging.gate_settings(description, landing)
    ids = ids if fixed is None else [int(number) for number in fixed["id"]]
    upgrade(home.warehouse)
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        rows = show_quarantine(warehouse, table, rule=rule, partition=partition, ids=ids)
    if rows.empty and fixed is None:
        return ReplayReport(table, 0, 0, {}, ())
    raw = _raw(rows, fixed, description, table)
    question = Question(description, table, tuple(raw["_partition"].unique()), settings, now_ms, replay=True)
    ids_of = rows[["id", "partition", "row"]].set_axis(["_id", "_partition", "_row"], axis=1)

    def passed(judgement: Judgement) -> pd.DataFrame:
        return judgement.result.passed.merge(ids_of, on=["_partition", "_row"], how="left")

    def write(warehouse: Warehouse, judgement: Judgement) -> None:
        if len(judgement.result.passed):
            move_to_kept(warehouse, table, passed(judgement), description)

    judgement = judging.judge_and_write(home.warehouse, question, raw, lambda _: None, write)
    still = {str(r): int(n) for r, n in judgement.result.quarantined["rule"].value_counts().items()}
    moved = passed(judgement)["_partition"]
    return ReplayReport(table, len(rows), len(moved), still, tuple(dict.fromkeys(moved)))


def mended_values(path: Path) -> pd.DataFrame:
    """A CSV file of mended values for `replay`: `id` as integer, the others as the text that they are.

    An id with leading zeros or beside empty fields would not survive a guess at its type. An empty field is
    no value. Raises ValueError without a column `id` of integers.
    """
    values = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    if "id" not in values:
        raise ValueError(
            f"{path} has no column 'id': it has {', '.join(values)}; see `quarantine show --csv`"
        )
    wrong = values["id"][~values["id"].fillna("").str.fullmatch(r"\d+")]
    if len(wrong):
        raise ValueError(f"{path}: column 'id' has {wrong.iloc[0]!r}: give the quarantine ids of `show`")
    return values.astype({"id": "int64"})


def _raw(
    rows: pd.DataFrame, fixed: pd.DataFrame | None, description: SourceDescription, table: str
) -> pd.DataFrame:
    """Quarantined rows as they came in, with the values of `fixed` put over them."""
    from expectations.row_json import decode_rows

    raw = decode_rows(rows["row_json"].tolist())
    raw = raw[[name for name in raw if description.contract(table).column(name)]]
    if fixed is not None:
        raw = _mended(raw, rows, fixed, description, table)
    raw["_partition"], raw["_row"] = rows["partition"].astype("str"), rows["row"].astype("int64")
    raw["_file"] = rows["file"]
    return raw


def _mended(
    raw: pd.DataFrame, rows: pd.DataFrame, fixed: pd.DataFrame, description: SourceDescription, table: str
) -> pd.DataFrame:
    """The raw rows with the values of `fixed` put over them."""
    contract = description.contract(table)
    unknown = [name for name in fixed if name != "id" and contract.column(name) is None]
    if unknown:
        raise KeyError(
            f"{table} has no column {unknown[0]!r}: mend the columns of the landing contract, by `id`"
        )
    absent = sorted(set(fixed["id"]) - set(rows["id"]))
    if absent:
        raise KeyError(f"{table}: quarantine holds no row {absent[0]} (of this rule and partition)")
    values = fixed.set_index("id").reindex(rows["id"])
    mended = raw.copy()
    for name in values:
        own = mended[name] if name in mended else pd.Series(None, index=mended.index, dtype=object)
        replaced = values[name].notna().to_numpy()
        mended[name] = np.where(replaced, values[name].astype(object).to_numpy(), own.to_numpy(object))
    return mended
