"""Lists of clicks against a naive reading of the log, and their means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.ranking.features.batch import localise_tasks
from models.ranking.features.event_log import HOUR_MS, EventDays, EventLog
from models.ranking.systems.behaviours import BehaviourBatch, BehaviourIndex, BehaviourSettings
from tests.models.ranking.lsttm.logs import Rows, random_log

ROWS = Rows()
WIDTH = 3
TABLE = torch.randn(ROWS.table, WIDTH + 1, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
SETTINGS = BehaviourSettings(internal=4, external=3)


def instances(tasks: int, seed: int, n: int = 8) -> list[np.ndarray]:
    g = np.random.default_rng(seed)
    user = g.integers(0, 14, (tasks, n))  # two of them are strangers
    return [user, g.integers(0, 15, (tasks, n)), g.integers(0, 7, (tasks, n)) * HOUR_MS]


def naive(log: EventLog, user: int, now: int) -> list[list[int]]:
    """The items of both lists, oldest first."""
    e, x = log.exposures, log.external
    clicks = [
        int(e.item[i]) for i in range(len(e)) if e.clicked[i] and e.user[i] == user and e.shown_at[i] < now
    ]
    received = [j for j in range(len(x)) if x.user[j] == user and x.received_at[j] < now]
    received.sort(key=lambda j: (x.received_at[j], x.occurred_at[j]))
    return [clicks[-SETTINGS.internal :], [int(x.item[j]) for j in received][-SETTINGS.external :]]


def batch_of(index: BehaviourIndex, asked: list[np.ndarray]) -> tuple[BehaviourBatch, torch.Tensor]:
    sample = index.sample(*asked)
    unique, _, positions = localise_tasks(sample.row_ids)
    return sample.build(positions), unique


def test_lists_hold_the_latest_clicks_received_before_the_hour() -> None:
    log, asked = random_log(1), instances(2, 1)
    batch, unique = batch_of(BehaviourIndex.of(SETTINGS, ROWS, EventDays.of(log), fields=True), asked)
    lengths = set()
    for t, b in np.ndindex(asked[0].shape):
        for listed, expected in zip(batch.lists, naive(log, asked[0][t, b], asked[2][t, b]), strict=True):
            items, mask = listed.of_instances(batch.pair)
            seen = unique[batch.items[t, items[t, b][mask[t, b]]]]
            assert (seen[:, 0] - ROWS.users).tolist() == expected
            assert torch.equal(seen[:, 1:], torch.from_numpy(ROWS.item_field_rows(np.array(expected, int))))
            lengths.add(len(expected))
    assert lengths == {0, 1, 2, 3, 4}


def test_means_are_those_of_a_naive_reading() -> None:
    log, asked = random_log(2), instances(3, 2)
    batch, unique = batch_of(BehaviourIndex.of(SETTINGS, ROWS, EventDays.of(log)), asked)
    rows = TABLE[unique].requires_grad_()
    means = batch.means(rows)
    table = TABLE.clone().requires_grad_()
    expected = torch.zeros_like(means)
    for t, b in np.ndindex(asked[0].shape):
        for at, items in enumerate(naive(log, asked[0][t, b], asked[2][t, b])):
            if items:
                expected[t, b, at] = table[ROWS.item_rows(np.array(items)), :-1].mean(0)
    torch.testing.assert_close(means, expected)
    means.square().sum().backward()
    expected.square().sum().backward()
    gradient = torch.zeros_like(TABLE).index_add_(0, unique, rows.grad)
    torch.testing.assert_close(gradient, table.grad)
    assert gradient.abs().max() > 0


def test_users_of_an_hour_share_one_look_up() -> None:
    asked = [np.array([[3, 3, 5, 3]]), np.zeros((1, 4), int), np.array([[1, 1, 1, 2]]) * HOUR_MS]
    batch, _ = batch_of(BehaviourIndex.of(SETTINGS, ROWS, EventDays.of(random_log(3))), asked)
    assert batch.lists[0].items.shape[1] == 3
    assert batch.pair[0, 0] == batch.pair[0, 1] != batch.pair[0, 3]


def test_appended_hours_equal_one_log_and_survive_a_restart(tmp_path: Path) -> None:
    log, asked = random_log(4), instances(1, 4)
    index = BehaviourIndex.of(SETTINGS, ROWS, EventDays.of(log.between(0, 3 * HOUR_MS)))
    for hour in range(3, 6):
        index.append(log.between(hour * HOUR_MS, (hour + 1) * HOUR_MS))
        if hour == 4:
            index.save(tmp_path / "state")
            index = BehaviourIndex.load(SETTINGS, ROWS, tmp_path / "state")
    means = []
    for one in (index, BehaviourIndex.of(SETTINGS, ROWS, EventDays.of(log))):
        batch, unique = batch_of(one, asked)
        means.append(batch.means(TABLE[unique]))
    assert torch.equal(*means)


@pytest.mark.parametrize("left_out", ["internal", "external"])
def test_a_list_can_be_left_out(left_out: str) -> None:
    log, asked = random_log(5), instances(1, 5)
    both, unique = batch_of(BehaviourIndex.of(SETTINGS, ROWS, EventDays.of(log)), asked)
    settings = SETTINGS.model_copy(update={left_out: 0})
    one, its_unique = batch_of(BehaviourIndex.of(settings, ROWS, EventDays.of(log)), asked)
    kept = both.means(TABLE[unique])[..., [1 if left_out == "internal" else 0], :]
    torch.testing.assert_close(one.means(TABLE[its_unique]), kept)
