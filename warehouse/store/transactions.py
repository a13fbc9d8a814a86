"""Transactions and staged tables whose clean-up never hides the error that made it necessary."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb
import pandas as pd
import pyarrow as pa


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Everything in the `with` block, or nothing of it.

    The first error is the one that is raised. A commit that failed (a full disk) has ended the transaction,
    so that rolling back fails as well: this stands as a note on the first error.
    """
    connection.begin()
    try:
        yield
        connection.commit()
    except BaseException as error:
        try:
            connection.rollback()
        except duckdb.Error as second:
            error.add_note(f"nothing was written; rolling back said: {second}")
        raise


@contextmanager
def staged(connection: duckdb.DuckDBPyConnection, **tables: pa.Table | pd.DataFrame) -> Iterator[None]:
    """Tables in memory under these names for as long as the `with` block lasts."""
    for name, table in tables.items():
        connection.register(name, table)
    try:
        yield
    finally:
        for name in tables:
            # A database that a full disk made unusable refuses this too, and would hide what happened.
            with suppress(duckdb.Error):
                connection.unregister(name)
