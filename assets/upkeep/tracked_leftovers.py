"""Rows that MLflow leaves in the home's own store when a run or a version of a model is gone for good.

Of a run that is deleted for good MLflow keeps which data it was logged with, and those data's names; of a
deleted version of a model its tags. Nobody can reach them, and a home that makes runs every hour would gather
them for ever. A team's store is whoever's it is, and not touched.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from assets.common.mlflow_store import BUSY_SECONDS, DATABASE, team_uri

_GONE = (
    "source_type = 'DATASET' AND destination_type = 'RUN' "
    "AND destination_id NOT IN (SELECT run_uuid FROM runs)"
)
#: The data of such runs come first: a name that no run ever used may be somebody's.
_DELETIONS = (
    f"DELETE FROM datasets WHERE dataset_uuid IN (SELECT source_id FROM inputs WHERE {_GONE})"
    f" AND dataset_uuid NOT IN"
    f" (SELECT source_id FROM inputs WHERE source_type = 'DATASET' AND NOT ({_GONE}))",
    f"DELETE FROM input_tags WHERE input_uuid IN (SELECT input_uuid FROM inputs WHERE {_GONE})",
    f"DELETE FROM inputs WHERE {_GONE}",
    "DELETE FROM model_version_tags WHERE (name, version) IN"
    " (SELECT name, version FROM model_versions WHERE current_stage = 'Deleted_Internal')",
)


def sweep(folder: Path) -> int:
    """Remove such rows from the store in a home's MLflow folder, all or none; returns how many.

    Raises:
        sqlite3.OperationalError: others wrote to it for a minute on end.
    """
    database = folder / DATABASE
    if team_uri() is not None or not database.exists():
        return 0
    with closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as connection, connection:
        return sum(connection.execute(deletion).rowcount for deletion in _DELETIONS)
