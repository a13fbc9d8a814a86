"""Rows that were set aside: counting, showing, and moving those that pass the gate after a fix.

A replay moves rows from quarantine to the kept ones in one transaction, so rows in = kept + quarantined
before and after. Loading the partition again starts over from its landed files: mend those too, or replay
again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from warehouse.landing.description import SourceDescription
from warehouse.store.configuring import configure
from warehouse.store.load import check_stored, insert_rows, remember_ids
from warehouse.store.staging import stage_kept
from warehouse.store.statements import statement
from warehouse.store.transactions import staged, transaction
from warehouse.store.warehouse import Warehouse


def list_quarantine(warehouse: Warehouse, table: str | None = None) -> pd.DataFrame:
    """Counts by table, rule and column, with `rows`, `partitions`, `first_partition` and `last_partition`."""
    return warehouse.connection.execute(statement("quarantine", "counts"), {"table": table}).df()


def show_quarantine(
    warehouse: Warehouse,
    table: str | None = None,
    *,
    rule: str | None = None,
    partition: str | None = None,
    ids: Sequence[int] | None = None,
    limit: int | None = None,
) -> pd.DataFrame:
    """Quarantined rows: `id, table, partition, row, file, rule, rules, column, value, remedy, row_json`.

    `rule` matches any rule that the row broke, not only the first.
    """
    values = {
        "table": table,
        "rule": rule,
        "partition": partition,
        "ids": None if ids is None else [int(number) for number in ids],
        "most": np.iinfo(np.int64).max if limit is None else limit,
    }
    return warehouse.connection.execute(statement("quarantine", "rows"), values).df()


def move_to_kept(
    warehouse: Warehouse, table: str, rows: pd.DataFrame, description: SourceDescription | None = None
) -> None:
    """Move quarantined rows that passed the gate to the kept ones, in one transaction.

    `rows` have the gate's columns (`_partition`, `_row`, the contract's, typed) and `_id`, the quarantine id
    of each row; `description` has chosen columns, to be configured in the same transaction. Raises
    InvariantBroken, with nothing moved, where an id is not in quarantine (any more).
    """
    connection = warehouse.connection
    contract = warehouse.contract(table) if description is None else description.contract(table)
    moves = pa.table(
        {
            "id": pa.array(rows["_id"], type=pa.int64()),
            "partition": pa.array(rows["_partition"], type=pa.string()),
            "row": pa.array(rows["_row"], type=pa.int64()),
            "digest": pa.array(_digests(rows), type=pa.string()),
        }
    )
    with (
        warehouse.changing_ids() as ids,
        transaction(connection),
        staged(connection, staged_moves=moves),
    ):
        if description is not None:
            configure(connection, description)
        loads = connection.execute(statement("quarantine", "staged_loads"), {"table": table}).df()
        order = {partition: position for position, partition in enumerate(loads["partition"])}
        with staged(connection, staged_loads=loads, staged=stage_kept(contract, rows, order)):
            new = insert_rows(connection, contract, ids)
            connection.execute(statement("quarantine", "delete_moved"))
            connection.execute(statement("quarantine", "update_batches"), {"table": table})
            check_stored(connection, contract)
        warehouse.check_invariant(table, list(order))
        remember_ids(connection, ids, new)


def _digests(rows: pd.DataFrame) -> list[str]:
    """A short hash of each row's values, so that the data hash of its partition tells what came in."""
    records = rows.drop(columns=["_id"]).astype(object).to_dict("records")
    return [hashlib.sha256(repr(row).encode()).hexdigest()[:16] for row in records]
