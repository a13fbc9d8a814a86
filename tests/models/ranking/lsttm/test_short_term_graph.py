"""The short-term graph equals the paper's equations, computed node by node."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import functional_call

from models.ranking.features.batch import localise_tasks
from models.ranking.features.event_log import HOUR_MS, EventDays, EventLog
from models.ranking.features.sampling import unique_nodes
from models.ranking.lsttm.short_term_graph import ShortTermGraph, ShortTermIndex, ShortTermSettings
from tests.models.ranking.lsttm.logs import Rows, random_log

WIDTH = 4
ROWS = Rows()
TABLE = torch.randn(ROWS.table, WIDTH + 1, generator=torch.Generator().manual_seed(3))
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]


def instances(tasks: int, seed: int, hours: int = 7, n: int = 5) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    hour = torch.randint(0, hours, (tasks, n), generator=g) * HOUR_MS
    return [
        torch.randint(0, 12, (tasks, n), generator=g),
        torch.randint(0, 15, (tasks, n), generator=g),
        hour,
    ]


def model_of(config: ShortTermSettings) -> ShortTermGraph:
    return ShortTermGraph(config, 2 * WIDTH, 2 * WIDTH, generator=torch.Generator().manual_seed(5))


def run(
    sampler: ShortTermIndex,
    asked: list[torch.Tensor],
    model: ShortTermGraph,
    device: str = "cpu",
    params=None,
):
    sample = sampler.sample(*(column.numpy() for column in asked))
    unique, _, positions = localise_tasks(sample.row_ids)
    graph = sample.build(positions).to(device)
    rows = TABLE[unique].to(device).requires_grad_()
    params = dict(model.named_parameters()) if params is None else params
    out, present = functional_call(model, params, (rows, graph))
    return out, present, rows, unique


class Slow:
    """One node at a time, straight from Eqs. 1 to 3."""

    def __init__(
        self, log: EventLog, model: ShortTermGraph, config: ShortTermSettings, table: torch.Tensor
    ) -> None:
        e = log.exposures
        keep = np.flatnonzero(e.clicked)
        self.events = [(int(e.user[i]), int(e.item[i]), int(e.shown_at[i])) for i in keep]
        self.model, self.config, self.table = model, config, table

    def recent(self, side: int, node: int, time: int) -> list[int]:
        mine = [event for event in self.events if event[side] == node and event[2] < time]
        return [event[1 - side] for event in sorted(mine, key=lambda e: e[2])[-self.config.neighbours :]]

    def x(self, side: int, node: int) -> torch.Tensor:
        rows = (ROWS.user_field_rows, ROWS.item_field_rows)[side](np.array(node))
        return self.table[rows, :-1].flatten()

    def layer(self, gat, query: torch.Tensor, keys: list[torch.Tensor]) -> torch.Tensor:
        query_weight, key_weight = gat.lin_dst.weight.T, gat.lin_src.weight.T
        if not keys:
            return torch.zeros(key_weight.shape[1])
        w = torch.cat([gat.att_dst.flatten(), gat.att_src.flatten()])
        projected = [key @ key_weight for key in keys]
        scores = [
            torch.nn.functional.leaky_relu(w @ torch.cat([query @ query_weight, p]), 0.2) for p in projected
        ]
        alpha = torch.softmax(torch.stack(scores), 0)
        return torch.nn.functional.elu(sum(a * p for a, p in zip(alpha, projected, strict=True)))

    def user(self, user: int, time: int) -> torch.Tensor:
        items = self.recent(0, user, time)
        first = self.layer(self.model.users_first, self.x(0, user), [self.x(1, i) for i in items])
        if self.config.layers == 1:
            return first
        hidden = [
            self.layer(self.model.items_first, self.x(1, i), [self.x(0, u) for u in self.recent(1, i, time)])
            for i in items
        ]
        return self.layer(self.model.users_second, first, hidden)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("layers", "tasks", "seed"), [(1, 1, 0), (2, 1, 1), (2, 3, 2), (1, 2, 3)])
def test_equals_the_equations_node_by_node(device: str, layers: int, tasks: int, seed: int) -> None:
    config = ShortTermSettings(neighbours=4, layers=layers, width=3)
    log, model, asked = random_log(seed), model_of(config), instances(tasks, seed)
    out, present, rows, unique = run(
        ShortTermIndex.of(config, ROWS, EventDays.of(log)), asked, model.to(device), device
    )
    out.square().sum().backward()
    gradient = torch.zeros_like(TABLE).index_add_(0, unique, rows.grad.cpu())

    table = TABLE.clone().requires_grad_()
    slow = Slow(log, model.cpu(), config, table)
    expected = [
        slow.user(int(u), int(t)) for u, t in zip(asked[0].flatten(), asked[2].flatten(), strict=True)
    ]
    expected = torch.stack(expected).view(out.shape)
    expected.square().sum().backward()
    torch.testing.assert_close(out.cpu(), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(gradient, table.grad, atol=1e-5, rtol=1e-5)
    assert present.cpu().tolist() == (expected != 0).any(-1).tolist()
    assert not present.all()
    assert present.any()


def test_tasks_with_their_own_parameters() -> None:
    config = ShortTermSettings(neighbours=3, width=3)
    sampler, model, asked = (
        ShortTermIndex.of(config, ROWS, EventDays.of(random_log(4))),
        model_of(config),
        instances(2, 4),
    )
    params = {n: torch.stack([p.detach(), 2 * p.detach()]) for n, p in model.named_parameters()}
    out = run(sampler, asked, model, params=params)[0]
    for task in range(2):
        own = {n: p[task] for n, p in params.items()}
        alone = run(sampler, [a[[task]] for a in asked], model, params=own)[0]
        torch.testing.assert_close(out[task], alone[0])


@pytest.mark.parametrize("layers", [1, 2])
def test_events_from_the_period_start_on_change_nothing(layers: int) -> None:
    config = ShortTermSettings(neighbours=4, layers=layers, width=3)
    log, model = random_log(6), model_of(config)
    users, items, _ = instances(2, 6)
    asked = [users, items, torch.full_like(users, 3 * HOUR_MS)]
    out, _, _, unique = run(ShortTermIndex.of(config, ROWS, EventDays.of(log)), asked, model)
    e = log.exposures
    late = e.shown_at >= 3 * HOUR_MS
    changed = replace(e, clicked=e.clicked ^ late, user=np.where(late, (e.user + 1) % 12, e.user))
    again, _, _, unique_again = run(
        ShortTermIndex.of(config, ROWS, EventDays.of(replace(log, exposures=changed))), asked, model
    )
    assert torch.equal(out, again)
    assert torch.equal(unique, unique_again)


def test_appended_hours_equal_one_log_and_survive_a_restart(tmp_path: Path) -> None:
    config = ShortTermSettings(neighbours=4, width=3)
    log, model, asked = random_log(7), model_of(config), instances(1, 7)
    whole = run(ShortTermIndex.of(config, ROWS, EventDays.of(log)), asked, model)[0]
    sampler = ShortTermIndex.of(config, ROWS, EventDays.of(log.between(0, 3 * HOUR_MS)))
    for hour in range(3, 6):
        sampler.append(log.between(hour * HOUR_MS, (hour + 1) * HOUR_MS))
        if hour == 4:
            sampler.save(tmp_path / "state")
            sampler = ShortTermIndex.load(config, ROWS, tmp_path / "state")
    assert torch.equal(run(sampler, asked, model)[0], whole)


def test_a_log_without_clicks() -> None:
    config = ShortTermSettings(width=3)
    empty = random_log(0).between(0, 0)
    out, present, rows, _ = run(
        ShortTermIndex.of(config, ROWS, EventDays.of(empty)), instances(2, 1), model_of(config)
    )
    assert not present.any()
    assert (out == 0).all()
    out.sum().backward()
    assert (rows.grad == 0).all()


@settings(max_examples=60)
@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from([0, 1, 2, 7, 10**6]), st.booleans()), min_size=4, max_size=4),
        min_size=1,
        max_size=3,
    )
)
def test_unique_nodes_by_hand(entries: list) -> None:
    ids = torch.tensor([[value for value, _ in task] for task in entries])
    mask = torch.tensor([[kept for _, kept in task] for task in entries])
    for used in (mask, None):
        found = unique_nodes(ids, used, torch.full((len(entries),), 99))
        for task in range(len(entries)):
            kept = ids[task] if used is None else ids[task][used[task]]
            expected = sorted(set(kept.tolist()))
            assert found.values[task][found.real[task]].tolist() == expected
            assert (found.values[task][~found.real[task]] == 99).all()
            where = slice(None) if used is None else used[task]
            assert torch.equal(found.values[task][found.positions[task][where]], kept)
