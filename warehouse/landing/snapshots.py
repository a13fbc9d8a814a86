"""Files of users, items and other dimension tables that name no date, and so count from the beginning.

Of two such files about the same ids nobody can know which is the later one: the values of a later day would
be seen by the models of earlier ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.landing.contract import ColumnType, TableContract
from warehouse.landing.files import column_of, record_of
from warehouse.landing.formats import contents
from warehouse.landing.rejection import FileRejected


def copies(undated: Sequence[Path], dated: Sequence[Path]) -> dict[Path, Path]:
    """Undated files with the bytes of another one → that one: a dated one, else the first undated by name."""
    sizes = [path.stat().st_size for path in (*dated, *undated)]
    shared = {size for size, files in Counter(sizes).items() if files > 1}
    firsts: dict[str, Path] = {}
    result = {}
    for path in (*dated, *undated):
        if path.stat().st_size in shared:
            first = firsts.setdefault(record_of(contents(path), path.name).sha256, path)
            if first != path and path in undated:
                result[path] = first
    return result


def refuse_shared_ids(contract: TableContract, undated: Sequence[Path]) -> None:
    """FileRejected where two undated files describe the same id; rows with a time of their own may do so."""
    has_time = any(column.type is ColumnType.TIME and column.required for column in contract.columns)
    if len(undated) < 2 or has_time:
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
