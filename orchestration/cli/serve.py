"""`hourfold serve`: the champion answers requests over HTTP."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlparse

import typer

from orchestration.cli.console import err, out, plain_errors

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from assets.common.tracking import Tracking
    from assets.ranking.serving_champion import FollowedChampion, NamedVersion


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; there is no login.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 5002,
    alias: Annotated[str, typer.Option(help="Alias of the registry that is served.")] = "champion",
    check_seconds: Annotated[float, typer.Option(help="Seconds between looks at alias and hours.")] = 5.0,
) -> None:
    """Answer requests for scores: POST candidates to /invocations.

    /health says what answers, /metrics counts for Prometheus. The alias and the newest adapted hour are
    followed by themselves; what cannot be opened leaves what answers in place, and /health says so.

    Example:

        hourfold serve --port 5002
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: a list is too short to be shared out
    from orchestration.cli.deploying import deployed
    from orchestration.cli.ui import port_is_free
    from orchestration.settings import prepare_home

    with plain_errors(ValueError, FileNotFoundError):
        deployed()
    home = prepare_home()
    if not port_is_free(host, port):
        err.print(f"Port {port} on {host} is taken: end what listens there, or choose another with --port.")
        raise typer.Exit(1)

    from assets.common.faults import DamagedState
    from assets.common.resources import TrackingResource
    from assets.ranking.serving_champion import FollowedChampion
    from models.ranking.hour_chain import BrokenChain
    from warehouse.store.waiting import WarehouseBusy

    tracking = TrackingResource(root=str(home.root)).open()
    with plain_errors(LookupError, DamagedState, BrokenChain, FileNotFoundError, WarehouseBusy):
        champion = FollowedChampion(lambda: _named(tracking, alias), check_seconds)
    named = champion.current.named
    out.print(f"{named.name}, version {named.version}: {named.system} trained through {named.day}")
    out.print(f"http://{host}:{port}/invocations   /health   /metrics", soft_wrap=True)
    _listen(champion, host, port)


def _listen(champion: FollowedChampion, host: str, port: int) -> None:
    import torch
    import uvicorn

    from assets.ranking.serving_http import ScoringApp

    torch.set_num_threads(1)
    uvicorn.run(ScoringApp(champion), host=host, port=port, log_level="warning", access_log=False)


def _named(tracking: Tracking, alias: str) -> NamedVersion:
    """The version that an alias names, with its folder: where it stands, or a copy of what a server holds."""
    from assets.ranking.serving_champion import NamedVersion

    version = _version(tracking, alias)
    address = urlparse(version.source or "")
    local = address.scheme in ("", "file")
    folder = Path(unquote(address.path)) if local else _copy(version.source, tracking.client.tracking_uri)
    tags = version.tags
    return NamedVersion(
        version.name, str(version.version), tags.get("system", ""), tags.get("day", ""), folder
    )


@lru_cache(1)  # the registry is asked every few seconds
def _copy(source: str, server: str) -> Path:
    """A version's files, copied from a team's server."""
    from mlflow.artifacts import download_artifacts

    return Path(download_artifacts(artifact_uri=source, tracking_uri=server))


def _version(tracking: Tracking, alias: str) -> ModelVersion:
    """The version that an alias names; raises LookupError where there is none that can be served."""
    from assets.common import model_registry
    from assets.ranking.served_version import MLMODEL, is_model

    name, version = model_registry.model_name(tracking), model_registry.at_alias(tracking, alias)
    if version is None:
        raise LookupError(f"{name} has no version with the alias {alias}: run `hourfold day` first")
    if not is_model(version.source or ""):
        raise LookupError(
            f"version {version.version} of {name} has no {MLMODEL}: an earlier version of this program "
            f"registered it. Materialise `daily_ranker` of {version.tags.get('day')} again"
        )
    return version
