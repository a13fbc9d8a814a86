"""The diagnosis against what it claims to measure."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch

from models.metrics import auc
from models.ranking.lsttm.diagnosis import AGE_EDGES, Walk, walk
from models.ranking.lsttm.gate_probe import _gate_at, _gate_slope
from models.ranking.lsttm.inner_curve import inner_curve
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from models.ranking.training.loop import cross_entropy
from models.ranking.training.rates import MetaSettings
from tests.models.ranking.toy import START, TRAIN_HOURS, hour_of, toy_log, train

HOURS = range(TRAIN_HOURS, TRAIN_HOURS + 3)


@pytest.fixture(scope="module")
def daily(tmp_path_factory):
    path = tmp_path_factory.mktemp("ranker") / "daily"
    train("lsttm_no_meta", toy_log()).save(path)
    return path


@pytest.fixture(scope="module")
def day(daily) -> Walk:
    log = toy_log()
    return walk(Ranker.load(daily), Ranker.load(daily), [hour_of(log, number) for number in HOURS])


def test_a_walk_holds_the_scores_of_both_lives(daily, day):
    log = toy_log()
    still, adapted = Ranker.load(daily), Ranker.load(daily)
    scores = []
    for number in HOURS:
        hour = hour_of(log, number)
        scores.append((still.score(hour), adapted.score(hour)))
        still.receive(hour)
        adapted.adapt(hour)
    for name, expected in zip(("still", "adapted"), zip(*scores, strict=True), strict=True):
        np.testing.assert_array_equal(day.columns[name], np.concatenate(expected))
    first = day.columns["hour"] == 0
    np.testing.assert_array_equal(day.columns["still"][first], day.columns["adapted"][first])
    assert (day.columns["still"][~first] != day.columns["adapted"][~first]).any()


def test_ages_and_activity_are_those_of_the_log(day):
    log = toy_log()
    e = log.exposures
    inside = slice(
        *np.searchsorted(e.shown_at, [hour_of(log, HOURS[0]).start_ms, hour_of(log, HOURS[-1]).end_ms])
    )
    for place in range(0, len(day.columns["age"]), 37):
        user, item, hour = (c[inside][place] for c in (e.user, e.item, (e.shown_at - START) // 3_600_000))
        before = (e.shown_at - START) // 3_600_000 < hour
        assert day.columns["activity"][place] == (e.user[before] == user).sum()
        shown = ((e.shown_at - START) // 3_600_000)[before & (e.item == item)]
        assert day.columns["age"][place] == (hour - shown[0] if len(shown) else -1)


def test_tables_cut_the_day_without_losing_an_exposure(day):
    n = len(day.columns["clicked"])
    for table in (
        day.gains("hour"),
        day.gains("age", AGE_EDGES),
        day.gate("hour"),
        day.gate("activity", (1, 4)),
    ):
        assert sum(row["exposures"] for row in table) == n
    row = day.gains("hour")[1]
    part = day.columns["hour"] == 1
    assert row["gain"] == pytest.approx(
        auc(day.columns["clicked"][part], day.columns["adapted"][part])
        - auc(day.columns["clicked"][part], day.columns["still"][part])
    )
    fixed = day.fixed_gates()
    assert set(fixed) == {"own", "share_0", "share_0.5", "share_1"}
    scores = [day.columns[name] for name in ("still", "share_0", "share_0.5", "share_1")]
    assert not any(np.allclose(one, other) for one, other in combinations(scores, 2))
    groups = {record["group"] for record in day.moved}
    assert groups == {"item_rows", "user_rows", "field_rows", "graph", "gate", "ranker"}
    assert all(record["step"] > 0 for record in day.moved if record["group"] in ("item_rows", "gate"))


def test_the_gates_pull_is_the_slope_of_the_loss(daily):
    """The gradient of its bias-like `missing` numbers is the sum of pulls over those who miss a side."""
    log = toy_log()
    ranker = Ranker.load(daily)
    hour = hour_of(log, TRAIN_HOURS)
    module, learner = ranker.learner.module, ranker.learner
    batch = ranker.instances(hour.exposures, hour).batch(np.arange(40)[None])
    rows = learner.table.gather(batch.unique)
    logits, weights, slope = _gate_slope(module, rows, batch)
    with torch.no_grad():
        torch.testing.assert_close(logits, module(rows, batch))
        with _gate_at(module, 1.0):
            held = module.score(rows, batch)
        assert (held[1] == torch.tensor([1.0, 0.0])).all()
    shift = torch.zeros(40, requires_grad=True)
    own = module.gate

    class Shifted(torch.nn.Module):
        def forward(self, short, long, target, present=None):
            w = own(short, long, target, present)[1]
            scores = torch.log(w[..., 0] / w[..., 1]) + shift
            share = torch.sigmoid(scores).unsqueeze(-1)
            return share * short + (1 - share) * long, torch.cat([share, 1 - share], -1)

    module.gate = Shifted()
    try:
        (expected,) = torch.autograd.grad(cross_entropy(module(rows, batch), batch) * 40, shift)
    finally:
        module.gate = own
    found = (torch.sigmoid(logits) - batch.labels) * slope
    torch.testing.assert_close(found[0], expected, atol=1e-6, rtol=1e-4)
    assert weights.shape == (1, 40, 2)


def test_an_inner_step_lowers_the_support_loss_and_none_changes_nothing(daily):
    log = toy_log()
    hours = [hour_of(log, number) for number in HOURS]
    forms = {
        "none": MetaSettings(inner_rate=0.0),
        "all": MetaSettings(inner_rate=0.05),
        "items": MetaSettings(inner_rate=0.05, inner_groups=("item_rows",), item_row_step="row_mean"),
    }
    found = {row["form"]: row for row in inner_curve(Ranker.load(daily), hours, forms, instances=32, draws=2)}
    assert found["none"]["support"] == found["none"]["query"] == found["none"]["error"] == 0
    assert found["all"]["support"] < 0
    assert found["items"]["support"] < 0
    assert found["all"]["query"] != 0 and found["all"]["error"] > 0


def test_a_support_may_lie_hours_before_its_query(daily):
    log = toy_log()
    hours = [hour_of(log, number) for number in HOURS]
    forms = {"all": MetaSettings(inner_rate=0.05)}

    def curve(*backs: int) -> dict:
        rows = inner_curve(Ranker.load(daily), hours, forms, instances=32, draws=2, backs=backs)
        return {row["hours_before"]: row for row in rows}

    both = curve(1, 2)
    assert both[1] == curve(1)[1] and both[1]["query"] != both[2]["query"]
    assert set(curve(1, len(hours))) == {1}, "no hour lies so far back"


@pytest.mark.parametrize(("system", "forms"), [("sml", 1), ("lightgbm", 0)])
def test_an_inner_step_needs_gradients_and_no_gate(system, forms, tmp_path):
    log = toy_log()
    train(system, log).save(tmp_path / "daily")
    hours = [hour_of(log, number) for number in HOURS]
    found = inner_curve(Ranker.load(tmp_path / "daily"), hours, {"all": MetaSettings()}, instances=32)
    assert len(found) == forms and all(row["support"] < 0 for row in found)
    assert inner_curve(Ranker.load(tmp_path / "daily"), hours[:1], {"all": MetaSettings()}) == []


def test_a_system_without_a_gate_has_none(tmp_path):
    log = toy_log()
    settings = SYSTEMS["lsttm_concat"].tiny.model_copy(update={"meta": None})
    train("lsttm_concat", log, settings=settings).save(tmp_path / "daily")
    loaded = [Ranker.load(tmp_path / "daily") for _ in range(2)]
    day = walk(*loaded, [hour_of(log, TRAIN_HOURS)])
    assert day.gate("hour") == []
    assert set(day.fixed_gates()) == {"own"}
