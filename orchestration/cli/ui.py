"""`hourfold ui`: the pages of Dagster, MLflow and the reports side by side; one Ctrl-C ends all."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from importlib import resources
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from dotenv import dotenv_values

from assets.common.links import DAGSTER_URL, MLFLOW_URL, REPORTS_URL, team_server
from assets.common.mlflow_store import DATABASE, artifact_root, store_uris, team_uri
from orchestration.cli.console import err, out
from warehouse.home import Home

INTERRUPT_SECONDS, TERMINATE_SECONDS = 2.5, 1.0  #: what a server has for its end after each signal
IGNORED = "PYTHONWARNINGS"
EXPERIMENT = "ranking"  #: as assets/common/tracking.py names it
#: MLflow 3 opens in its view for language models; this is the one for runs with curves
CHARTS = "workflowType=machine_learning&compareRunsMode=CHART"


def ui(
    dagster_port: Annotated[int, typer.Option(help="Port of the Dagster pages.")] = 3000,
    mlflow_port: Annotated[int, typer.Option(help="Port of the MLflow pages.")] = 5000,
    reports_port: Annotated[int, typer.Option(help="Port of Data Docs and audiences.")] = 3001,
    host: Annotated[str, typer.Option(help="Address to listen on; the pages have no login.")] = "127.0.0.1",
) -> None:
    """Open Dagster (assets, runs, schedules) and MLflow (AUC by hour, models) side by side.

    One Ctrl-C ends both. Where MLFLOW_TRACKING_URI names a team's server, that one has the runs, and Dagster
    alone is opened.

    Example:

        hourfold ui --dagster-port 3002
    """
    team = team_server()
    ports = {"--dagster-port": dagster_port, "--reports-port": reports_port}
    ports |= {"--mlflow-port": mlflow_port} if team is None else {}
    for option, port in ports.items():
        if not port_is_free(host, port):
            err.print(
                f"Port {port} on {host} is taken: end what listens there, or choose another with {option}."
            )
            raise typer.Exit(1)
    commands = server_commands(host, dagster_port, mlflow_port, reports_port)
    out.print(f"Dagster  {os.environ[DAGSTER_URL]}   assets, runs, schedules, checks")
    if team is not None:
        out.print(f"MLflow   {team}   as MLFLOW_TRACKING_URI says; none is started here")
    else:
        out.print(f"MLflow   {os.environ[MLFLOW_URL]}{runs_page()}", soft_wrap=True)
        out.print("         AUC by hour, settings, models")
    out.print("They need some seconds to start. Ctrl-C ends what was started.")
    raise typer.Exit(run_together(commands))


def server_commands(
    host: str, dagster_port: int, mlflow_port: int, reports_port: int
) -> dict[str, list[str]]:
    """The command line of each server, run with this interpreter, never with another environment's.

    Their variables are set in this process, which they inherit: the home, and mlflow/server.env. A team's
    server is not started.
    """
    from orchestration.settings import prepare_home

    home = prepare_home()
    ignored = os.environ.get(IGNORED)
    os.environ |= server_settings(home)
    if ignored is not None:
        os.environ[IGNORED] = f"{ignored},{os.environ[IGNORED]}"
    os.environ[DAGSTER_URL] = f"http://{host}:{dagster_port}"
    os.environ[REPORTS_URL] = f"http://{host}:{reports_port}"
    workspace = Path(__file__).parents[2] / "workspace.yaml"
    target = ["-w", str(workspace)] if workspace.exists() else ["-m", "orchestration.definitions"]
    commands = {
        "Dagster": [
            *(sys.executable, "-m", "dagster", "dev", *target),
            *("--host", host, "--port", str(dagster_port)),
        ],
        "Reports": [
            *(sys.executable, "-m", "orchestration.report_pages"),
            *(str(home.root / "sources"), host, str(reports_port)),
        ],
    }
    if team_server() is not None:
        return commands
    os.environ[MLFLOW_URL] = f"http://{host}:{mlflow_port}"
    commands["MLflow"] = [
        *(sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(mlflow_port))
    ]
    return commands


def server_settings(home: Home) -> dict[str, str]:
    """What mlflow/server.env sets, filled in for a home."""
    text = (resources.files("orchestration") / "server.env").read_text()
    places = {"${STORE}": store_uris(home.mlflow)[0], "${ARTIFACTS}": artifact_root(home.mlflow) or ""}
    settings = dotenv_values(stream=StringIO(text), interpolate=False)
    return {name: places.get(value or "", value or "") for name, value in settings.items()}


def runs_page() -> str:
    """Path of the ranking's runs as curves by hour, laid over each other; empty before the first run.

    Read from the home's database, because importing the library takes seconds.
    """
    database = Home.current().mlflow / DATABASE
    if not database.exists() or team_uri() is not None:
        return ""
    with closing(sqlite3.connect(database)) as store:
        query = "SELECT experiment_id FROM experiments WHERE name = ?"
        with suppress(sqlite3.OperationalError):  # no tables yet
            row = store.execute(query, [EXPERIMENT]).fetchone()
            return f"/#/experiments/{row[0]}/runs?{CHARTS}" if row else ""
    return ""


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
                    err.print(f"{name} ended by itself with exit code {server.returncode}; ending the rest.")
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
    """Interrupt every server, then end what is left of its group, politely at first.

    Dagster's processes say within a second that they are shut down, and then take ten more to leave. A run
    that is under way is marked as failed by the second signal.
    """
    for server in servers:
        if server.poll() is None:
            server.send_signal(signal.SIGINT)
    _wait(servers, INTERRUPT_SECONDS)
    for signum in (signal.SIGTERM, signal.SIGKILL):
        for server in servers:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signum)
        _wait(servers, TERMINATE_SECONDS)


def _wait(servers: list[subprocess.Popen[bytes]], seconds: float) -> None:
    """Wait until all have ended, or the time is over."""
    deadline = time.monotonic() + seconds
    for server in servers:
        with suppress(subprocess.TimeoutExpired):
            server.wait(max(0.0, deadline - time.monotonic()))
