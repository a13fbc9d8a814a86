"""A landing folder without `source.json`: what can be told from its files, by rules a person can check.

- zone: UTC. first and last day: the `date=` folders of exposures.
- user and item fields: of the first file of the table, in file order, the first six columns outside the
contract
  that are text, flags or integers, have at least two distinct values, and not nearly one for every row (at
  most 1,000, or half the rows): a name or a counter is no category.
- context fields: the `ctx_*` columns of the first exposures file. Domains: any.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.contract import CONTEXT_PREFIX, MAX_FIELDS, TableContract, table_contract
from warehouse.sources import layout
from warehouse.sources.description import FILE_NAME, SourceDescription
from warehouse.sources.files import column_names, raw_columns

MAX_DISTINCT = 1_000

log = logging.getLogger(__name__)


def infer(landing: Path) -> SourceDescription:
    """The description that the module's rules give; FileNotFoundError where there are no exposures."""
    exposures = table_contract("exposures")
    days = layout.dates(layout.partitions(landing, exposures))
    if not days:
        raise FileNotFoundError(
            f"{landing / 'exposures'} has no folder date=YYYY-MM-DD/hour=HH with a file "
            f"({', '.join(layout.EXTENSIONS)}): is this the landing folder?"
        )
    found = SourceDescription(
        name="landing",
        first_day=days[0],
        last_day=days[-1],
        user_fields=_fields(landing, table_contract("users")),
        item_fields=_fields(landing, table_contract("items")),
        context_fields=_context(landing, days[0]),
    )
    log.warning("%s has no %s; taken from its files: %s", landing, FILE_NAME, found.model_dump_json())
    return found


def _context(landing: Path, day: str) -> tuple[str, ...]:
    folder = landing / "exposures" / f"date={day}"
    files = layout.landed_files(folder)[0]
    for hour in sorted(folder.glob("hour=*")):
        files = files or layout.landed_files(hour)[0]
    return tuple(name for name in column_names(files[0]) if name.startswith(CONTEXT_PREFIX))


def _fields(landing: Path, contract: TableContract) -> tuple[str, ...]:
    partitions = layout.partitions(landing, contract)
    if not partitions:
        return ()
    path = landing / contract.name / partitions[0]
    names = [name for name in column_names(path) if contract.column(name) is None]
    columns = raw_columns(path, names)
    return tuple(name for name in names if _is_category(columns[name]))[:MAX_FIELDS]


def _is_category(column: pa.ChunkedArray) -> bool:
    types = pa.types
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    text = types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind)
    if not (text or types.is_boolean(kind) or types.is_integer(kind)):
        return False
    distinct = pc.count_distinct(column.cast(kind), mode="only_valid").as_py()
    return 2 <= distinct <= max(2, min(MAX_DISTINCT, len(column) // 2))
