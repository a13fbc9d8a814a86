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
LAUNCH = """mutation { launchRun(executionParams: {runConfigData: {}, selector: {jobName: "upkeep_job",
    repositoryLocationName: "hourfold", repositoryName: "__repository__"}})
    { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
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

        answer = team.post("web", "/graphql", {"query": LAUNCH})["data"]["launchRun"]
        query = f"SELECT status FROM runs WHERE run_id = '{answer['run']['runId']}'"
        wait_for(lambda: team.postgres.ask("dagster", query)[0][0] in ("SUCCESS", "FAILURE"))
        assert team.postgres.ask("dagster", query) == [("SUCCESS",)], (
            "the daemon starts what the pages ask for"
        )

        stack.enter_context(team.up("serve", "/health"))
        rows = [{"user_id": "nobody", "item_id": "nothing"}, {"user_id": "nobody", "item_id": "else"}]
        scores = team.post("serve", "/invocations", {"dataframe_records": rows})["predictions"]
        assert len(scores) == 2


def test_postgres_changes_the_storages_of_dagster_alone():
    own = yaml.safe_load((ROOT / "orchestration" / "dagster.yaml").read_text())
    of_team = yaml.safe_load((DEPLOY / "dagster.postgres.yaml").read_text())
    differ = {name for name in own.keys() | of_team.keys() if own.get(name) != of_team.get(name)}
    assert differ == {"run_storage", "event_log_storage", "schedule_storage"}
    address = {"env": "DAGSTER_POSTGRES_URL"}
    assert all(of_team[name]["config"]["postgres_url"] == address for name in differ)


def test_a_new_home_gets_the_settings_of_a_team_and_an_old_one_keeps_its_own(tmp_path):
    def enter():
        command = ["sh", str(DEPLOY / "entry.sh"), "echo", "two  words"]
        environment = {**os.environ, "HOURFOLD_HOME": str(tmp_path)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    settings = tmp_path / "dagster" / "dagster.yaml"
    assert enter() == "two  words\n"
    assert settings.read_text() == (DEPLOY / "dagster.postgres.yaml").read_text()
    settings.write_text("telemetry:\n  enabled: false\n")
    enter()
    assert settings.read_text() == "telemetry:\n  enabled: false\n"
    assert [path.name for path in settings.parent.iterdir()] == ["dagster.yaml"]


def test_every_port_is_open_to_this_machine_alone_and_every_file_that_is_named_exists():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert {"postgres", "mlflow", "web", "daemon", "serve"} == services.keys()
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 3 and all(port.startswith("127.0.0.1:") for port in ports)
    assert (DEPLOY / services["web"]["build"]["context"]).resolve() == ROOT
    assert (ROOT / services["web"]["build"]["dockerfile"]).is_file()
    assert (DEPLOY / "databases.sql").is_file()
