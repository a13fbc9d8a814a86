"""Links between a run of Dagster and its runs of MLflow, both ways.

`hourfold ui` tells its servers each other's address in two variables; else the usual ones stand: of MLflow
those of MLFLOW_TRACKING_URI.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from assets.common.mlflow_store import on_server, team_uri

if TYPE_CHECKING:
    import dagster as dg

MLFLOW_URL, DAGSTER_URL = "HOURFOLD_MLFLOW_URL", "HOURFOLD_DAGSTER_URL"
REPORTS_URL, LOCAL_REPORTS = "HOURFOLD_REPORTS_URL", "http://127.0.0.1:3001"
LOCAL_MLFLOW, LOCAL_DAGSTER = "http://127.0.0.1:5000", "http://127.0.0.1:3000"


def team_server() -> str | None:
    """The server that MLFLOW_TRACKING_URI names, as a page's address; None for a database or the home."""
    team = team_uri()
    if team is None or not on_server():
        return None
    parts = urlsplit(team)  # a name and password in it are for the client, not for a page
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))


def mlflow_server() -> str | None:
    """Address of the MLflow pages, where it is known: as named for browsers, or the team's server."""
    return os.environ.get(MLFLOW_URL) or team_server()


def mlflow_link(url: str) -> dg.MetadataValue:
    """What an asset's page shows of a run of MLflow, whose page is `url`; or how to open one."""
    import dagster as dg

    if mlflow_server() is not None:
        return dg.MetadataValue.url(url)
    run_id = url.rpartition("/")[2]
    return dg.MetadataValue.md(f"[{run_id}]({url}), while `hourfold ui` or `mlflow ui` is open")


def mlflow_links(urls: Mapping[str, str]) -> dict[str, dg.MetadataValue]:
    """The links to all runs that a tracker has recorded, by `Tracking.urls`, as an asset's metadata."""
    return {name: mlflow_link(url) for name, url in urls.items()}


def report_link(page: Path) -> dg.MetadataValue:
    """What an asset's page shows of a page of `<home>/sources/<source>/reports`: a link, and the file."""
    import dagster as dg

    reports = next(folder for folder in page.parents if folder.name == "reports")
    base = os.environ.get(REPORTS_URL) or LOCAL_REPORTS
    url = f"{base}/{quote(page.relative_to(reports.parent.parent).as_posix())}"
    return dg.MetadataValue.md(f"[open]({url}) while `hourfold ui` runs; the file is `{page}`")


def dagster_run() -> str | None:
    """Id of the Dagster run that this code works for; None outside of one."""
    if "dagster" not in sys.modules:
        return None
    import dagster as dg

    try:
        return dg.AssetExecutionContext.get().run_id
    except (dg.DagsterInvariantViolationError, AttributeError):
        return None


def dagster_tags() -> dict[str, str]:
    """Tags of a run of MLflow that lead to the Dagster run which writes it; empty outside of one."""
    run_id = dagster_run()
    if run_id is None:
        return {}
    pages = os.environ.get(DAGSTER_URL) or LOCAL_DAGSTER
    return {
        "dagster.run_id": run_id,
        "mlflow.note.content": f"Written by the Dagster run [{run_id}]({pages}/runs/{run_id}).",
    }
