"""`hourfold models` on a home whose nights were run: two champions, a rollback, and what follows it."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from assets.ranking.champion_log import history
from assets.ranking.states import States
from assets.ranking.withheld import withheld
from orchestration.cli import app
from orchestration.jobs import DAILY, RANKING
from orchestration.session import Session
from tests.deployed import BASE, DAY, HOURS

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
    assert states.newest_base(second.system, "2026-03-04").partition == DAY
    session.run(DAILY, BASE, only=["promotion"])
    assert _champion(ready) == second, "a backfill of an older day moved the champion"
    listed = models("list")
    assert second.live_auc in listed and "champion" in listed and "never goes back" in listed
    assert f"champion from {first.number} to {second.number}, promotion" in listed
    said = models("rollback", "--reason", "clicks [of the day] were wrong")
    assert f"Champion: version {first.number}, {first.system} of {BASE}" in said
    assert _champion(ready).number == first.number
    assert states.newest_base(second.system, "2026-03-04").partition == BASE
    session.run(DAILY, DAY, only=["promotion"])
    assert _champion(ready).number == first.number, "what was rolled back was promoted again"
    listed = models("list")
    assert "withheld by rollback: clicks [of the day] were wrong" in listed
    assert f"champion from {second.number} to {first.number}, rollback" in listed
    models("promote", second.number, "--reason", "they were right")
    assert _champion(ready).number == second.number
    assert withheld(states.daily(second.system, DAY)) is None


@pytest.mark.slow
def test_scores_after_a_rollback_are_those_of_the_champions_base(ready, session):
    """Hour 1 again, after its base was withheld: from the day before, with hour 0 caught up on."""
    states, before = States(ready.models), "2026-03-01"
    session.run(DAILY, BASE, only=["daily_ranker", "promotion"])
    for system in SYSTEMS:
        older, folder = states.daily(system, before), states.daily(system, BASE)
        record = states.finished(folder)
        with states.write(older, record.model_copy(update={"partition": before})) as path:
            path.mkdir()
            _copy(states.ranker_path(folder), path)
    session.run(RANKING, HOURS[0])
    assert states.finished(states.hourly("fm", HOURS[0])).base_partition == BASE
    _withhold(states, "fm")
    session.run(RANKING, HOURS[1])
    made = states.finished(states.hourly("fm", HOURS[1]))
    assert made.base_partition == before and HOURS[0] in made.hours
    assert states.finished(states.hourly("item_rate", HOURS[1])).base_partition == BASE
    with ready.warehouse.open() as opened:
        scores = opened.read_predictions("fm", HOURS[1])
    assert len(scores) and scores["model_version"].str.startswith(f"{before}/").all()


def test_it_says_what_to_do_without_a_deployment_or_a_model(monkeypatch, tmp_path):
    assert "hourfold ingest" in models("list", code=1)
    from warehouse.home import Deployment, Home

    Deployment().save(Home.current())
    assert "no model was trained yet" in models("rollback", code=1)
    assert not Home.current().mlflow.exists(), "a store was made by looking"


def _copy(source, target):
    import shutil

    shutil.copytree(source, target, dirs_exist_ok=True)


def _withhold(states, system):
    from assets.ranking.withheld import withhold

    withhold(states.daily(system, BASE), "rollback", "wrong clicks")
