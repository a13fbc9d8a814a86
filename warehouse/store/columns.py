"""Where a source's chosen columns are stored: in a name space of their own, beside the schema's columns.

A user's column may be called `partition`, `user_index` or `valid_from`, and `Region` may stand beside
`region`, which DuckDB takes for the same name. A chosen category is stored as `field_<name>`, a chosen number
as `number_<name>`, chosen vectors as `vector_<name>`; where the name has capitals (or a tilde), a tilde and
their positions as a hexadecimal bit mask follow: `Region` is `field_Region~1`.
"""

from __future__ import annotations

from warehouse.landing.contract import TableContract, table_contract
from warehouse.landing.description import SourceDescription

#: Tables whose chosen columns are added to the schema when a source is configured.
FIELD_TABLES = ("users", "items", "exposures", "demographics")

#: Names by which loads, the gate and quarantine carry a row's partition, position, file and number.
CARRIED = ("_partition", "_row", "_file", "_id", "_position")


def field_column(name: str) -> str:
    """The column that holds the codes of a chosen category."""
    return f"field_{_distinct(name)}"


def number_column(name: str) -> str:
    """The column that holds the values of a chosen number."""
    return f"number_{_distinct(name)}"


def vector_column(name: str) -> str:
    """The column that holds the chosen content vectors."""
    return f"vector_{_distinct(name)}"


def _distinct(name: str) -> str:
    """The name, spelt so that no two names are equal where upper and lower case are."""
    mask = sum(1 << position for position, letter in enumerate(name) if "A" <= letter <= "Z")
    return f"{name}~{mask:x}" if mask or "~" in name else name


def stored_names(contract: TableContract) -> dict[str, str]:
    """Every column of a contract with its chosen columns → its name in the warehouse."""
    own = {column.name for column in table_contract(contract.name).columns}
    spelt = dict.fromkeys(contract.numbers, number_column)
    if contract.vector:
        spelt[contract.vector] = vector_column
    return {
        column.name: column.name if column.name in own else spelt.get(column.name, field_column)(column.name)
        for column in contract.columns
    }


def check_names(description: SourceDescription) -> None:
    """Raise ValueError where a chosen column cannot be told from one that the warehouse owns, or is twice."""
    for table in FIELD_TABLES:
        own = {column.name for column in table_contract(table).columns}
        vector = description.vector(table)
        names = (*description.fields(table), *description.numbers(table), *([vector] if vector else []))
        for position, name in enumerate(names):
            if name in own:
                why = f"is a column of the contract, which {table} has anyway"
            elif name in CARRIED or not name:
                why = "is a name that loading uses itself"
            elif name in names[:position]:
                why = "is chosen twice"
            else:
                continue
            raise ValueError(
                f"{table}: the chosen column {name!r} {why}: take it out of the columns that source.json "
                f"chooses for {table}, or give the column another name; nothing was changed"
            )
