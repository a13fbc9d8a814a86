"""Where MLflow keeps a home's runs: the address of its store, and what is stored there after a move.

MLFLOW_TRACKING_URI names a team's server or database; without it the store is `<home>/mlflow/mlflow.db`.
MLflow stores absolute places of artifacts and models. After a home was moved or copied they are rewritten,
all in one transaction, before anything else is read. This module imports MLflow, which takes seconds, only
where a store is made.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from warehouse.home import sqlite_uri

TRACKING_URI, REGISTRY_URI = "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"
ARTIFACT_ROOT = "MLFLOW_DEFAULT_ARTIFACT_ROOT"
DATABASE, ARTIFACTS = "mlflow.db", "artifacts"
DATABASES = ("sqlite", "postgresql", "mysql", "mssql")  #: how addresses of databases begin
BUSY_SECONDS = 60
NEW = ".new-"  #: how the folder of a database begins that is being made

#: what MLflow stores as an absolute place: table, column
PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)

_log = logging.getLogger("hourfold.mlflow")


def team_uri() -> str | None:
    """What MLFLOW_TRACKING_URI names, a server or a database; None where it is not set."""
    return os.environ.get(TRACKING_URI) or None


def on_server() -> bool:
    """Whether runs go to a server, which keeps the artifacts too."""
    return not (team_uri() or DATABASES[0]).startswith(DATABASES)


def store_uris(folder: Path) -> tuple[str, str]:
    """Addresses of the runs and of the registered models of the home whose MLflow folder this is."""
    tracking = team_uri() or sqlite_uri(folder / DATABASE)
    return tracking, os.environ.get(REGISTRY_URI) or tracking


def artifact_root(folder: Path) -> str | None:
    """Where artifacts of a new experiment go; None where that is for the server to say."""
    if on_server():
        return None
    return (team_uri() and os.environ.get(ARTIFACT_ROOT)) or (folder / ARTIFACTS).as_uri()


def make_store(folder: Path) -> None:
    """Make the home's own database, unless it is there: whole, or not at all.

    MLflow makes its tables one by one, over seconds. A process that ends meanwhile would leave a database
    that no later one can use or complete, so it is made beside its place and moved there. One that was left
    like that, which holds nothing yet, is set aside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / DATABASE
    if database.is_file() and not _half_made(database):
        return
    with (folder / f".{DATABASE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.glob(f"{NEW}*"):
            shutil.rmtree(left)
        if database.is_file() and _half_made(database):
            aside = database.with_name(f"{DATABASE}.unfinished")
            database.replace(aside)
            _log.warning("%s was left half made and held nothing: it is now %s", database, aside.name)
        if database.exists():
            return
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        # Another place at each try: MLflow keeps connections by address, those of a failed one too.
        with tempfile.TemporaryDirectory(dir=folder, prefix=NEW) as scratch:
            fresh = Path(scratch) / DATABASE
            SqlAlchemyStore(sqlite_uri(fresh), (folder / ARTIFACTS).as_uri())._dispose_engine()
            fresh.replace(database)


def _half_made(database: Path) -> bool:
    """Whether MLflow began to make tables, and ended before there was any experiment, even the default."""
    with closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as store:
        tables = {name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return False  # an empty file, which MLflow fills
        return "experiments" not in tables or not store.execute("SELECT 1 FROM experiments").fetchone()


def re_root(folder: Path) -> dict[str, int]:
    """Rewrite what the home's own database stores of another place than this one.

    A home is recognised by its experiments, whose artifacts lie in `<home>/mlflow/artifacts`. Everything
    stored below the old home is rewritten; a model registered from elsewhere stays as it is. It is said in
    the log.

    Args:
        folder: `<home>/mlflow`.

    Returns:
        each place that the home had → how many entries were rewritten; empty where nothing had moved.
    """
    database, here = folder / DATABASE, folder.parent.as_uri()
    if not database.is_file():
        return {}
    with closing(sqlite3.connect(database, timeout=BUSY_SECONDS)) as store:
        moved = {old: 0 for old in _homes(store, folder) if old != here}
        if moved:
            with store:
                store.execute("BEGIN IMMEDIATE")
                for old in moved:
                    moved[old] = _rewrite(store, old, here)
    for old, entries in moved.items():
        _log.warning(
            "The home was at %s and is now at %s: %s places of artifacts and models rewritten in %s",
            *(old, here, entries, database),
        )
    return moved


def _homes(store: sqlite3.Connection, folder: Path) -> list[str]:
    """The homes, as URIs, in which experiments of the database keep their artifacts."""
    end = f"/{folder.name}/{ARTIFACTS}"
    try:
        rows = store.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
    except sqlite3.OperationalError:  # an empty file: MLflow has not made its tables yet
        return []
    uris = [str(uri) for (uri,) in rows if uri and str(uri).startswith("file:")]
    return sorted(uri.removesuffix(end) for uri in uris if uri.endswith(end))


def _rewrite(store: sqlite3.Connection, old: str, new: str) -> int:
    """Put `new` for `old` at the beginning of all places below `old`; returns how many there were."""
    entries = 0
    for table, column in PLACES:
        changed = store.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
            (new, len(old) + 1, len(old) + 1, f"{old}/"),
        )
        entries += changed.rowcount
    return entries
