"""Trained models as versions of one registered model a source and purpose, with aliases.

Rankers have the aliases `challenger` and `champion`, profilers one a system that points at its newest. A
version points at the folder that the asset wrote; it is copied to a team's server alone. mlflow/serving.md
says what it takes to serve one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from assets.common.mlflow_store import on_server
from assets.common.tracking import EXPERIMENT, PROFILING, Tracking

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

CHAMPION, CHALLENGER = "champion", "challenger"
KEY = "hourfold.key"
COPY = "model"  #: the artifacts' folder of a run on a server

_WHAT = {
    EXPERIMENT: "Daily rankers; `champion` is what to serve, `challenger` what was tried last.",
    PROFILING: "Profilers by as-of date; the alias of a system points at its newest one.",
}


def model_name(tracking: Tracking) -> str:
    """`ranking-<source>` or `profiling-<source>`; a simulated source is named so."""
    return f"{tracking.purpose}-{tracking.label}"


def register(
    tracking: Tracking,
    system: str,
    day: str,
    folder: Path,
    run_id: str,
    state_hash: str,
    tags: Mapping[str, str],
) -> str:
    """The number of the version of `(system, day, state)`, which is made if there is none.

    It points at `folder`; on a team's server, which knows no folder of this machine, at a copy among the
    run's artifacts.
    """
    name = model_name(tracking)
    _ensure(tracking, name)
    registered = version_of(tracking, system, day, state_hash)
    if registered is not None:
        return registered
    source = folder.as_uri()
    if on_server():
        tracking.client.log_artifacts(run_id, str(folder), COPY)
        source = f"runs:/{run_id}/{COPY}"
    simulated = " Trained on simulated logs." if tracking.simulated else ""
    version = tracking.client.create_model_version(
        name,
        source=source,
        run_id=run_id,
        tags={
            KEY: _key(system, day, state_hash),
            "system": system,
            "day": day,
            "state_hash": state_hash,
            **tags,
        },
        description=f"{system}, trained on everything received through {day}.{simulated}",
    )
    return str(version.version)


def at_alias(tracking: Tracking, alias: str) -> ModelVersion | None:
    """The version an alias points at, or None."""
    from mlflow.exceptions import MlflowException

    try:
        return tracking.client.get_model_version_by_alias(model_name(tracking), alias)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def point(tracking: Tracking, alias: str, version: str, tags: Mapping[str, str]) -> None:
    """Move an alias to a version, and write on the version why."""
    name = model_name(tracking)
    for tag, value in tags.items():
        tracking.client.set_model_version_tag(name, version, tag, value)
    tracking.client.set_registered_model_alias(name, alias, version)


def version_of(tracking: Tracking, system: str, day: str, state_hash: str) -> str | None:
    """The number of a registered version, or None."""
    query = f"name='{model_name(tracking)}' and tags.`{KEY}`='{_key(system, day, state_hash)}'"
    versions = tracking.client.search_model_versions(query, max_results=1)
    return str(versions[0].version) if versions else None


def _key(system: str, day: str, state_hash: str) -> str:
    return f"{system}/{day}/{state_hash}"


def _ensure(tracking: Tracking, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        tracking.client.create_registered_model(
            name,
            tags={"source": tracking.source, "simulated": str(tracking.simulated).lower()},
            description=_WHAT[tracking.purpose],
        )
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def aliased(tracking: Tracking) -> list[tuple[str, ModelVersion]]:
    """Every alias of every registered model of the store, with the version it points at.

    A registry that does not answer raises: silence would read as though nothing was needed.
    """
    pairs = []
    token: str | None = None
    while True:
        page = tracking.client.search_registered_models(max_results=100, page_token=token)
        for model in page:
            # Only a model that is asked for by name comes with its aliases.
            for alias, version in tracking.client.get_registered_model(model.name).aliases.items():
                pairs.append((alias, tracking.client.get_model_version(model.name, str(version))))
        token = page.token
        if not token:
            return pairs


def strike(tracking: Tracking, system: str, day: str) -> int:
    """Take the versions of `(system, day)` off the registry, but for those with an alias; how many."""
    name = model_name(tracking)
    versions = tracking.client.search_model_versions(f"name='{name}' and tags.day='{day}'", max_results=1000)
    struck = 0
    for version in versions:
        whole = tracking.client.get_model_version(name, version.version)
        if version.tags.get("system") == system and not whole.aliases:
            tracking.client.delete_model_version(name, version.version)
            struck += 1
    return struck
