"""Typed neighbours: who is seen, as what and how old; and the layer against its equations, node by node."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.func import functional_call

from models.ranking.features.batch import localise_tasks
from models.ranking.features.event_log import HOUR_MS, EventDays, EventLog
from models.ranking.lsttm.typed_events import (
    CLICK,
    ENGAGED,
    EXTERNAL,
    MINUTE_MS,
    SKIP,
    TypedIndex,
    TypedSettings,
)
from models.ranking.lsttm.typed_neighbours import TypedGraph
from tests.models.ranking.lsttm.logs import Rows, random_log

ROWS = Rows()
WIDTH = 4
TABLE = torch.randn(ROWS.table, WIDTH + 1, generator=torch.Generator().manual_seed(3))
CONFIG = TypedSettings(neighbours=4, width=3, engaged_seconds=30)
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]

Event = tuple[int, int, int]  # counterpart, type, when


def instances(tasks: int, seed: int, n: int = 6) -> list[np.ndarray]:
    g = np.random.default_rng(seed)
    return [
        g.integers(0, 12, (tasks, n)),
        g.integers(0, 15, (tasks, n)),
        g.integers(0, 7, (tasks, n)) * HOUR_MS,
    ]


def kinds(log: EventLog, config: TypedSettings) -> list[int]:
    e, limit = log.exposures, config.engaged_seconds
    return [
        SKIP if not e.clicked[i] else ENGAGED if limit is not None and e.dwell_seconds[i] >= limit else CLICK
        for i in range(len(e))
    ]


def of_user(log: EventLog, config: TypedSettings, user: int, now: int) -> list[Event]:
    e, x, k = log.exposures, log.external, config.neighbours
    kind = kinds(log, config)
    shown = [(int(e.item[i]), kind[i], int(e.shown_at[i])) for i in range(len(e)) if e.user[i] == user]
    shown = [event for event in shown if event[2] < now][-k:][::-1]
    received = [j for j in range(len(x)) if x.user[j] == user and x.received_at[j] < now]
    received = sorted(received, key=lambda j: (x.received_at[j], x.occurred_at[j]))[-k:][::-1]
    both = shown + [(int(x.item[j]), EXTERNAL, int(x.occurred_at[j])) for j in received]
    return sorted(both, key=lambda event: -event[2])[:k][::-1]


def of_item(log: EventLog, config: TypedSettings, item: int, now: int) -> list[Event]:
    e, kind = log.exposures, kinds(log, config)
    shown = [(int(e.user[i]), kind[i], int(e.shown_at[i])) for i in range(len(e)) if e.item[i] == item]
    return [event for event in shown if event[2] < now][-config.neighbours :]


def model_of(config: TypedSettings) -> TypedGraph:
    return TypedGraph(config, 2, 2, dim=WIDTH, generator=torch.Generator().manual_seed(5))


def run(
    index: TypedIndex,
    asked: list[np.ndarray],
    model: TypedGraph,
    params: dict | None = None,
    device: str = "cpu",
):
    sample = index.sample(*asked)
    unique, _, positions = localise_tasks(sample.row_ids)
    graph = sample.build(positions).to(device)
    rows = TABLE[unique].to(device).requires_grad_()
    params = dict(model.named_parameters()) if params is None else params
    return *functional_call(model, params, (rows, graph)), graph, rows, unique


@pytest.mark.parametrize("config", [CONFIG, CONFIG.model_copy(update={"engaged_seconds": None})])
def test_sees_the_latest_events_with_type_and_age(config: TypedSettings) -> None:
    log, asked = random_log(1), instances(2, 1)
    sample = TypedIndex.of(config, ROWS, EventDays.of(log)).sample(*asked)
    graph = sample.build(sample.row_ids)  # table rows themselves, so that nodes can be told by their ID rows
    found = set()
    for t, b in np.ndindex(asked[0].shape):
        user, item, now = (int(column[t, b]) for column in asked)
        assert graph.users[t, graph.instance_user[t, b], 0] == user
        assert graph.items[t, graph.instance_item[t, b], 0] == item + ROWS.users
        for side, nodes, shift, expected in (
            (graph.of_users, graph.items, ROWS.users, of_user(log, config, user, now)),
            (graph.of_items, graph.users, 0, of_item(log, config, item, now)),
        ):
            mask = side.mask[t, b]
            assert mask.tolist() == [False] * (config.neighbours - len(expected)) + [True] * len(expected)
            seen = nodes[t, side.neighbours[t, b][mask], 0] - shift
            assert seen.tolist() == [event[0] for event in expected]
            types = side.codes[t, b][mask] // config.age_buckets
            assert types.tolist() == [event[1] for event in expected]
            ages = [int(np.floor(np.log2((now - event[2]) // MINUTE_MS + 1))) for event in expected]
            assert (side.codes[t, b][mask] % config.age_buckets).tolist() == ages
            found |= set(types.tolist())
    assert found == {SKIP, CLICK, EXTERNAL} | ({ENGAGED} if config.engaged_seconds else set())


def test_a_late_arrival_is_seen_once_received_and_is_as_old_as_it_is() -> None:
    log = random_log(0, exposures=1, external=1)
    external = replace(
        log.external, user=np.array([3]), occurred_at=np.array([0]), received_at=np.array([5 * HOUR_MS])
    )
    index = TypedIndex.of(CONFIG, ROWS, EventDays.of(replace(log, external=external)))
    asked = [np.full((1, 2), 3), np.full((1, 2), 0), np.array([[5 * HOUR_MS, 6 * HOUR_MS]])]
    sample = index.sample(*asked)
    side = sample.build(sample.row_ids).of_users
    kinds_seen = [side.codes[0, b][side.mask[0, b]] // CONFIG.age_buckets for b in range(2)]
    assert EXTERNAL not in kinds_seen[0]
    at = (kinds_seen[1] == EXTERNAL).nonzero()[0, 0]
    assert side.codes[0, 1][side.mask[0, 1]][at] % CONFIG.age_buckets == int(np.log2(361))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("target", [True, False])
def test_equals_the_equations_node_by_node(device: str, target: bool) -> None:
    config = CONFIG.model_copy(update={"target_attention": target})
    log, asked, model = random_log(2), instances(2, 2), model_of(config)
    user, item, known, _, rows, unique = run(
        TypedIndex.of(config, ROWS, EventDays.of(log)), asked, model.to(device), device=device
    )
    (user.square().sum() + item.square().sum()).backward()
    gradient = torch.zeros_like(TABLE).index_add_(0, unique, rows.grad.cpu())

    table, model = TABLE.clone().requires_grad_(), model.cpu()

    def x(side: int, node: int) -> torch.Tensor:
        own = (ROWS.user_rows, ROWS.item_rows)[side](np.array(node))
        fields = (ROWS.user_field_rows, ROWS.item_field_rows)[side](np.array(node))
        return table[[int(own), *fields.tolist()], :-1].flatten()

    def slow(side: int, node: int, other: int, now: int) -> torch.Tensor:
        layer = (model.user_side, model.item_side)[side]
        events = (of_user, of_item)[side](log, config, node, now)
        if not events:
            return torch.zeros(3)
        hidden, scores = [], []
        for counterpart, kind, when in events:
            age = int(np.floor(np.log2((now - when) // MINUTE_MS + 1)))
            h = (
                x(1 - side, counterpart) @ layer.key_weight
                + layer.type_embedding[kind]
                + layer.age_embedding[age]
            )
            s = x(side, node) @ layer.query_weight @ layer.query_attention + h @ layer.key_attention
            s = torch.nn.functional.leaky_relu(s, 0.2).squeeze()
            if layer.target_weight is not None:
                s = s + (x(1 - side, other) @ layer.target_weight) @ h / 3**0.5
            hidden.append(h)
            scores.append(s)
        weights = torch.softmax(torch.stack(scores), 0)
        return torch.nn.functional.elu(weights @ torch.stack(hidden))

    pairs = [tuple(int(column[at]) for column in asked) for at in np.ndindex(asked[0].shape)]
    users = torch.stack([slow(0, u, i, now) for u, i, now in pairs]).view(user.shape)
    items = torch.stack([slow(1, i, u, now) for u, i, now in pairs]).view(item.shape)
    (users.square().sum() + items.square().sum()).backward()
    torch.testing.assert_close(user.cpu(), users, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(item.cpu(), items, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(gradient, table.grad, atol=1e-5, rtol=1e-5)
    assert known.cpu().tolist() == torch.stack([(users != 0).any(-1), (items != 0).any(-1)], -1).tolist()


def test_tasks_with_their_own_parameters() -> None:
    index, model, asked = (
        TypedIndex.of(CONFIG, ROWS, EventDays.of(random_log(4))),
        model_of(CONFIG),
        instances(2, 4),
    )
    params = {name: torch.stack([p.detach(), 2 * p.detach()]) for name, p in model.named_parameters()}
    together = run(index, asked, model, params)
    for task in range(2):
        alone = run(index, [a[[task]] for a in asked], model, {name: p[task] for name, p in params.items()})
        for side in range(2):
            torch.testing.assert_close(together[side][task], alone[side][0])


def test_events_received_from_the_period_start_on_change_nothing() -> None:
    log, model, now = random_log(6), model_of(CONFIG), 3 * HOUR_MS
    users, items, _ = instances(1, 6)
    asked = [users, items, np.full_like(users, now)]
    e, x = log.exposures, log.external
    late, x_late = e.shown_at >= now, x.received_at >= now
    exposures = replace(e, clicked=e.clicked ^ late, user=np.where(late, (e.user + 1) % 12, e.user))
    external = replace(x, occurred_at=np.where(x_late, 0, x.occurred_at), item=np.where(x_late, 0, x.item))
    before = run(TypedIndex.of(CONFIG, ROWS, EventDays.of(log)), asked, model)
    for changed in (replace(log, exposures=exposures, external=external), log.between(0, now)):
        after = run(TypedIndex.of(CONFIG, ROWS, EventDays.of(changed)), asked, model)
        for one, other in zip((*before[:3], before[5]), (*after[:3], after[5]), strict=True):
            assert torch.equal(one, other)


def test_appended_hours_equal_one_log_and_survive_a_restart(tmp_path: Path) -> None:
    log, model, asked = random_log(7), model_of(CONFIG), instances(1, 7)
    whole = run(TypedIndex.of(CONFIG, ROWS, EventDays.of(log)), asked, model)
    index = TypedIndex.of(CONFIG, ROWS, EventDays.of(log.between(0, 3 * HOUR_MS)))
    for hour in range(3, 6):
        index.append(log.between(hour * HOUR_MS, (hour + 1) * HOUR_MS))
        if hour == 4:
            index.save(tmp_path / "state")
            index = TypedIndex.load(CONFIG, ROWS, tmp_path / "state")
    again = run(index, asked, model)
    assert torch.equal(whole[0], again[0])
    assert torch.equal(whole[1], again[1])


def test_a_log_without_events() -> None:
    user, item, known, *_ = run(
        TypedIndex.of(CONFIG, ROWS, EventDays.of(random_log(0).between(0, 0))),
        instances(2, 1),
        model_of(CONFIG),
    )
    assert not known.any()
    assert (user == 0).all()
    assert (item == 0).all()
