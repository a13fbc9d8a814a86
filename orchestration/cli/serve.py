"""`hourfold serve`: the champion answers requests over HTTP, with MLflow's scoring server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.console import err, out, plain_errors

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from assets.common.tracking import Tracking


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; there is no login.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 5002,
    alias: Annotated[str, typer.Option(help="Alias of the registry that is served.")] = "champion",
) -> None:
    """Answer requests for scores: POST candidates to /invocations; /health says whether it is up.

    The newest adapted hour is followed by itself. The version is the one that the alias names at the start:
    start the command again after the alias has moved.

    Example:

        hourfold serve --port 5002
    """
    from orchestration.cli.deploying import deployed
    from orchestration.cli.ui import port_is_free
    from orchestration.settings import prepare_home

    with plain_errors(ValueError, FileNotFoundError):
        deployed()
    home = prepare_home()

    from assets.common.mlflow_store import REGISTRY_URI, TRACKING_URI, store_uris
    from assets.common.resources import TrackingResource

    with plain_errors(LookupError):
        version = _version(TrackingResource(root=str(home.root)).open(), alias)
    if not port_is_free(host, port):
        err.print(f"Port {port} on {host} is taken: end what listens there, or choose another with --port.")
        raise typer.Exit(1)
    name, tags = version.name, version.tags
    out.print(f"{name}, version {version.version}: {tags.get('system')} trained through {tags.get('day')}")
    out.print(f"http://{host}:{port}/invocations   /health", soft_wrap=True)
    os.environ[TRACKING_URI], os.environ[REGISTRY_URI] = store_uris(home.mlflow)
    # MLflow starts `uvicorn` by name: that of this environment, also where it is not activated.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local"]
    command += ["-m", f"models:/{name}/{version.version}", "--host", host, "--port", str(port)]
    sys.stdout.flush()
    os.execv(sys.executable, command)


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
