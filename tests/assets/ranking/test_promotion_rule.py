"""The alias moves only on a pass."""

import numpy as np
import pytest

from assets.ranking.promotion import score_faults
from assets.ranking.promotion_rule import Candidate, decide, not_backwards


def _lead(difference, error):
    return lambda one, other: (difference, error)


def _none(one, other):
    return None


A = Candidate("deepfm", "1", live_auc=0.60)
B = Candidate("lsttm", "2", live_auc=0.63)


def test_a_rival_must_be_clearly_better():
    clear = decide([A, B], "deepfm", _lead(0.03, 0.01))
    assert (clear.challenger.system, clear.passed) == ("lsttm", True)
    assert "0.0300" in clear.reason
    unclear = decide([A, B], "deepfm", _lead(0.03, 0.02))
    assert (unclear.challenger.system, unclear.passed) == ("deepfm", True)


def test_a_broken_rival_is_not_even_tried():
    broken = Candidate("lsttm", "2", live_auc=0.9, faults=("scores are constant",))
    decision = decide([A, broken], "deepfm", _lead(0.3, 0.01))
    assert (decision.challenger.system, decision.passed) == ("deepfm", True)


def test_a_broken_champion_system_keeps_the_former_version():
    broken = Candidate("deepfm", "1", live_auc=0.60, faults=("3 of 9 scores are not finite",))
    decision = decide([broken, B], "deepfm", _lead(0.03, 0.02))
    assert (decision.challenger.version, decision.passed) == ("1", False)
    assert "not finite" in decision.reason


@pytest.mark.parametrize("champion", [None, "a system that is gone"])
def test_the_first_champion_is_the_best_live_one(champion):
    assert decide([A, B], champion, _none).challenger.system == "lsttm"
    cold = [Candidate("deepfm", "1"), Candidate("lsttm", "2")]
    assert decide(cold, champion, _none).challenger.system == "deepfm"


def test_without_live_figures_the_newer_model_replaces_the_older():
    cold = [Candidate("deepfm", "1"), Candidate("lsttm", "2")]
    decision = decide(cold, "lsttm", _none)
    assert (decision.challenger.version, decision.passed) == ("2", True)


@pytest.mark.parametrize(
    ("scores", "told"),
    [([0.1, float("nan")], "1 of 2"), ([0.2, 0.2, 0.2], "constant"), ([0.1, float("inf")], "finite")],
)
def test_guard_rails(scores, told):
    assert told in " ".join(score_faults(np.array(scores)))


def test_guard_rails_let_sound_scores_pass():
    assert score_faults(np.array([0.1, 0.4])) == []


@pytest.mark.parametrize(
    ("champion_day", "passed"),
    [("", True), ("2026-03-04", True), ("2026-03-05", True), ("2026-03-06", False)],
)
def test_a_promotion_never_goes_back_to_an_older_day(champion_day, passed):
    decision = not_backwards(decide([A, B], "lsttm", _none), "2026-03-05", champion_day)
    assert (decision.passed, decision.tried) == (passed, passed)
    assert passed or "never goes back" in decision.reason
