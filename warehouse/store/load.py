"""Loading partitions: delete and insert in one transaction, one statement a table however many partitions."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from warehouse.landing.contract import PartitionKind, TableContract, table_contract
from warehouse.landing.description import SourceDescription
from warehouse.landing.records import PartitionLoad
from warehouse.landing.service_time import DAY_MS, HOUR_MS
from warehouse.store.columns import stored_names
from warehouse.store.configuring import chosen_contract, configure
from warehouse.store.id_index import NUMBERED, TOKEN, IdIndex, NewIds, count
from warehouse.store.staging import InvariantBroken, stage_kept, stage_quarantine, stage_records
from warehouse.store.statements import quoted, statement, text_literal
from warehouse.store.transactions import staged, transaction
from warehouse.store.vectors import remember_width

#: By which rows of a table are in order of time, so that a range of it is found without reading the rest.
TIMES = {
    "exposures": "shown_at",
    "external_clicks": "received_at",
    "purchases": "purchased_at",
    "points": "occurred_at",
}
LENGTHS = {PartitionKind.HOUR: HOUR_MS, PartitionKind.DAY: DAY_MS}


def load_partitions(
    connection: duckdb.DuckDBPyConnection,
    ids: IdIndex,
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
        _delete_former(connection, contract)
        new = insert_rows(connection, contract, ids)
        check_stored(connection, contract)
        remember_width(connection, contract)
        _run(connection, "insert_batches", table)
        _run(connection, "insert_quarantine", table)  # after what may fail: its numbers do not go back
        remember_ids(connection, ids, new)


def _delete_former(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> None:
    """Make room for the partitions of `staged_loads`, where some have been loaded before.

    Rows lie within their partition's bounds, because the gate keeps no others: only these are read. Should
    there be fewer than were recorded, the whole table is.
    """
    table = contract.name
    query = statement("load", "loaded_before")
    partitions, rows = connection.execute(query, {"table": table}).fetchall()[0]
    if not partitions:
        return
    within = _within(connection, contract)
    if within:
        text = statement("load", "delete_rows", table=quoted(table), within=within)
        rows -= connection.execute(text).fetchall()[0][0]
    if rows or not within:
        connection.execute(statement("load", "delete_rows", table=quoted(table), within=""))
    for step in ("delete_quarantine", "delete_batches"):
        _run(connection, step, table)


def _within(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> str:
    """Bounds of the time of rows of `staged_loads`, as constants; empty for tables not in order of time."""
    if contract.name not in TIMES:
        return ""
    first_ms, last_ms = connection.execute(
        "SELECT min(start_ms), max(start_ms) FROM staged_loads"
    ).fetchall()[0]
    time, end_ms = TIMES[contract.name], last_ms + LENGTHS[contract.partition]
    return f"AND {time} >= {int(first_ms)} AND {time} < {int(end_ms)}"


def remember_ids(connection: duckdb.DuckDBPyConnection, ids: IdIndex, new: NewIds) -> None:
    """Write what a load adds to the index of ids, and its token: the last step before the commit."""
    if new:
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [TOKEN, ids.write(new)])


def check_stored(connection: duckdb.DuckDBPyConnection, contract: TableContract) -> None:
    """Raise InvariantBroken unless the partitions of `staged_loads` hold as many rows as were kept."""
    query = statement(
        "load", "stored_rows", table=quoted(contract.name), within=_within(connection, contract)
    )
    wrong = connection.execute(query).fetchall()
    if wrong:
        partition, expected, stored = wrong[0]
        raise InvariantBroken(
            f"{contract.name}, partition {partition}: {expected} rows were kept and {stored} stored; "
            "nothing was written"
        )


def insert_rows(connection: duckdb.DuckDBPyConnection, contract: TableContract, ids: IdIndex) -> NewIds:
    """Append numbers for the new ids and values of `staged`, then its rows; runs inside a transaction.

    Returns what the index of ids has to take in before the transaction is committed.
    """
    own = table_contract(contract.name)
    numbered = {key: _numbered(connection, ids, key) for key in NUMBERED if own.column(key)}
    _insert(connection, contract, {f"staged_{NUMBERED[key]}": table for key, (table, _) in numbered.items()})
    numbers = {NUMBERED[key]: fresh for key, (_, fresh) in numbered.items()}
    if contract.name != "exposures":
        return NewIds(numbers)
    rows = connection.execute(statement("load", "staged_exposure_ids")).fetchnumpy()
    return NewIds(numbers, *(np.ma.getdata(rows[name]) for name in ("exposure_id", "hour")))


def _numbered(
    connection: duckdb.DuckDBPyConnection, ids: IdIndex, key: str
) -> tuple[pa.Table, list[tuple[str, int]]]:
    """The ids of `staged` with their dense numbers, and those that are new, which join their table."""
    table = NUMBERED[key]
    staged_ids = [one for (one,) in connection.execute(statement("load", "staged_ids", key=key)).fetchall()]
    known, end = ids.numbers(table, staged_ids), count(connection, table)
    fresh = [(one, end + offset) for offset, one in enumerate(one for one in staged_ids if one not in known)]
    known |= dict(fresh)
    numbers = pa.array([known[one] for one in staged_ids], pa.int32())
    if fresh:
        names, positions = zip(*fresh, strict=True)
        rows = pa.table({key: pa.array(names, pa.string()), table: pa.array(positions, pa.int32())})
        with staged(connection, fresh=rows):
            connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM fresh ORDER BY {table}")
    return pa.table({key: pa.array(staged_ids, pa.string()), table: numbers}), fresh


def _insert(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, numbered: dict[str, pa.Table]
) -> None:
    """Append numbers for the new categories of `staged`, then its rows; `numbered` has those of its ids."""
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
    uncoded = [*contract.numbers, *([contract.vector] if contract.vector else [])]
    codes += [f", staged.{names[column]}" for column in uncoded]
    text = statement("load", f"insert_{contract.name}", codes=" ".join(codes), joins="\n".join(joins))
    with staged(connection, **numbered):
        connection.execute(text)


def _run(connection: duckdb.DuckDBPyConnection, name: str, contract_table: str, **identifiers: str) -> None:
    text = statement("load", name, **identifiers)
    connection.execute(text, {"table": contract_table} if "$table" in text else None)


def check_invariant(
    connection: duckdb.DuckDBPyConnection, table: str | None, partitions: Collection[str] | None
) -> None:
    """See `Warehouse.check_invariant`."""
    only = {"table": table, "partitions": None if partitions is None else list(partitions)}
    broken = connection.execute(statement("batches", "broken_invariant"), only).fetchall()
    if broken:
        table, partition, rows_in, _, _, stored, set_aside = broken[0]
        raise InvariantBroken(
            f"{table}, partition {partition}: {rows_in} rows in, {stored or 0} stored, "
            f"{set_aside or 0} quarantined ({len(broken)} partitions in all)"
        )
