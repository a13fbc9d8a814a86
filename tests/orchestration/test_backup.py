"""A backup, made and restored by the commands of docs/backup.md, scores as the home that it is of."""

import os
import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from assets.ranking.states import States
from orchestration.settings import prepare_home
from tests import deployed as tiny
from warehouse.home import Home
from warehouse.store.warehouse import Warehouse

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "backup.md").read_text()
RANK = """
import sys
from orchestration.jobs import RANKING
from orchestration.session import Session
from warehouse.home import Deployment, Home

home = Home.current()
with Session(Deployment.load(home), home) as session:
    session.run(RANKING, sys.argv[1])
"""


def environment(home):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "HOURFOLD_HOME": str(home), "PYTHONPATH": str(ROOT), "PATH": path, "COLUMNS": "200"}


def rank(home, hour):
    subprocess.run([sys.executable, "-c", RANK, hour], env=environment(home), cwd=home, check=True)


def commands(heading):
    """What the page says to type below a heading."""
    part = re.split(r"^## ", PAGE.split(f"## {heading}\n", 1)[1], flags=re.MULTILINE)[0]
    return "set -e\n" + "\n".join(re.findall(r"```sh\n(.*?)```", part, re.DOTALL))


def type_in(text, folder, home):
    done = subprocess.run(
        ["bash", "-c", text], cwd=folder, env=environment(home), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def outcome(home, hour):
    """Scores of an hour in the order of the warehouse, and the hash of each system's state after it."""
    source = Home(home).source("simulator")
    with Warehouse(source.warehouse, read_only=True) as warehouse:
        scores = warehouse.read_predictions(None, hour)
    states = States(source.models)
    return scores, {
        system: states.finished(states.hourly(system, hour)).state_hash for system in tiny.systems()
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_restored_home_scores_the_next_hour_as_the_first_one_does(ready, tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(ready.home.dagster))  # put back after what is set below
    first, second = tiny.HOURS[:2]
    home, away = ready.home.root, tmp_path / "away"
    rank(home, first)
    assert type_in(commands("Back up"), tmp_path, home) == "", "a run is said to be under way"
    home.rename(away)  # nothing of the restored home may lean on it
    listed = type_in(commands("Restore"), tmp_path, home)
    restored = tmp_path / "restored"
    assert tiny.BASE in listed, "the registry came along"
    rank(restored, second)
    away.rename(home)
    rank(home, second)

    (scores, states), (again, states_again) = outcome(home, second), outcome(restored, second)
    assert len(scores) > 100 and scores.equals(again)
    assert states == states_again and len(states) == len(tiny.systems())
    with dg.DagsterInstance.from_config(str(prepare_home(Home(restored)).dagster)) as instance:
        made = instance.get_materialized_partitions(dg.AssetKey("hourly_auc"))
    assert made == {first, second}, "Dagster knows what was made before and after"
