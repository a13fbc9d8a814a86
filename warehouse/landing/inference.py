"""A landing folder without `source.json`: what can be told from its files, by rules a person can check.

- zone: UTC; people live in it too. First and last day: the `date=` folders of exposures and purchases.
- user and item fields: of the first file of the table, in file order, the first six columns outside the
  contract that are text, flags or integers, have at least two distinct values, and not nearly one for every
  row (at most 1,000, or half the rows): a name or a counter is no category.
- demographic numbers: of the first file, columns outside the contract that hold numbers with decimals, or
  more than 20 different whole ones; text counts as numbers where all of it reads as such, as in CSV.
  Demographic fields: by the rule for users, among the others, as many as there are.
- context fields: the `ctx_*` columns of the first exposures file. Domains: any. Points: balances.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.landing import layout
from warehouse.landing.contract import (
    CONTEXT_PREFIX,
    MAX_FIELDS,
    TableContract,
    table_contract,
)
from warehouse.landing.description import FILE_NAME, SourceDescription
from warehouse.landing.files import opened_file

DATED = ("exposures", "purchases")  #: tables whose days are the days of a source
MAX_DISTINCT = 1_000
MAX_WHOLE = 20  #: different whole numbers that may still be a code

log = logging.getLogger(__name__)


def infer(landing: Path) -> SourceDescription:
    """The description that the module's rules give; FileNotFoundError where no table has a dated folder."""
    days = {name: layout.dates(layout.partitions(landing, table_contract(name))) for name in DATED}
    all_days = sorted({day for days_of_table in days.values() for day in days_of_table})
    if not all_days:
        raise FileNotFoundError(
            f"{landing} has no folder exposures/date=YYYY-MM-DD/hour=HH and no purchases/date=YYYY-MM-DD "
            f"with a file ({', '.join(layout.EXTENSIONS)}): is this the landing folder?"
        )
    # A year of purchases before the feed's first day must not give the feed a year of empty hours.
    first = days["exposures"][0] if days["exposures"] else all_days[0]
    demographics = table_contract("demographics")
    numbers = _chosen(landing, demographics, _is_number)
    categories = _chosen(landing, demographics, _is_category)
    description = SourceDescription(
        name="landing",
        first_day=first,
        shop_first_day=all_days[0] if all_days[0] < first else None,
        last_day=all_days[-1],
        user_fields=_chosen(landing, table_contract("users"), _is_category)[:MAX_FIELDS],
        item_fields=_chosen(landing, table_contract("items"), _is_category)[:MAX_FIELDS],
        context_fields=_context(landing),
        demographic_fields=tuple(name for name in categories if name not in numbers),
        demographic_numbers=numbers,
    )
    log.warning("%s has no %s; taken from its files: %s", landing, FILE_NAME, description.model_dump_json())
    return description


def _context(landing: Path) -> tuple[str, ...]:
    exposures = table_contract("exposures")
    hours = layout.partitions(landing, exposures)
    if not hours:
        return ()
    names = opened_file(layout.files_of(landing, exposures, hours[0])[0]).names
    return tuple(name for name in names if name.startswith(CONTEXT_PREFIX))


def _chosen(
    landing: Path, contract: TableContract, suits: Callable[[pa.ChunkedArray], bool]
) -> tuple[str, ...]:
    """Columns outside the contract of the table's first file that suit, in file order."""
    partitions = layout.partitions(landing, contract)
    if not partitions:
        return ()
    path = layout.files_of(landing, contract, partitions[0])[0]
    opened = opened_file(path)
    names = [name for name in opened.names if contract.column(name) is None]
    columns = opened.read(names)
    return tuple(name for name in names if suits(columns[name]))


def _is_number(column: pa.ChunkedArray) -> bool:
    types = pa.types
    if types.is_floating(column.type) or types.is_decimal(column.type):
        return True
    if types.is_integer(column.type):
        numbers = column.cast(pa.float64(), safe=False)
    elif types.is_string(column.type) or types.is_binary(column.type):
        try:
            text = column.cast(pa.string())
            numbers = text.filter(pc.not_equal(text, "")).cast(pa.float64())
        except pa.ArrowInvalid:
            return False
    else:
        return False
    decimals = pc.any(pc.not_equal(pc.floor(numbers), numbers)).as_py()
    return bool(decimals) or pc.count_distinct(numbers, mode="only_valid").as_py() > MAX_WHOLE


def _is_category(column: pa.ChunkedArray) -> bool:
    types = pa.types
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    text = types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind)
    if not (text or types.is_boolean(kind) or types.is_integer(kind)):
        return False
    distinct = pc.count_distinct(column.cast(kind), mode="only_valid").as_py()
    return 2 <= distinct <= max(2, min(MAX_DISTINCT, len(column) // 2))
