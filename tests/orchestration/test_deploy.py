"""The services of `compose.yaml` as processes: its own commands and variables, on a real Postgres."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from tests.browser.servers import START_SECONDS, answered, free_ports

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "orchestration" / "deploy"
SERVERS = {"mlflow": 5000, "web": 3000, "serve": 5002}
SYSTEM = "deepfm_external"


class Team:
    """The compose file, with this machine's addresses for the names of containers."""

    def __init__(self, folder, postgres):
        self.folder, self.postgres = folder, postgres
        self.ports = dict(zip(SERVERS, free_ports(len(SERVERS)), strict=True))
        here = {
            "${POSTGRES_PASSWORD:?name one}": postgres.password,
            "postgres:5432": f"127.0.0.1:{postgres.port}",
            "http://mlflow:5000": f"http://127.0.0.1:{self.ports['mlflow']}",
            "/artifacts": str(folder / "artifacts"),
            "/data": str(folder / "home"),
            "--host 0.0.0.0": "--host 127.0.0.1",
            **{f"--port {port}": f"--port {self.ports[name]}" for name, port in SERVERS.items()},
        }
        text = (DEPLOY / "compose.yaml").read_text()
        for written, instead in here.items():
            assert written in text, f"compose.yaml has no {written} any more"
            text = text.replace(written, instead)
        self.services = yaml.safe_load(text)["services"]

    def environment(self, service):
        folder = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        named = {
            name: value for name, value in self.services[service]["environment"].items() if "${" not in value
        }
        return {**os.environ, "PATH": folder, "PYTHONPATH": str(ROOT), **named}

    def start(self, service, command=None):
        words = shlex.split(command or self.services[service]["command"])
        if service != "mlflow":
            words = ["sh", str(DEPLOY / "entry.sh"), *words]
        log = (self.folder / f"{service}.log").open("a")
        return subprocess.Popen(
            words, cwd=ROOT, env=self.environment(service), stdout=log, stderr=log, start_new_session=True
        )

    @contextmanager
    def up(self, service, page=""):
        process = self.start(service)
        try:
            if page:
                answered(f"http://127.0.0.1:{self.ports[service]}{page}", process)
            yield process
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def run(self, command):
        process = self.start("daemon", command)
        assert process.wait(600) == 0, (self.folder / "daemon.log").read_text()[-4000:]

    def post(self, service, path, body):
        url = f"http://127.0.0.1:{self.ports[service]}{path}"
        asked = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)


def healthy(answer):
    """Whether every daemon that is needed has told Postgres lately that it lives."""
    statuses = answer["data"]["instance"]["daemonHealth"]["allDaemonStatuses"]
    return len(statuses) > 3 and all(status["healthy"] for status in statuses if status["required"])


def wait_for(condition):
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.fixture(scope="module")
def team(tmp_path_factory, postgres):
    postgres.ask("postgres", "CREATE DATABASE dagster")
    for statement in (DEPLOY / "databases.sql").read_text().split(";"):
        if "CREATE" in statement:
            postgres.ask("postgres", statement)
    return Team(tmp_path_factory.mktemp("team"), postgres)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_team_works_on_postgres(team):
    with ExitStack() as stack:
        stack.enter_context(team.up("mlflow", "/health"))
        team.run(f"hourfold demo --tiny --systems {SYSTEM}")
        runs = dict(team.postgres.ask("dagster", "SELECT status, count(*) FROM runs GROUP BY status"))
        assert runs.get("SUCCESS", 0) > 5 and set(runs) == {"SUCCESS"}
        ((events,),) = team.postgres.ask("dagster", "SELECT count(*) FROM event_logs")
        assert events > 100
        ((figures,),) = team.postgres.ask("mlflow", "SELECT count(*) FROM metrics WHERE key = 'auc'")
        assert figures > 0
        aliases = team.postgres.ask("mlflow", "SELECT alias FROM registered_model_aliases")
        assert ("champion",) in aliases
        stored = [p.name for p in (team.folder / "home").rglob("*.db") if p.suffix == ".db"]
        assert not stored, "a SQLite file in a home whose records are in Postgres"

        stack.enter_context(team.up("web", "/server_info"))
        asset = "key { path } assetMaterializations(limit: 1) { runId }"
        query = f"{{ assetsOrError {{ ... on AssetConnection {{ nodes {{ {asset} }} }} }} }}"
        nodes = team.post("web", "/graphql", {"query": query})["data"]["assetsOrError"]["nodes"]
        made = {node["key"]["path"][0] for node in nodes if node["assetMaterializations"]}
        assert {"exposures", "daily_ranker", "hourly_auc", "promotion"} <= made

        stack.enter_context(team.up("daemon"))
        daemons = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
        wait_for(lambda: healthy(team.post("web", "/graphql", {"query": daemons})))

        stack.enter_context(team.up("serve", "/health"))
        rows = [{"user_id": "nobody", "item_id": "nothing"}, {"user_id": "nobody", "item_id": "else"}]
        scores = team.post("serve", "/invocations", {"dataframe_records": rows})["predictions"]
        assert len(scores) == 2
