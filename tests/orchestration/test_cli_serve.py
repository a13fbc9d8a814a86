"""`hourfold serve`: a real server answers the champion's scores, and says what is wrong with a request."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.common import model_registry
from assets.ranking.served_version import MLMODEL
from assets.ranking.serving import ServedRanker
from assets.ranking.states import States
from orchestration.cli import app
from tests import deployed as tiny
from tests.browser.servers import free_ports

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@pytest.fixture
def champion(tmp_path_factory, tmp_path):
    """A home whose champion is the first system's model of the first day; the folder of that."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    ready = tiny.deployed(shared, tmp_path / "home")
    system, tracking, states = tiny.systems()[0], ready.tracking.open(), States(ready.models)
    folder = states.daily(system, tiny.BASE)
    state_hash = states.finished(folder).state_hash
    version = model_registry.version_of(tracking, system, tiny.BASE, state_hash)
    model_registry.point(tracking, model_registry.CHAMPION, version, {})
    return folder


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_champion_answers_over_http(champion, tmp_path):
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "orchestration.cli", "serve", "--port", str(port)]
    with (tmp_path / "said").open("w") as said:
        server = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=said, stderr=said, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                assert ask(f"{url}/health")[0] == 200
                break
            except urllib.error.URLError:
                assert server.poll() is None and time.monotonic() < deadline, (tmp_path / "said").read_text()
                time.sleep(0.2)
        rows = [
            {"user_id": user, "item_id": item, "shown_at": f"{tiny.DAY}T00:10:00Z", "request_id": "r"}
            for user, item in (("100383", "n0000447"), ("nobody", "nothing"))
        ]
        status, text = ask(f"{url}/invocations", {"dataframe_records": rows})
        assert status == 200, text
        scores = [row["score"] for row in json.loads(text)["predictions"]]
        import pandas as pd

        assert scores == pytest.approx(ServedRanker(champion).score(pd.DataFrame(rows)).tolist(), abs=1e-9)
        status, text = ask(f"{url}/invocations", {"dataframe_records": [rows[0] | {"shown_at": "soon"}]})
        assert status == 400 and "'soon' is no instant" in text
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def test_without_a_champion_or_its_model_file_it_says_what_to_do(champion):
    answer = CliRunner().invoke(app, ["serve", "--alias", "nobody"])
    assert answer.exit_code == 1 and "no version with the alias nobody" in answer.output
    (champion / MLMODEL).unlink()
    answer = CliRunner().invoke(app, ["serve"])
    assert answer.exit_code == 1 and f"Materialise `daily_ranker` of {tiny.BASE} again" in answer.output
