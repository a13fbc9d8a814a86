"""The simulator at its demo size, fourteen days: every figure of real news logs within its band."""

import numpy as np
import pytest

from models.metrics import auc_standard_error
from simulator import SimulatorSettings
from simulator.calibration import auc
from simulator.feed import statistics
from simulator.feed.calibration import DAYS, content_figures, figures, simulated_log
from simulator.feed.world import World

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def simulated():
    return simulated_log(World(SimulatorSettings(), DAYS))


def test_every_figure_lies_in_its_band(simulated):
    rows = [*figures(simulated), *content_figures(World(SimulatorSettings(), DAYS))]
    assert len(rows) > 47
    assert [(row.name, row.simulated) for row in rows if not row.within] == []


def test_a_day_is_large_enough_to_compare_rankers(simulated):
    day = simulated.at // 24
    sizes = np.bincount(day.astype(int))
    assert sizes.min() > 70_000 and sizes.max() < 90_000
    last = day == DAYS - 1
    score = statistics.recent_rate(simulated)
    assert auc_standard_error(simulated.clicked[last], score[last]) < 0.004


def test_the_true_probability_is_calibrated_and_the_best_score(simulated):
    late = simulated.at >= 7 * 24
    truth, clicked = simulated.weight[late], simulated.clicked[late]
    for part in np.array_split(np.argsort(truth), 10):
        noise = np.sqrt((truth[part] * (1 - truth[part])).sum())
        assert abs(truth[part].sum() - clicked[part].sum()) < 4 * noise
    best = auc(truth, clicked)
    assert 0.78 < best < 0.82
    assert best > auc(statistics.recent_rate(simulated)[late], clicked) + 0.1


def test_the_first_day_is_not_special(simulated):
    """The pool of news is warm when the log begins: day one has the click rate and ages of the others."""
    first = simulated.at < 24
    rate = simulated.clicked.mean()
    assert simulated.clicked[first].mean() == pytest.approx(rate, rel=0.1)
    young = simulated.age < 24
    assert young[first].mean() == pytest.approx(young.mean(), abs=0.06)
