"""A system whose training diverges, from the night through a day's hours: told, and alone."""

from __future__ import annotations

import pytest

from assets.ranking.states import States
from orchestration.jobs import DAILY, RANKING
from orchestration.report import report_day
from orchestration.session import RunFailed, Session
from tests.deployed import BASE, DAY, HOURS

pytestmark = pytest.mark.slow
SYSTEMS = ("item_rate", "fm")


@pytest.fixture
def session(ready):
    with Session(ready.deployment.model_copy(update={"systems": SYSTEMS}), ready.home) as opened:
        yield opened


@pytest.fixture
def diverging(monkeypatch):
    """Systems whose training diverges, to be filled by the test."""
    from models.ranking import daily_training

    plain, kinds = daily_training.fit, set()

    def fit(learner, *args, **options):
        if type(learner.module).__name__ in kinds:
            learner.table.base.fill_(float("inf"))
        return plain(learner, *args, **options)

    monkeypatch.setattr(daily_training, "fit", fit)
    return kinds


def test_the_others_are_trained_promoted_and_served(ready, session, diverging):
    diverging.add("FM")
    told = session.run(DAILY, BASE, only=["daily_ranker", "promotion"])
    assert any("fm" in line and "training diverged" in line for line in told)
    states = States(ready.models)
    assert states.record(states.daily("item_rate", BASE)) is not None
    assert states.record(states.daily("fm", BASE)) is None
    for hour in HOURS[:2]:
        told = session.run(RANKING, hour)
        assert any(line.endswith("is finished in " + str(states.root / "daily" / "fm")) for line in told)
    report = report_day(session, DAY)
    assert set(report.pooled) == {"item_rate"} and report.pooled["item_rate"]["auc"] is not None
    assert report.failed["fm"].startswith(HOURS[0])


def test_where_all_diverge_the_run_fails_with_the_reasons(session, diverging):
    diverging |= {"FM", "ItemRate"}
    with pytest.raises(RunFailed, match="fm: Diverged: training diverged"):
        session.run(DAILY, BASE, only=["daily_ranker"])
