"""Poisoned clicks in a small deployed home: the champion stays, and clean hours after them begin from it."""

from __future__ import annotations

import pytest

from assets.common import model_registry
from assets.ranking.champion_log import history
from assets.ranking.states import States
from orchestration.jobs import DAILY, RANKING
from orchestration.session import Session
from tests.deployed import BASE, DAY, HOURS

pytestmark = pytest.mark.slow
SYSTEMS = ("fm",)
POISONS = {
    "clean": None,
    "inverted": "clicked = NOT clicked",
    "no clicks": "clicked = FALSE",
}


@pytest.mark.parametrize("poison", POISONS)
def test_the_champion_of_the_day_before_stays(ready, poison):
    deployment = ready.deployment.model_copy(update={"systems": SYSTEMS})
    change = POISONS[poison]
    with Session(deployment, ready.home) as session:
        session.run(DAILY, BASE, only=["daily_ranker", "promotion"])
        if change is not None:
            with ready.warehouse.open(read_only=False) as opened:
                opened.connection.execute(f"UPDATE exposures SET {change} WHERE partition LIKE '{DAY}%'")
        for hour in HOURS:
            session.run(RANKING, hour)
        session.run(DAILY, DAY)
    tracking = ready.tracking.open()
    champion = model_registry.at_alias(tracking, model_registry.CHAMPION)
    (decision,) = [v.decision for v in history(tracking).versions if (v.system, v.day) == ("fm", DAY)]
    assert "labels" in champion.tags
    assert ("labels: 2026-03-03" in decision) == (change is not None), decision
    expected = DAY if change is None else BASE
    assert champion.tags["day"] == expected
    assert States(ready.models).newest_base("fm", "2026-03-04").partition == expected
