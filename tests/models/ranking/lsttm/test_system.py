"""The systems `lsttm` and `lsttm_no_meta` through the ranker's door."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import functional_call

from models.ranking.features.batch import Batch
from models.ranking.features.event_log import HOUR_MS, EventLog
from models.ranking.lsttm.long_term_state import LongTermState
from models.ranking.lsttm.model import LSTTM, dense_group
from models.ranking.lsttm.system import LSTTMSettings
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from models.ranking.training.adaptation import AdaptationSettings
from models.ranking.training.maml import (
    Joined,
    expand,
    inner_step,
    join,
    meta_gradient,
    task_losses,
)
from models.ranking.training.rates import GROUPS, InnerRates, MetaSettings
from models.ranking.training.temporal_tasks import TaskSettings
from tests.models.ranking.lsttm.logs import random_log

LEARNED = MetaSettings(
    order=1, inner_rates="learned", inner_rate=0.05, inner_groups=("item_rows",), item_row_step="row_mean"
)
USERS = 12


@pytest.fixture(scope="module")
def log() -> EventLog:
    return random_log(seed=1, exposures=600, hours=8)


@pytest.fixture(scope="module")
def long_term() -> LongTermState:
    vectors = np.random.default_rng(0).normal(0, 0.5, (USERS, 16)).astype(np.float32)
    vectors[3] = 0  # without any click
    known = vectors.any(1)
    return LongTermState(vectors, vectors, known, known, (), (), "{}")


def train(system: LSTTMSettings, log: EventLog, long_term: LongTermState) -> Ranker:
    return Ranker.train(system, log.between(0, 6 * HOUR_MS), seed=0, long_term=long_term)


def hour(log: EventLog, h: int) -> EventLog:
    return log.between(h * HOUR_MS, (h + 1) * HOUR_MS)


def tiny(**update: object) -> LSTTMSettings:
    entry = SYSTEMS["lsttm"].tiny
    assert isinstance(entry, LSTTMSettings)
    return entry.model_copy(update=update)


@pytest.mark.parametrize("name", ["lsttm", "lsttm_no_meta"])
def test_by_name_trains_scores_adapts_and_repeats(name, log, long_term, tmp_path):
    system = SYSTEMS[name].tiny
    ranker, again = (train(system, log, long_term) for _ in range(2))
    first = ranker.score_details(hour(log, 6))
    assert np.array_equal(first["probability"], again.score(hour(log, 6)))
    assert ((first["gate_short"] > 0) & (first["gate_short"] < 1)).all()
    assert len(np.unique(first["gate_short"])) > 1
    ranker.save(tmp_path / "daily")
    ranker.adapt(hour(log, 6))
    ranker.save_hour(tmp_path / "hour")
    found = Ranker.load_hour(tmp_path / "daily", tmp_path / "hour")
    assert np.array_equal(found.score(hour(log, 7)), ranker.score(hour(log, 7)))


def test_the_two_systems_differ_in_training_alone(log, long_term):
    meta, plain = SYSTEMS["lsttm"].tiny, SYSTEMS["lsttm_no_meta"].tiny
    assert meta.model_dump() | {"meta": None} == plain.model_dump()
    assert not np.array_equal(
        train(meta, log, long_term).score(hour(log, 6)), train(plain, log, long_term).score(hour(log, 6))
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"target_item": "id"},
        {"context": "context_only"},
        {"see_missing": False},
        {"meta": MetaSettings(order=1)},
        {"meta": LEARNED},
        {"tasks": TaskSettings(tasks=4, instances=16, task_granularity="hour_x_group", groups=2)},
        {"adaptation": AdaptationSettings(online="two_speed")},
        {"meta": LEARNED, "adaptation": AdaptationSettings(online="learned", batch_size=32)},
    ],
    ids=lambda changed: ", ".join(f"{k}" for k in changed),
)
def test_every_setting_runs_and_tells(changed, log, long_term):
    """Each of our choices and its printed form: runs, adapts, and gives other scores than the default."""
    ranker, default = train(tiny(**changed), log, long_term), train(tiny(), log, long_term)
    for r in (ranker, default):
        report = r.adapt(hour(log, 6))
        assert report.steps > 0
        assert math.isfinite(report.loss)
    assert not np.array_equal(ranker.score(hour(log, 7)), default.score(hour(log, 7)))


def test_printed_form_reads_what_the_paper_reads(log, long_term):
    """`id`, `context_only`: neither item fields nor user ID nor counts reach the ranker beside u, d and c."""
    ranker = train(tiny(target_item="id", context="context_only", see_missing=False), log, long_term)
    module = ranker.learner.module
    assert isinstance(module, LSTTM)
    names = [ranker.learner.vocabulary.layout.specs[c].name for c in module.columns.context]
    assert names == ["hour_of_day", "weekday"]
    assert module.target is None
    assert module.gate.missing is None
    assert module.ranker.mlp.layers[0].weight.shape[0] == (2 + len(names)) * 16


def test_learned_rates_move_are_saved_and_drive_the_hourly_step(log, long_term, tmp_path):
    system = tiny(meta=LEARNED, adaptation=AdaptationSettings(online="learned", batch_size=32, continued=0.0))
    ranker = train(system, log, long_term)
    rates = InnerRates(LEARNED)
    rates.load_state_dict(ranker.strategy_state["rates"])
    learned = rates.by_group()
    assert learned["item_rows"] != pytest.approx(0.05)
    assert learned["user_rows"] == 0
    before = ranker.learner.table.merged().clone()
    ranker.save(tmp_path / "daily")
    ranker.adapt(hour(log, 6))
    vocabulary, after = ranker.learner.vocabulary, ranker.learner.table.merged()
    grown = torch.arange(len(before), len(after))
    is_item = ranker.learner.row_groups(grown) == GROUPS.index("item_rows")
    columns = torch.where(is_item, vocabulary.item_column, vocabulary.user_column)
    born = before[torch.tensor([vocabulary.oov_row(int(c)) for c in columns], dtype=torch.int64)]
    moved = (after != torch.cat([before, born])).any(1).nonzero().squeeze(1)
    assert len(moved)
    assert (ranker.learner.row_groups(moved) == GROUPS.index("item_rows")).all()
    found = Ranker.load(tmp_path / "daily")
    found.adapt(hour(log, 6))
    assert np.array_equal(found.score(hour(log, 7)), ranker.score(hour(log, 7)))


def test_online_learned_needs_learned_rates(log, long_term):
    with pytest.raises(ValueError, match="learned"):
        train(tiny(adaptation=AdaptationSettings(online="learned")), log, long_term)


def test_group_field_beyond_the_users_fields_is_named(log, long_term):
    with pytest.raises(ValueError, match="group_field is 2"):
        train(tiny(tasks=TaskSettings(task_granularity="hour_x_group", group_field=2)), log, long_term)


def double(batch: Batch) -> Batch:
    assert batch.long_term is not None
    return Batch(
        **{**vars(batch), "labels": batch.labels.double(), "weight": batch.weight.double()}
        | {"long_term": batch.long_term.double()}
    )


def lsttm_tasks(log: EventLog, long_term: LongTermState) -> tuple[Ranker, Joined]:
    ranker = train(tiny(meta=None), log, long_term)
    later = log.between(6 * HOUR_MS, 8 * HOUR_MS)  # a ranker answers for what comes after its training alone
    data = ranker.instances(later.exposures, later)
    g = np.random.default_rng(0)
    hours = [np.flatnonzero(data.hour == h) for h in (6, 7)]
    support, query = (np.stack([g.choice(hour, 8, replace=False) for _ in range(3)]) for hour in hours)
    return ranker, join(double(data.batch(support)), double(data.batch(query)))


@pytest.mark.parametrize("inner_rates", ["fixed", "learned"])
def test_second_order_of_the_whole_model_matches_finite_differences(inner_rates, log, long_term):
    """Along random directions of rows, dense parameters and rates, in float64."""
    ranker, joined = lsttm_tasks(log, long_term)
    settings = MetaSettings(order=2, inner_rate=0.2, inner_rates=inner_rates)
    module, rates = ranker.learner.module.double(), InnerRates(settings).double()
    rows = ranker.learner.table.gather(joined.unique).double()
    rows = rows + 0.1 * torch.randn(rows.shape, generator=torch.Generator().manual_seed(1), dtype=rows.dtype)
    groups = ranker.learner.row_groups(joined.unique)
    dense = {name: p.detach() for name, p in module.named_parameters()}

    def loss(table: Tensor, parameters: dict[str, Tensor], alpha: Tensor) -> float:
        copies = expand({name: p.clone().requires_grad_() for name, p in parameters.items()}, 3)
        leaf = table[joined.unique].clone().requires_grad_()
        moved, adapted, _ = inner_step(module, leaf, copies, joined, alpha, settings, groups, dense_group)
        logits = functional_call(module, adapted, (moved[joined.query_at], joined.query))
        return float(task_losses(logits, joined.query).sum().detach())

    # One table row for all its copies, as in training.
    table = torch.zeros(int(joined.unique.max()) + 1, rows.shape[1], dtype=rows.dtype)
    table[joined.unique] = rows
    found = meta_gradient(module, table[joined.unique], joined, rates, settings, groups, dense_group)
    g, eps = torch.Generator().manual_seed(2), 1e-6

    def check(analytic: float, change) -> None:
        numeric = (loss(*change(eps)) - loss(*change(-eps))) / (2 * eps)
        assert abs(numeric - analytic) < 1e-6 * max(abs(numeric), 1e-2), (numeric, analytic)

    alpha = rates().detach()
    direction = torch.zeros_like(table)
    direction[found.rows] = torch.randn(len(found.rows), 17, generator=g, dtype=torch.float64)
    slope = float((direction[found.rows] * found.row_gradient).sum())
    check(slope, lambda e: (table + e * direction, dense, alpha))
    for name, value in dense.items():
        d = torch.randn(value.shape, generator=g, dtype=torch.float64)
        slope = float((d * found.dense[name]).sum())
        check(slope, lambda e, name=name, d=d: (table, dense | {name: dense[name] + e * d}, alpha))
    if found.rates is not None:
        d = torch.randn(len(GROUPS), generator=g, dtype=torch.float64)
        check(float((d * found.rates).sum()), lambda e: (table, dense, alpha * torch.exp(e * d)))
