"""Scores of a simulated day, still and updated, as the check of the simulator asks for them."""

import numpy as np
import pytest

from assets.experiments.simulated_update import scored_days
from models.ranking.registry import SYSTEMS
from simulator import SimulatorSettings
from simulator.feed.world import World


def test_both_scores_are_of_the_worlds_exposures_and_part_after_the_first_hour():
    settings = SimulatorSettings.tiny(days=3)
    (day,) = scored_days(settings, SYSTEMS["deepfm"].tiny, [2])
    hours = list(World(settings, 3).hours())[48:]
    assert np.array_equal(day.probability, np.concatenate([hour.probability for hour in hours]))
    assert np.array_equal(day.at, np.concatenate([hour.at for hour in hours]))
    first = day.at < 49
    assert first.sum() > 5
    assert np.array_equal(day.still[first], day.updated[first])
    assert (day.still != day.updated)[~first].mean() > 0.9


def test_a_system_that_never_updates_or_needs_more_is_refused():
    settings = SimulatorSettings.tiny(days=2)
    still = SYSTEMS["deepfm"].tiny
    still = still.model_copy(update={"adaptation": still.adaptation.model_copy(update={"online": "none"})})
    with pytest.raises(ValueError, match="never updates"):
        scored_days(settings, still, [1])
    with pytest.raises(ValueError, match="long-term vectors"):
        scored_days(settings, SYSTEMS["lsttm"].tiny, [1])
