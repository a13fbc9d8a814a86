"""`hourfold ui`: the pages of Dagster and MLflow side by side; one Ctrl-C ends both."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from orchestration.cli.console import err, out

GRACE_SECONDS = 15
EXPERIMENT = "ranking"  #: as assets/common/tracking.py names it


def ui(
    dagster_port: Annotated[int, typer.Option(help="Port of the Dagster pages.")] = 3000,
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow pages.")] = 5000,
    host: Annotated[str, typer.Option(help="Address to listen on; the pages have no login.")] = "127.0.0.1",
) -> None:
    """Open Dagster (assets, runs, schedules) and MLflow (AUC by hour, models) side by side.

    One Ctrl-C ends both.

    Example:

        hourfold ui --dagster-port 3001
    """
    for option, port in (("--dagster-port", dagster_port), ("--mlflow-port", mlflow_port)):
        if not port_is_free(host, port):
            err.print(
                f"Port {port} on {host} is taken: end what listens there, or choose another with {option}."
            )
            raise typer.Exit(1)
    commands = server_commands(host, dagster_port, mlflow_port)
    out.print(f"Dagster  http://{host}:{dagster_port}   assets, runs, schedules, checks")
    out.print(f"MLflow   http://{host}:{mlflow_port}{runs_page()}   AUC by hour, settings, models")
    out.print("Both need some seconds to start. Ctrl-C ends both.")
    raise typer.Exit(run_together(commands))


def server_commands(host: str, dagster_port: int, mlflow_port: int) -> dict[str, list[str]]:
    """The command line of each server, run with this interpreter, never with another environment's."""
    from orchestration.settings import prepare_home

    home = prepare_home()
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # queues for language models, not for this
    workspace = Path(__file__).parents[2] / "workspace.yaml"
    target = ["-w", str(workspace)] if workspace.exists() else ["-m", "orchestration.definitions"]
    return {
        "Dagster": [
            *(sys.executable, "-m", "dagster", "dev", *target),
            *("--host", host, "--port", str(dagster_port)),
        ],
        "MLflow": [
            *(sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(mlflow_port)),
            *("--backend-store-uri", f"sqlite:///{home.mlflow / 'mlflow.db'}"),
            *("--default-artifact-root", (home.mlflow / "artifacts").as_uri(), "--workers", "1"),
            *("--uvicorn-opts", "--log-level warning"),
        ],
    }


def runs_page() -> str:
    """Path of the ranking's runs, for MLflow opens elsewhere; empty before the first run.

    Read from its database, because importing the library takes seconds.
    """
    from warehouse.home import Home

    database = Home.current().mlflow / "mlflow.db"
    if not database.exists():
        return ""
    with closing(sqlite3.connect(database)) as store:
        query = "SELECT experiment_id FROM experiments WHERE name = ?"
        row = store.execute(query, [EXPERIMENT]).fetchone()
    return f"/#/experiments/{row[0]}/runs" if row else ""


def run_together(commands: dict[str, list[str]]) -> int:
    """Run all commands until one ends or a signal comes, then end the others. Returns the exit code to use.

    Each server has a process group of its own: both start children, and a group ends as a whole.
    """
    # SIGINT too: a shell ignores it for what it runs in the background, and the servers would inherit that.
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, _as_interrupt)
    servers: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            servers[name] = subprocess.Popen(command, start_new_session=True)
        while True:
            for name, server in servers.items():
                if server.poll() is not None:
                    err.print(f"{name} ended by itself with exit code {server.returncode}; ending the other.")
                    return server.returncode or 1
            time.sleep(0.2)
    except KeyboardInterrupt:
        return 0
    finally:
        _end(list(servers.values()))


def port_is_free(host: str, port: int) -> bool:
    """Whether nothing listens on the port yet."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _as_interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _end(servers: list[subprocess.Popen[bytes]]) -> None:
    """Interrupt every server, let it end its own children, then kill what is left of its group."""
    for server in servers:
        if server.poll() is None:
            server.send_signal(signal.SIGINT)
    deadline = time.monotonic() + GRACE_SECONDS
    for server in servers:
        try:
            server.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            err.print("A server did not end in time; killing it.")
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()
