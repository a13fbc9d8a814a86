"""The home made ready: folders, Dagster's instance settings and the variables that its processes read."""

from __future__ import annotations

import os
from importlib import resources

from warehouse.home import Home


def prepare_home(home: Home | None = None) -> Home:
    """Create what Dagster and MLflow need under `home` (default: this process's), and point there.

    An existing `dagster.yaml` is kept, so that it can be edited. Child processes (`dagster dev`, `mlflow
    server`) inherit HOURFOLD_HOME and DAGSTER_HOME and therefore show the same state.
    """
    home = home or Home.current()
    home.dagster.mkdir(parents=True, exist_ok=True)
    (home.mlflow / "artifacts").mkdir(parents=True, exist_ok=True)
    settings = home.dagster / "dagster.yaml"
    if not settings.exists():
        settings.write_text((resources.files("orchestration") / "dagster.yaml").read_text())
    os.environ["HOURFOLD_HOME"] = str(home.root)
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    return home
