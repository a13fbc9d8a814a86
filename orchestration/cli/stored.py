"""Which warehouse, landing folder and reports a command means: those of this home, or of another source."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from warehouse.home import SourceHome


def folders_of(source: str | None) -> tuple[SourceHome, Path]:
    """The folders of the source (default: the one of this home), and its landing folder.

    Raises FileNotFoundError where it has no warehouse yet.
    """
    from warehouse.home import Deployment, Home

    home = Home.current()
    deployment = Deployment.load(home)
    if source is not None and source != deployment.source:
        deployment = Deployment(source=source)
    paths = deployment.paths(home)
    if not paths.warehouse.exists():
        raise FileNotFoundError(
            f"{paths.warehouse} is not there: ingest the source {deployment.source} first, or name another "
            "with --source"
        )
    return paths, deployment.landing_folder(home)


def warehouse_of(source: str | None) -> Path:
    """The warehouse's file of the source; FileNotFoundError where it has none yet."""
    return folders_of(source)[0].warehouse


def reading_errors() -> tuple[type[Exception], ...]:
    """What may keep a command from the warehouse: none yet, held by somebody, of another version, broken."""
    import duckdb

    from warehouse.store.connection import OtherSchema
    from warehouse.store.waiting import WarehouseBusy

    return FileNotFoundError, ValueError, OtherSchema, WarehouseBusy, duckdb.Error
