"""Loading partitions: delete and insert in one transaction, one statement a table however many partitions."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pandas as pd
import pyarrow as pa

from warehouse.landing.contract import TableContract
from warehouse.landing.records import PartitionLoad
from warehouse.store.staging import InvariantBroken, stage_kept, stage_quarantine, stage_records
from warehouse.store.statements import quoted, statement, text_literal

#: Dense numbers appended by a load, in this order: id column → index table.
INDEXES = {"user_id": "user_index", "item_id": "item_index"}


def load_partitions(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    loads: Sequence[PartitionLoad],
    rows: pd.DataFrame,
    quarantined: pd.DataFrame,
) -> None:
    """Replace the partitions of `loads` in one transaction; `contract` has the chosen columns.

    See `Warehouse.load`.
    """
    if not loads:
        return
    in_time = sorted(loads, key=lambda load: (load.start_ms, load.partition))
    order = {load.partition: position for position, load in enumerate(in_time)}
    staged = stage_kept(contract, rows, order)
    staged_quarantine = stage_quarantine(quarantined)
    records = stage_records(loads, rows, quarantined)
    connection.begin()
    try:
        connection.register("staged_loads", records)
        for step in ("delete_rows", "delete_quarantine", "delete_batches"):
            _run(connection, "load", step, contract.name, table=quoted(contract.name))
        insert_rows(connection, contract, staged)
        connection.register("staged_quarantine", staged_quarantine)
        _run(connection, "load", "insert_quarantine", contract.name)
        _run(connection, "load", "insert_batches", contract.name)
        check_stored(connection, contract)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        for view in ("staged_loads", "staged", "staged_quarantine"):
            connection.unregister(view)


def check_stored(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> None:
    """Raise InvariantBroken unless the partitions of `staged_loads` hold as many rows as were kept."""
    wrong = connection.execute(statement("load", "stored_rows", table=quoted(contract.name))).fetchall()
    if wrong:
        partition, expected, stored = wrong[0]
        raise InvariantBroken(
            f"{contract.name}, partition {partition}: {expected} rows were kept and {stored} stored; "
            "nothing was written"
        )


def insert_rows(connection: duckdb.DuckDBPyConnection, contract: TableContract, staged: pa.Table) -> None:
    """Append dense numbers for new ids and values, then the rows themselves; runs inside a transaction."""
    connection.register("staged", staged)
    for key, index in INDEXES.items():
        if contract.column(key):
            connection.execute(statement("load", "append_index", index=index, key=key))
    codes, joins = [], []
    for position, column in enumerate(contract.coded):
        values = {"table": contract.name, "column": column}
        connection.execute(statement("load", "append_categories", column=quoted(column)), values)
        alias = f"category_{position}"
        codes.append(f", {alias}.code AS {quoted(column)}")
        joins.append(
            statement(
                "load",
                "join_category",
                alias=alias,
                table_text=text_literal(contract.name),
                column_text=text_literal(column),
                column=quoted(column),
            )
        )
    codes += [f", staged.{quoted(column)}" for column in contract.numbers]
    connection.execute(
        statement("load", f"insert_{contract.name}", codes=" ".join(codes), joins="\n".join(joins))
    )


def _run(
    connection: duckdb.DuckDBPyConnection, file: str, name: str, contract_table: str, **identifiers: str
) -> None:
    text = statement(file, name, **identifiers)
    connection.execute(text, {"table": contract_table} if "$table" in text else None)
