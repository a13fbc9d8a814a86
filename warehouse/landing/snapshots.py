"""Files of users, items and other dimension tables that name no date, and so count from the beginning.

Of two such files about the same ids nobody can know which is the later one: the values of a later day would
be seen by the models of earlier ones.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.landing import layout
from warehouse.landing.contract import ColumnType, TableContract
from warehouse.landing.files import column_of, record_of
from warehouse.landing.formats import contents
from warehouse.landing.rejection import FileRejected
from warehouse.landing.service_time import ServiceZone

_OF_NOW = re.compile(r"(?<![a-z])(?:latest|current|newest|today|now|live)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class SetAside:
    """An undated file that is not read, since another file holds its rows with a date, or held them first."""

    other: Path
    same_bytes: bool


@dataclass(frozen=True)
class Snapshots:
    """The files of a dimension table: those without a date, those with one, and undated ones set aside."""

    undated: tuple[Path, ...]
    dated: tuple[Path, ...]
    aside: dict[Path, SetAside]


def snapshots(contract: TableContract, zone: ServiceZone, listed: layout.TableListing) -> Snapshots:
    """Which undated files are to be read.

    Not a copy of another file: of a dated one, which says from when its rows are true, or of an undated one
    before it by name. Not one that calls itself the latest beside dated files, unless its rows have times.
    """
    undated: list[Path] = []
    dated: list[Path] = []
    for key, paths in listed.files.items():
        (dated if layout.start_ms(contract, zone, key) else undated).extend(paths)
    aside = {path: SetAside(other, True) for path, other in _copies(undated, dated).items()}
    if dated and not _has_times(contract):
        latest = [path for path in undated if path not in aside and _OF_NOW.search(path.name)]
        aside |= {path: SetAside(dated[-1], False) for path in latest}
    return Snapshots(tuple(path for path in undated if path not in aside), tuple(dated), aside)


def _copies(undated: Sequence[Path], dated: Sequence[Path]) -> dict[Path, Path]:
    sizes = {path: path.stat().st_size for path in (*dated, *undated)}
    files_of_size = Counter(sizes.values())
    firsts: dict[str, Path] = {}
    result = {}
    for path, size in sizes.items():
        if files_of_size[size] > 1:
            first = firsts.setdefault(record_of(contents(path), path.name).sha256, path)
            if first != path and path in undated:
                result[path] = first
    return result


def _has_times(contract: TableContract) -> bool:
    return any(column.type is ColumnType.TIME and column.required for column in contract.columns)


def refuse_shared_ids(contract: TableContract, undated: Sequence[Path]) -> None:
    """FileRejected where two undated files describe the same id; rows with a time of their own may do so."""
    if len(undated) < 2 or _has_times(contract):
        return
    key = contract.required[0]
    owner: dict[bytes, Path] = {}
    for path in undated:
        ids = column_of(path, contract, key).cast(pa.string(), safe=False).cast(pa.binary())
        values = set(pc.unique(ids.drop_null()).to_pylist())
        shared = values & owner.keys()
        if shared:
            example = min(shared)
            what = f"{key} {example.decode(errors='replace')!r}"
            more = f" and {len(shared) - 1:,} more" if len(shared) > 1 else ""
            dated = f"{path.name.split('.')[0]}_2026-05-01{path.suffix}"
            raise FileRejected(
                path,
                f"and {owner[example].name} both describe {what}{more}, and neither names a date: nobody can "
                f"know from when which is true: write dates into the names ({dated}), or leave one file "
                "for each id",
            )
        owner |= dict.fromkeys(values, path)
