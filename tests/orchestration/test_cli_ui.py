"""Two servers side by side: one signal ends both, and one that ends takes the other with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import orchestration.cli.ui
from orchestration.cli import app
from orchestration.cli.ui import port_is_free, run_together, runs_page, server_commands, server_settings
from tests.browser.servers import free_ports
from warehouse.home import Home

ROOT = Path(__file__).parents[2]
#: starts a child of its own, as both servers do, and writes both process ids
SERVER = (
    "import os, subprocess, sys, time; child = subprocess.Popen(['sleep', '60']);"
    "open(sys.argv[1], 'w').write(f'{os.getpid()} {child.pid}'); time.sleep(60)"
)
TOGETHER = (
    "import sys; from orchestration.cli.ui import run_together;"
    "sys.exit(run_together({n: [sys.executable, '-c', sys.argv[1], p] for n, p in zip('ab', sys.argv[2:])}))"
)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_both_servers_and_their_children(tmp_path, signum):
    files = [tmp_path / "a", tmp_path / "b"]
    both = subprocess.Popen([sys.executable, "-c", TOGETHER, SERVER, *map(str, files)], cwd=ROOT)
    deadline = time.monotonic() + 30
    while not all(file.exists() and len(file.read_text().split()) == 2 for file in files):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    started = [int(pid) for file in files for pid in file.read_text().split()]
    assert all(alive(pid) for pid in started)
    both.send_signal(signum)
    assert both.wait(30) == 0
    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in started) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in started if alive(pid)]


def test_a_server_that_ends_takes_the_other_with_it(tmp_path):
    started = time.monotonic()
    code = run_together(
        {
            "good": [sys.executable, "-c", SERVER, str(tmp_path / "good")],
            "bad": [sys.executable, "-c", "import sys; sys.exit(3)"],
        }
    )
    assert code == 3 and time.monotonic() - started < 30


def test_a_taken_port_is_said_at_once():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not port_is_free("127.0.0.1", port)
        told = CliRunner().invoke(app, ["ui", "--dagster-port", str(port)])
    assert told.exit_code == 1 and f"Port {port}" in told.output
    assert port_is_free("127.0.0.1", port)


def test_the_runs_page_is_the_one_of_the_trackers_experiment(tmp_path, monkeypatch):
    from assets.common.tracking import Tracking

    monkeypatch.setenv("HOURFOLD_HOME", str(tmp_path))
    assert runs_page() == ""
    experiment = Tracking(tmp_path / "mlflow", "simulator", True).experiment
    page = runs_page()
    assert page.startswith(f"/#/experiments/{experiment}/runs?") and "compareRunsMode=CHART" in page
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///team.db")
    assert runs_page() == "", "the home's experiments say nothing about a team's"


@pytest.fixture
def variables(monkeypatch):
    """What the command sets, put back afterwards."""
    before = dict(os.environ)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield monkeypatch
    os.environ.clear()
    os.environ.update(before)


def test_both_servers_read_the_state_of_this_home(variables):
    variables.setenv("PYTHONWARNINGS", "ignore:mine")
    home = Path(os.environ["HOURFOLD_HOME"]).resolve()
    commands = server_commands("127.0.0.1", 3001, 5001, 3002)
    assert list(commands) == ["Dagster", "Reports", "MLflow"] and "5001" in commands["MLflow"]
    assert str(ROOT / "workspace.yaml") in commands["Dagster"]
    assert os.environ["DAGSTER_HOME"] == str(home / "dagster")
    assert (home / "dagster" / "dagster.yaml").exists()
    assert os.environ["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{home / 'mlflow' / 'mlflow.db'}"
    assert os.environ["MLFLOW_DEFAULT_ARTIFACT_ROOT"] == (home / "mlflow" / "artifacts").as_uri()
    assert os.environ["PYTHONWARNINGS"].startswith("ignore:mine,ignore:")
    assert os.environ["HOURFOLD_MLFLOW_URL"] == "http://127.0.0.1:5001"
    assert os.environ["HOURFOLD_DAGSTER_URL"] == "http://127.0.0.1:3001"
    assert os.environ["HOURFOLD_REPORTS_URL"] == "http://127.0.0.1:3002"


def test_every_setting_of_server_env_reaches_the_server():
    written = (ROOT / "mlflow" / "server.env").read_text()
    names = {line.partition("=")[0] for line in written.splitlines() if not line.startswith("#")}
    settings = server_settings(Home(Path("/a home%2F")))
    assert names == set(settings) and not [value for value in settings.values() if "${" in value]
    assert settings["MLFLOW_BACKEND_STORE_URI"].endswith("/a%20home%252F/mlflow/mlflow.db")
    assert settings["MLFLOW_UVICORN_OPTS"] == "--log-level warning"


def test_a_teams_database_is_shown(variables):
    variables.setenv("MLFLOW_TRACKING_URI", "postgresql://me:p#ss@db/mlflow")
    assert "MLflow" in server_commands("127.0.0.1", 3000, 5000, 3001)
    assert os.environ["MLFLOW_BACKEND_STORE_URI"] == "postgresql://me:p#ss@db/mlflow"


def test_a_teams_server_is_named_and_none_is_started(variables, monkeypatch):
    started = []
    monkeypatch.setattr(orchestration.cli.ui, "run_together", lambda commands: started.extend(commands) or 0)
    variables.setenv("MLFLOW_TRACKING_URI", "https://me:secret@mlflow.example")
    port, reports = map(str, free_ports(2))
    options = ["--dagster-port", port, "--mlflow-port", port, "--reports-port", reports]
    said = CliRunner().invoke(app, ["ui", *options])
    assert said.exit_code == 0 and started == ["Dagster", "Reports"]
    assert "https://mlflow.example" in said.output and "secret" not in said.output
