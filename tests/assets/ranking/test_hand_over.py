"""Rankers stay open from step to step and hour to hour; scores and states are those of a fresh opening."""

import numpy as np
import pytest

from assets.common.timings import Timings
from assets.ranking import hand_over
from assets.ranking.hourly_auc import score_hour
from assets.ranking.hourly_ranker import adapt_hour
from assets.ranking.states import States
from tests.deployed import HOURS, systems

pytestmark = pytest.mark.slow


def _hour(ready, hour, run):
    """An hour as its run has it: adapted on, then scored."""
    adapt_hour(hour, ready.resource, ready.warehouse, ready.tracking.open(), Timings(), run)
    score_hour(hour, ready.resource, ready.warehouse, ready.tracking.open(), Timings(), run)


def _left(ready, hours):
    """Scores, and hashes of states, of these hours."""
    states = States(ready.models)
    with ready.warehouse.open() as opened:
        frames = [opened.read_predictions(partition=hour) for hour in hours]
    hashes = [states.finished(states.hourly(s, hour)).state_hash for hour in hours for s in systems()]
    return [frame["score"].to_numpy() for frame in frames], hashes


def test_a_ranker_is_opened_once_and_the_bits_are_those_of_a_fresh_one(ready, monkeypatch):
    from models.ranking.ranker import Ranker

    opened, plain = [], Ranker.load.__func__
    monkeypatch.setattr(
        Ranker, "load", classmethod(lambda cls, *a, **k: opened.append(a) or plain(cls, *a, **k))
    )
    hours = HOURS[:3]
    hand_over.forget()
    for number, hour in enumerate(hours):
        _hour(ready, hour, f"run {number}")
        assert len(opened) == len(systems()), "once in all: the next hour goes on"
    scores, hashes = _left(ready, hours)
    for hour in hours:
        hand_over.forget()
        adapt_hour(hour, ready.resource, ready.warehouse, ready.tracking.open(), Timings())
        hand_over.forget()
        score_hour(hour, ready.resource, ready.warehouse, ready.tracking.open(), Timings())
    again, hashes_again = _left(ready, hours)
    assert hashes == hashes_again
    for one, other in zip(scores, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_another_run_or_state_left_is_not_taken():
    hand_over.forget()
    state = hand_over.OpenState("models", "cpu", "lsttm", "base", "after")
    hand_over.leave(state, "open")
    assert hand_over.take(hand_over.OpenState("models", "cpu", "lsttm", "base", "other")) is None
    assert hand_over.take(state) is None, "one that is not of this state is closed"
    hand_over.leave(state, "open")
    assert hand_over.take(state) == "open" and hand_over.take(state) is None
    hand_over.of_run("a").hour = "hour"
    assert hand_over.of_run("a").hour and not hand_over.of_run("b").hour and not hand_over.of_run("a").hour
    assert hand_over.of_run(None) is not hand_over.of_run(None)
