"""Breaking a share of a landing folder's rows on purpose, in every way that the quality gate knows.

Rows of event tables are broken where they stand. Rows of dimension tables are broken as copies beside the
good row, so that a user's or item's events do not fall with it; likewise purchases, whose cancellations would
fall with them; repeated ids are copies everywhere. The ways themselves are in `simulator.breakage`.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.breakage import TIMED, WAYS, Way, Work
from warehouse.landing.contract import TABLES, ColumnType, PartitionKind, TableContract
from warehouse.landing.writing import replace_file

__all__ = ["WAYS", "CorruptionReport", "corrupt", "corrupt_frame"]


@dataclass(frozen=True)
class CorruptionReport:
    """What was broken: rows a table had before, and rows broken by table and rule."""

    rows: Mapping[str, int]
    broken: Mapping[str, Mapping[str, int]]


def corrupt_frame(
    table: str,
    frame: pd.DataFrame,
    share: float,
    rng: np.random.Generator,
    *,
    former_ids: np.ndarray | None = None,
    contract: TableContract | None = None,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Break a share of one partition's rows, each in one way, the ways dealt out evenly.

    Args:
        table: any of the landing contract.
        frame: good rows; times as datetime64 with a zone or int64 epoch milliseconds.
        share: of the rows, 0 to 1; a fraction of a row is drawn.
        rng: source of every choice.
        former_ids: exposure ids of good rows of other partitions; without them that way is left out.
        contract: with the source's chosen columns; default the table's own.

    Returns:
        The frame (columns that were touched are text or bytes) and the number of broken rows by rule.
    """
    result, counts, _ = _corrupt(contract or TABLES[table], frame, share, rng, former_ids)
    return result, counts


def corrupt(
    landing: Path, share: float, seed: int, contracts: Mapping[str, TableContract] = TABLES
) -> CorruptionReport:
    """Break a share of the rows of every Parquet file of a landing folder, in place; same seed, same result.

    Args:
        landing: folder of the landing contract, of good rows.
        share: of the rows of each file.
        seed: of every choice; a file's choices depend on the seed, its path and the partition before it.
        contracts: tables with the source's chosen columns.
    """
    rows: dict[str, int] = {}
    broken: dict[str, Counter[str]] = {}
    for table, contract in contracts.items():
        former, current, partition = np.empty(0, object), np.empty(0, object), None
        for path in sorted((landing / table).rglob("*.parquet")):
            if path.parent != partition:
                former, current, partition = current, np.empty(0, object), path.parent
            # Arrow's own types: integers with nulls stay integers, untouched columns as they were.
            frame = pq.ParquetFile(path).read().to_pandas(types_mapper=pd.ArrowDtype)
            name = path.relative_to(landing).as_posix()
            rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
            result, counts, good = _corrupt(contract, frame, share, rng, former)
            with replace_file(path) as temporary:
                pq.write_table(pa.Table.from_pandas(result, preserve_index=False), temporary)
            rows[table] = rows.get(table, 0) + len(frame)
            broken.setdefault(table, Counter()).update(counts)
            if "exposure_id" in frame:
                current = np.concatenate([current, frame["exposure_id"].iloc[good].to_numpy(object)])
    return CorruptionReport(rows, {table: dict(sorted(counts.items())) for table, counts in broken.items()})


def _corrupt(
    contract: TableContract,
    frame: pd.DataFrame,
    share: float,
    rng: np.random.Generator,
    former_ids: np.ndarray | None,
) -> tuple[pd.DataFrame, dict[str, int], np.ndarray]:
    """`corrupt_frame`, and the positions of the rows that were left as they were."""
    expected = share * len(frame)
    count = min(int(expected) + int(rng.random() < expected % 1), len(frame))
    former = np.empty(0, object) if former_ids is None else np.asarray(former_ids)
    ways = _possible(contract, frame, enough_former=len(former) >= count)
    if not count or not ways:
        return frame, {}, np.arange(len(frame))
    rows = rng.choice(len(frame), count, replace=False)
    # A random start, so that partitions with fewer broken rows than ways meet every way in time.
    names = np.array(sorted(ways))
    dealt = names[(np.arange(count) + rng.integers(len(names))) % len(names)]

    beside = contract.partition is PartitionKind.FILE or contract.name == "purchases"
    copied = np.array([beside or name.endswith("_unique") for name in dealt])
    places = rows.copy()
    places[copied] = len(frame) + np.arange(int(copied.sum()))
    whole = frame.iloc[np.r_[np.arange(len(frame)), rows[copied]]].reset_index(drop=True)
    work = Work(contract, whole, rng, former)
    for name in names:
        if (dealt == name).any():
            ways[name](work, places[dealt == name])
    return work.finished(), dict(Counter(dealt.tolist())), np.setdiff1d(np.arange(len(frame)), rows[~copied])


def _possible(contract: TableContract, frame: pd.DataFrame, enough_former: bool) -> dict[str, Way]:
    """The table's ways for which the frame has the columns."""
    has = {column.type for name in frame if (column := contract.column(str(name)))}
    needs: dict[str, bool] = {
        "exposure_id_new": enough_former,
        "text_length": ColumnType.CATEGORY in has,
        "finite": ColumnType.NUMBER in has,
        "dwell_range": "dwell_seconds" in frame,
        **dict.fromkeys(TIMED, ColumnType.TIME in has),
        "typed": bool(has & {ColumnType.TIME, ColumnType.FLAG, ColumnType.NUMBER}),
    }
    return {name: way for name, way in WAYS[contract.name].items() if needs.get(name, True)}
