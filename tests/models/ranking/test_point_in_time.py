"""No leak: whatever is received at or after hour h changes no score of hours up to h, bit for bit."""

import numpy as np
import pytest

from models.ranking.features.day_events import mentioned
from models.ranking.registry import SYSTEMS
from tests.models.ranking.toy import TRAIN_HOURS, future_changed, hour_of, toy_log, train

HOUR = TRAIN_HOURS + 3


def scores_until(system, log, last):
    ranker = train(system, log)
    out = []
    for number in range(TRAIN_HOURS, last + 1):
        out.append(ranker.score(hour_of(log, number)))
        ranker.adapt(hour_of(log, number))
    return out


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_future_changes_no_score(system):
    log = toy_log()
    changed, origin = future_changed(log, HOUR)
    before, after = scores_until(system, log, HOUR), scores_until(system, changed, HOUR)
    for one, other in zip(before[:-1], after[:-1], strict=True):
        np.testing.assert_array_equal(one, other)
    # In hour h itself exposures were added and removed: those that stand in both logs keep their scores.
    first = np.searchsorted(log.exposures.shown_at, hour_of(log, HOUR).start_ms)
    here = np.searchsorted(changed.exposures.shown_at, hour_of(log, HOUR).start_ms)
    kept = origin[here : here + len(after[-1])]
    assert (kept >= 0).sum() > 30 and (kept < 0).sum() > 10
    np.testing.assert_array_equal(before[-1][kept[kept >= 0] - first], after[-1][kept >= 0])


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_click_does_change_the_next_hour(system):
    """The converse: were the history ignored, the test above would pass as well."""
    log = toy_log()
    changed, _ = future_changed(log, HOUR - 1)
    ranker = train(system, log)
    ranker.adapt(hour_of(log, HOUR - 1))
    other = train(system, log)
    other.adapt(hour_of(changed, HOUR - 1))
    assert (ranker.score(hour_of(log, HOUR)) != other.score(hour_of(log, HOUR))).any()


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_hour_may_bring_all_entities_or_those_it_mentions(system):
    log = toy_log()
    ranker = train(system, log)
    hour = hour_of(log, TRAIN_HOURS)
    np.testing.assert_array_equal(ranker.score(hour), ranker.score(mentioned(hour)))


def test_scores_do_not_depend_on_what_is_scored_with_them():
    log = toy_log()
    ranker = train("deepfm", log)
    hour = hour_of(log, TRAIN_HOURS)
    half = hour.between(hour.start_ms, hour.start_ms + 1_800_000)
    np.testing.assert_array_equal(ranker.score(hour)[: len(half.exposures)], ranker.score(half))
