"""The landing contract: which tables come in, with which columns, cut into which partitions.

Column types, as a frame carries them after the gate:

| type | in a kept frame | in the warehouse |
|---|---|---|
| id | text | dense index of `user_index` or `item_index`; `exposure_id`: text; `request_id`: a hash |
| time | int64, UTC epoch milliseconds (nullable Int64 where not required) | BIGINT |
| flag | bool | BOOLEAN |
| number | float64, NaN where unknown | FLOAT or DOUBLE |
| category | text, None where unknown | code of `category_index` |
| vector | list of float32, null where unknown; all lists of a column are equally long | FLOAT[] |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

CONTEXT_PREFIX = "ctx_"
MAX_FIELDS = 6


class ColumnType(StrEnum):
    """What a column holds; see the module's table."""

    ID = "id"
    TIME = "time"
    FLAG = "flag"
    NUMBER = "number"
    CATEGORY = "category"
    VECTOR = "vector"


class PartitionKind(StrEnum):
    """How a table's folder is cut: `date=/hour=`, `date=`, or one partition a file (its relative path)."""

    HOUR = "hour"
    DAY = "day"
    FILE = "file"


@dataclass(frozen=True)
class Column:
    """One column of the contract."""

    name: str
    type: ColumnType
    required: bool = False


@dataclass(frozen=True)
class TableContract:
    """One table of the landing folder.

    `partition_time` is the column whose instant decides the partition (None: the file does). `open_prefix`
    admits any categorical column whose name begins so.
    """

    name: str
    partition: PartitionKind
    columns: tuple[Column, ...]
    partition_time: str | None = None
    open_prefix: str | None = None
    numbers: tuple[str, ...] = ()  #: the numeric columns that a source chose
    vector: str | None = None  #: the column of content vectors that a source chose

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns without which a file is rejected."""
        return tuple(column.name for column in self.columns if column.required)

    @property
    def coded(self) -> tuple[str, ...]:
        """Names of the categorical columns, which the warehouse stores as codes of `category_index`."""
        return tuple(column.name for column in self.columns if column.type is ColumnType.CATEGORY)

    def column(self, name: str) -> Column | None:
        """The contract of a column, None for a column that the contract does not know."""
        for column in self.columns:
            if column.name == name:
                return column
        if self.open_prefix and name.startswith(self.open_prefix):
            return Column(name, ColumnType.CATEGORY)
        return None

    def with_fields(
        self, fields: tuple[str, ...], numbers: tuple[str, ...] = (), vector: str | None = None
    ) -> TableContract:
        """The contract with these columns added, categories, numbers and a vector, unless it has them."""
        known = {column.name for column in self.columns}
        chosen = [(name, ColumnType.CATEGORY) for name in fields]
        chosen += [(name, ColumnType.NUMBER) for name in numbers]
        chosen += [(vector, ColumnType.VECTOR)] if vector else []
        added = tuple(Column(name, type_) for name, type_ in chosen if name not in known)
        return replace(self, columns=self.columns + added, numbers=numbers, vector=vector)


def _required(name: str, type_: ColumnType) -> Column:
    return Column(name, type_, required=True)


EXPOSURES = TableContract(
    name="exposures",
    partition=PartitionKind.HOUR,
    partition_time="shown_at",
    open_prefix=CONTEXT_PREFIX,
    columns=(
        _required("exposure_id", ColumnType.ID),
        _required("user_id", ColumnType.ID),
        _required("item_id", ColumnType.ID),
        _required("shown_at", ColumnType.TIME),
        _required("clicked", ColumnType.FLAG),
        Column("dwell_seconds", ColumnType.NUMBER),
        Column("request_id", ColumnType.ID),
    ),
)

EXTERNAL_CLICKS = TableContract(
    name="external_clicks",
    partition=PartitionKind.HOUR,
    partition_time="received_at",
    columns=(
        _required("user_id", ColumnType.ID),
        _required("item_id", ColumnType.ID),
        _required("domain", ColumnType.CATEGORY),
        _required("occurred_at", ColumnType.TIME),
        _required("received_at", ColumnType.TIME),
    ),
)

USERS = TableContract(
    name="users",
    partition=PartitionKind.FILE,
    columns=(_required("user_id", ColumnType.ID),),
)

ITEMS = TableContract(
    name="items",
    partition=PartitionKind.FILE,
    columns=(_required("item_id", ColumnType.ID), Column("published_at", ColumnType.TIME)),
)

PURCHASES = TableContract(
    name="purchases",
    partition=PartitionKind.DAY,
    partition_time="purchased_at",
    columns=(
        _required("user_id", ColumnType.ID),
        _required("purchased_at", ColumnType.TIME),
        _required("price", ColumnType.NUMBER),
        _required("genre", ColumnType.CATEGORY),
        Column("brand", ColumnType.CATEGORY),
        _required("cancelled", ColumnType.FLAG),
    ),
)

POINTS = TableContract(
    name="points",
    partition=PartitionKind.DAY,
    partition_time="occurred_at",
    columns=(
        _required("user_id", ColumnType.ID),
        _required("occurred_at", ColumnType.TIME),
        _required("kind", ColumnType.CATEGORY),
        _required("amount", ColumnType.NUMBER),
    ),
)

DEMOGRAPHICS = TableContract(
    name="demographics", partition=PartitionKind.FILE, columns=(_required("user_id", ColumnType.ID),)
)

LABELS = TableContract(
    name="labels",
    partition=PartitionKind.FILE,
    columns=(
        _required("user_id", ColumnType.ID),
        _required("task", ColumnType.CATEGORY),
        _required("label", ColumnType.FLAG),
        _required("observed_at", ColumnType.TIME),
    ),
)

#: What the ranking reads, dimensions first: they are loaded before the events that mention them.
RANKING_TABLES: dict[str, TableContract] = {
    table.name: table for table in (USERS, ITEMS, EXPOSURES, EXTERNAL_CLICKS)
}

#: What the profiler reads. Its tables check against no dimension: an account that only buys is an account.
PROFILING_TABLES: dict[str, TableContract] = {
    table.name: table for table in (DEMOGRAPHICS, LABELS, PURCHASES, POINTS)
}

TABLES: dict[str, TableContract] = RANKING_TABLES | PROFILING_TABLES


def table_contract(name: str) -> TableContract:
    """The contract of a table; KeyError with the known names otherwise."""
    if name not in TABLES:
        raise KeyError(f"table {name!r} is not in the landing contract; known: {', '.join(TABLES)}")
    return TABLES[name]
