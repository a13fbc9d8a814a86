"""Temporal tasks: what is drawn, from where, and how it is mixed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ranking.training.temporal_tasks import TaskSettings, TemporalTasks, user_groups

logs = st.lists(st.integers(1000, 1000 + 24 * 4), min_size=1, max_size=300)


@given(hours=logs, tasks=st.integers(1, 8), instances=st.integers(1, 16), seed=st.integers(0, 1000))
def test_an_epoch_places_every_instance_in_one_query_set_and_mixes_hours(hours, tasks, instances, seed):
    hour = np.array(hours)
    epoch = TemporalTasks(hour, TaskSettings(tasks=tasks, instances=instances)).epoch(
        np.random.default_rng(seed)
    )
    placed = np.concatenate([b.query[b.query_weight > 0] for b in epoch])
    assert sorted(placed.tolist()) == list(range(len(hour)))
    for batch in epoch:
        assert 1 <= len(batch) <= tasks
        assert len(set((batch.hours % 24).tolist())) == len(batch)
        for t in range(len(batch)):
            query = batch.query[t][batch.query_weight[t] > 0]
            support = batch.support[t][batch.support_weight[t] > 0]
            assert len(query) > 0
            assert (hour[query] == batch.hours[t]).all()
            assert (hour[support] == batch.hours[t] - 1).all()
            assert len(set(support.tolist())) == len(support)
            available = int((hour == batch.hours[t] - 1).sum())
            assert len(support) == min(instances, available)
    # The fewest batches that the two limits allow.
    chunks = {h: -(-int((hour == h).sum()) // instances) for h in set(hours)}
    by_hour_of_day = {d: sum(n for h, n in chunks.items() if h % 24 == d) for d in range(24)}
    assert len(epoch) == max(max(by_hour_of_day.values()), -(-sum(chunks.values()) // tasks))


@given(st.lists(st.tuples(st.integers(50, 60), st.integers(0, 9)), min_size=1, max_size=200))
def test_hour_x_group_tasks_stay_within_a_group(rows):
    hour = np.array([h for h, _ in rows])
    group = user_groups(np.array([code for _, code in rows]), 3)
    settings = TaskSettings(task_granularity="hour_x_group", instances=4)
    epoch = TemporalTasks(hour, settings, group).epoch(np.random.default_rng(0))
    placed = []
    for batch in epoch:
        for t in range(len(batch)):
            query = batch.query[t][batch.query_weight[t] > 0]
            support = batch.support[t][batch.support_weight[t] > 0]
            assert len(set(group[query].tolist()) | set(group[support].tolist())) == 1
            assert (hour[support] == batch.hours[t] - 1).all()
            placed += query.tolist()
    assert sorted(placed) == list(range(len(hour)))


def test_days_are_spread_within_a_batch():
    """Eight full days: a batch of eight tasks draws on nearly as many days, where chance alone gives 5.3."""
    hour = np.repeat(np.arange(8 * 24), 12)
    epoch = TemporalTasks(hour, TaskSettings(instances=4)).epoch(np.random.default_rng(0))
    days = [len(set((batch.hours // 24).tolist())) for batch in epoch]
    assert np.mean(days) > 7.0


def test_an_epoch_is_repeatable_and_epochs_differ():
    tasks = TemporalTasks(np.repeat(np.arange(48), 20), TaskSettings(instances=8))
    one, two = (tasks.epoch(np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(a.query, b.query) for a, b in zip(one, two, strict=True))
    assert all(np.array_equal(a.support, b.support) for a, b in zip(one, two, strict=True))
    other = tasks.epoch(np.random.default_rng(4))
    assert any(not np.array_equal(a.query, b.query) for a, b in zip(one, other, strict=False))


def test_a_busy_hour_is_cut_into_equal_parts():
    epoch = TemporalTasks(np.full(130, 7), TaskSettings()).epoch(np.random.default_rng(0))
    assert [int((b.query_weight > 0).sum()) for b in epoch] == [65, 65]
    assert all((b.support_weight == 0).all() and len(b) == 1 for b in epoch)


def test_user_groups_keep_the_frequent_values_apart():
    codes = np.array([9, 9, 9, 4, 4, 7, 1])
    assert user_groups(codes, 3).tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert user_groups(codes, 1).tolist() == [0] * 7


def test_errors():
    with pytest.raises(ValueError, match="no training instance"):
        TemporalTasks(np.zeros(0, np.int64), TaskSettings())
    with pytest.raises(ValueError, match="hour_x_group"):
        TemporalTasks(np.zeros(3, np.int64), TaskSettings(task_granularity="hour_x_group"))
