"""A copy of a trained ranker that only receives the hours: what `auc_static` is measured with."""

import copy

import numpy as np
import pytest

from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from tests.models.ranking.toy import TRAIN_HOURS, hour_of, toy_log, trained


@pytest.mark.parametrize("system", sorted(SYSTEMS))
def test_a_copy_shares_nothing_that_adapting_moves(system, tmp_path):
    log = toy_log()
    ranker = trained(system)
    ranker.save(tmp_path / "daily")
    still, loaded = copy.deepcopy(ranker), Ranker.load(tmp_path / "daily")
    moved = False
    for number in range(TRAIN_HOURS, TRAIN_HOURS + 3):
        hour = hour_of(log, number)
        scores = still.score(hour)
        np.testing.assert_array_equal(scores, loaded.score(hour))
        moved |= not np.array_equal(scores, ranker.score(hour))
        ranker.adapt(hour)
        still.receive(hour)
        loaded.receive(hour)
    assert moved == ranker.adapts
