"""Loading partitions: delete and insert in one transaction, one statement a table however many partitions."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pandas as pd

from warehouse.landing.contract import TableContract, table_contract
from warehouse.landing.description import SourceDescription
from warehouse.landing.records import PartitionLoad
from warehouse.store.columns import stored_names
from warehouse.store.configuring import chosen_contract, configure
from warehouse.store.staging import InvariantBroken, stage_kept, stage_quarantine, stage_records
from warehouse.store.statements import quoted, statement, text_literal
from warehouse.store.transactions import staged, transaction

#: Dense numbers appended by a load, in this order: id column → index table.
INDEXES = {"user_id": "user_index", "item_id": "item_index"}


def load_partitions(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    loads: Sequence[PartitionLoad],
    rows: pd.DataFrame,
    quarantined: pd.DataFrame,
    description: SourceDescription | None,
) -> None:
    """Replace the partitions of `loads` in one transaction, the schema's chosen columns too.

    See `Warehouse.load`.
    """
    if not loads:
        return
    in_time = sorted(loads, key=lambda load: (load.start_ms, load.partition))
    order = {load.partition: position for position, load in enumerate(in_time)}
    contract = chosen_contract(connection, table) if description is None else description.contract(table)
    tables = {
        "staged": stage_kept(contract, rows, order),
        "staged_loads": stage_records(loads, rows, quarantined),
        "staged_quarantine": stage_quarantine(quarantined),
    }
    with staged(connection, **tables), transaction(connection):
        if description is not None:
            configure(connection, description)
        for step in ("delete_rows", "delete_quarantine", "delete_batches"):
            _run(connection, step, table, table=quoted(table))
        insert_rows(connection, contract)
        check_stored(connection, contract)
        _run(connection, "insert_batches", table)
        _run(connection, "insert_quarantine", table)  # last: its numbers do not go back


def check_stored(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> None:
    """Raise InvariantBroken unless the partitions of `staged_loads` hold as many rows as were kept."""
    wrong = connection.execute(statement("load", "stored_rows", table=quoted(contract.name))).fetchall()
    if wrong:
        partition, expected, stored = wrong[0]
        raise InvariantBroken(
            f"{contract.name}, partition {partition}: {expected} rows were kept and {stored} stored; "
            "nothing was written"
        )


def insert_rows(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> None:
    """Append numbers for the new ids and values of `staged`, then its rows; runs inside a transaction."""
    own = table_contract(contract.name)
    for key, index in INDEXES.items():
        if own.column(key):
            connection.execute(statement("load", "append_index", index=index, key=key))
    names = {column: quoted(stored) for column, stored in stored_names(contract).items()}
    codes, joins = [], []
    for position, column in enumerate(contract.coded):
        values = {"table": contract.name, "column": column}
        connection.execute(statement("load", "append_categories", stored=names[column]), values)
        alias = f"category_{position}"
        codes.append(f", {alias}.code AS {names[column]}")
        joins.append(
            statement(
                "load",
                "join_category",
                alias=alias,
                table_text=text_literal(contract.name),
                column_text=text_literal(column),
                stored=names[column],
            )
        )
    codes += [f", staged.{names[column]}" for column in contract.numbers]
    connection.execute(
        statement("load", f"insert_{contract.name}", codes=" ".join(codes), joins="\n".join(joins))
    )


def _run(connection: duckdb.DuckDBPyConnection, name: str, contract_table: str, **identifiers: str) -> None:
    text = statement("load", name, **identifiers)
    connection.execute(text, {"table": contract_table} if "$table" in text else None)
