"""A served day: each hour is scored as at its start, then learned from; the twin only receives."""

import numpy as np
import pytest

from models.ranking.day import ServedDay
from models.ranking.features.event_log import HOUR_MS
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from models.ranking.training.adaptation import AdaptationSettings
from tests.models.ranking.toy import START, TRAIN_HOURS, hour_of, toy_log

LOG = toy_log(per_hour=30)
HISTORY = LOG.between(START, START + TRAIN_HOURS * HOUR_MS)
HOURS = [hour_of(LOG, number) for number in range(TRAIN_HOURS, TRAIN_HOURS + 3)]


def test_hours_are_scored_before_they_are_learned_from_and_the_twin_only_receives():
    adapted, static = (Ranker.train(SYSTEMS["deepfm"].tiny, HISTORY, seed=3) for _ in range(2))
    day = ServedDay.train(SYSTEMS["deepfm"].tiny, HISTORY, seed=3, with_twin=True)
    reports = []
    for hour, scored in zip(HOURS, day.live(HOURS, lambda *progress: reports.append(progress)), strict=True):
        assert day.ranker.end_ms == hour.start_ms
        np.testing.assert_array_equal(scored.probability, adapted.score(hour))
        np.testing.assert_array_equal(scored.static, static.score(hour))
        adapted.adapt(hour)
        static.receive(hour)
    assert not np.array_equal(scored.probability, scored.static)
    assert reports == [("hours", done, 3) for done in (1, 2, 3)]
    assert day.ranker.end_ms == day.twin.end_ms == HOURS[-1].end_ms
    assert day.train_seconds > 0 < day.hours_seconds


@pytest.mark.parametrize(("online", "with_twin"), [("none", True), ("two_speed", False)])
def test_no_twin_of_a_system_that_never_adapts_or_unless_it_is_wanted(online, with_twin):
    settings = SYSTEMS["deepfm"].tiny.model_copy(update={"adaptation": AdaptationSettings(online=online)})
    day = ServedDay.train(settings, HISTORY, with_twin=with_twin)
    assert day.twin is None
    assert all(scored.static is None for scored in day.live(HOURS))
