"""`hourfold models` on a home whose nights were run: two champions, a rollback, and what follows it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from assets.logs.ingest import ingest
from assets.ranking.champion_log import history
from assets.ranking.hour import day_before, open_hour
from assets.ranking.states import States
from assets.ranking.withheld import withheld
from orchestration.cli import app
from orchestration.jobs import DAILY, RANKING
from orchestration.session import Session
from tests.deployed import BASE, DAY, HOURS

AFTER = "2026-03-04"
SYSTEMS = ("item_rate", "fm")


def models(*words, code=0):
    ran = CliRunner().invoke(app, ["models", *words], env={"COLUMNS": "220"})
    assert ran.exit_code == code, ran.output
    return ran.output


@pytest.fixture
def session(ready):
    deployment = ready.deployment.model_copy(update={"systems": SYSTEMS})
    deployment.save(ready.home)
    with Session(deployment, ready.home) as opened:
        yield opened


def _champion(ready):
    return history(ready.tracking.open()).champion


@pytest.mark.slow
def test_a_champion_is_rolled_back_and_stays_so(ready, session):
    """A night on BASE, hours of DAY, a night on DAY: then back, and both nights' promotions again."""
    session.run(DAILY, BASE, only=["daily_ranker", "promotion"])
    first, states = _champion(ready), States(ready.models)
    for hour in HOURS[:2]:
        session.run(RANKING, hour)
    session.run(DAILY, DAY, only=["training_instances", "daily_ranker", "promotion"])
    second = _champion(ready)
    assert (first.day, second.day) == (BASE, DAY) and second.live_auc
    assert states.newest_base(second.system, AFTER).partition == DAY
    session.run(DAILY, BASE, only=["promotion"])
    assert _champion(ready) == second, "a backfill of an older day moved the champion"
    listed = models("list")
    assert second.live_auc in listed and "champion" in listed and "never goes back" in listed
    assert f"champion from {first.number} to {second.number}, promotion" in listed
    assert first.system == second.system
    morning = _next_morning(ready)
    start, scores = _starts(ready, morning)
    assert start.base.partition == DAY
    said = models("rollback", "--reason", "clicks [of the day] were wrong")
    assert f"Champion: version {first.number}, {first.system} of {BASE}" in said
    assert _champion(ready).number == first.number
    assert states.newest_base(second.system, AFTER).partition == BASE
    start, from_first = _starts(ready, morning)
    assert (start.base.partition, start.previous.partition) == (BASE, HOURS[1])
    assert start.catch_up == (HOURS[2], HOURS[3])
    assert np.isfinite(from_first).all() and not np.array_equal(from_first, scores)
    session.run(DAILY, DAY, only=["promotion"])
    assert _champion(ready).number == first.number, "what was rolled back was promoted again"
    listed = models("list")
    assert "withheld by rollback" in listed and "rollback, " in listed
    assert ": clicks [of the day] were wrong" in listed
    assert f"champion from {second.number} to {first.number}, rollback" in listed
    models("promote", second.number, "--reason", "they were right")
    assert _champion(ready).number == second.number
    assert withheld(states.daily(second.system, DAY)) is None
    np.testing.assert_array_equal(_starts(ready, morning)[1], scores)


def test_it_says_what_to_do_without_a_deployment_or_a_model(monkeypatch, tmp_path):
    assert "hourfold ingest" in models("list", code=1)
    from warehouse.home import Deployment, Home

    Deployment().save(Home.current())
    assert "no model was trained yet" in models("rollback", code=1)
    assert not Home.current().mlflow.exists(), "a store was made by looking"


def _next_morning(ready):
    """The first hour of DAY as though it were that of the day after, landed and loaded."""
    hour = f"{AFTER}-00:00"
    (path,) = (ready.landing / "exposures" / f"date={DAY}" / "hour=00").glob("*.parquet")
    frame = pd.read_parquet(path)
    frame["shown_at"] += pd.Timedelta(days=1)
    frame["exposure_id"] += 10**9
    frame["request_id"] += 10**9
    folder = ready.landing / "exposures" / f"date={AFTER}" / "hour=00"
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(folder / path.name, index=False)
    ingest(ready.deployment.paths(ready.home), "exposures", [hour], force=True)
    return hour


def _starts(ready, hour):
    """Where the system of the champion begins the hour, and its real scores there."""
    states, system = States(ready.models), _champion(ready).system
    opened = open_hour(ready.warehouse, states, hour)
    start = next(start for start in opened.starts if start.system == system)
    return start, day_before(states, start, opened, "cpu").ranker.score(opened.logs[hour].log)
