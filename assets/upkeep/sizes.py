"""How much a home weighs, by kind."""

from __future__ import annotations

from pathlib import Path

from assets.common.mlflow_store import ARTIFACTS
from assets.upkeep.trash import TRASH, weight
from warehouse.home import Home, SourceHome

LOGS = "logs: landed files"
WAREHOUSE = "logs: warehouse"  #: with scores and figures
GROWS = (LOGS, WAREHOUSE)  #: with the logs themselves, which are never removed
OTHER = "other"


def sizes(home: Home, sources: list[SourceHome]) -> dict[str, int]:
    """Bytes of each kind, the kinds of all sources together; `other` is what none of them is."""
    total = dict.fromkeys(_of_source(SourceHome(home.root / "none")), 0)
    for source in {source.root: source for source in sources}.values():
        for kind, paths in _of_source(source).items():
            total[kind] += sum(map(weight, paths))
    total["MLflow: artifacts"] = weight(home.mlflow / ARTIFACTS)
    total["MLflow: database"] = weight(home.mlflow) - total["MLflow: artifacts"]
    total["Dagster: what was made"] = sum(map(weight, (home.dagster / "history" / "runs").glob("index.db*")))
    total["Dagster: runs"] = weight(home.dagster) - total["Dagster: what was made"]
    # A file that two kinds share is in both of them, and once in the whole.
    total[OTHER] = max(weight(home.root) - sum(total.values()), 0)
    return total


def _of_source(source: SourceHome) -> dict[str, list[Path]]:
    models = source.models
    return {
        LOGS: [source.landing],
        WAREHOUSE: [source.warehouse, source.warehouse.with_name(source.warehouse.name + ".wal")],
        "instances": [source.instances],
        "daily models": [models / "daily"],
        "hourly states": [models / "hourly"],
        "long-term graphs": [models / "long_term"],
        "unfinished trainings": [models / "checkpoints"],
        "profilers": [models / "profile"],
        "heatmaps": [source.heatmaps],
        "reports": [source.reports],
        "trash": [models / TRASH],
    }
