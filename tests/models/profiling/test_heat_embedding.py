"""The heatmap modality knows nothing of the window from which others learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.profiling.heat_embedding import trained_before
from models.profiling.past import as_known_at
from models.profiling.settings import TINY, ScheduleSettings, SourceTaskSettings
from tests.models.profiling.toy import AS_OF, toy_data

USERS, START = 60, AS_OF - 60
SHORT = TINY.model_copy(
    update={
        "schedule": ScheduleSettings(cyclical_steps=3, cycle=2, restart_steps=3, first_period=3),
        "sources": SourceTaskSettings(min_labelled=5),
    }
)


def test_nothing_of_the_window_moves_the_network_and_all_users_are_embedded_at_both_dates() -> None:
    data = toy_data(users=USERS)
    train = np.arange(USERS) % 3 != 0
    network = trained_before(data, train, START, settings=SHORT, seed=0)
    assert network.as_of_day == START

    rng = np.random.default_rng(0)
    after, log, heat = data.purchases.day >= START, data.purchases, data.modalities[0]
    late = heat.day >= 365 - 60
    other = replace(
        data,
        purchases=replace(
            log,
            brand=np.where(after, rng.permutation(log.brand), log.brand),
            price=np.where(after, 9.0, log.price).astype(np.float32),
        ),
        modalities=(
            replace(heat, value=np.where(late, 7.0, heat.value).astype(np.float32)),
            *data.modalities[1:],
        ),
    )
    again = trained_before(other, train, START, settings=SHORT, seed=0)
    then = [network.embed(as_known_at(data, START)), again.embed(as_known_at(other, START))]
    assert then[0].shape == (USERS, SHORT.network.embedding_width) and np.isfinite(then[0]).all()
    np.testing.assert_array_equal(*then)
    now = [network.embed(data), again.embed(other)]
    assert np.isfinite(now[0]).all() and not np.array_equal(*now), (
        "at the as-of date it reads what came since"
    )
