"""The order of sequential training, and what an hour moves."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.ranking.features.vocabulary import FIELD_ROWS
from models.ranking.registry import SYSTEMS
from models.ranking.sml.strategy import SequentialTransfer
from models.ranking.sml.transfer import TransferSettings
from tests.models.ranking.test_ranker import assert_same
from tests.models.ranking.toy import START, TRAIN_HOURS, hour_of, toy_log, train, trained

SYSTEMS_HERE = ("sml", "sml_deepfm")


class Hours:
    """As much of an `InstanceBlock`, of its stream and its instances as a plan reads."""

    def __init__(self, counts, first=500_000):
        self.hour = np.repeat(np.arange(first, first + len(counts)), counts)
        self.hour_edges = np.append(0, np.cumsum([n for n in counts if n]))
        self.data = self.stream = self
        self.first = 0

    def __len__(self):
        return len(self.hour)

    def cut(self, first, end):
        """The block of some hours of this stream."""
        edges = self.hour_edges
        data = range(edges[end] - edges[first])
        return SimpleNamespace(first=int(edges[first]), stream=self, data=data)


def sequence(pretrain=0.0):
    return SequentialTransfer(TransferSettings(), pretrain=pretrain, fit_batch=4, batch=6)


def planned(strategy, data, epoch=0):
    return strategy.plan(data, epoch, np.random.default_rng(1))


def runs_of(plan, data):
    """(stage, hour, instances) of each run of steps."""
    out = []
    for step in plan:
        hours = set((data.hour[step.instances[0]] - 500_000).tolist())
        assert len(hours) == 1 or step.stage == "pretrain"
        key = (step.stage, min(hours))
        if not out or out[-1][0] != key or step.stage == "pretrain":
            out.append((key, []))
        out[-1][1].extend(step.instances[0].tolist())
    return out


def test_a_period_is_fitted_then_judged_by_the_next():
    data = Hours([5, 3, 0, 7])  # a silent hour is no period: the one after it is next
    runs = runs_of(planned(sequence(), data), data)
    assert [key for key, _ in runs] == [("fit", 0), ("transfer", 1), ("fit", 1), ("transfer", 3), ("fit", 3)]
    for (stage, _), instances in runs:
        assert instances == sorted(instances) or stage == "transfer"
        assert len(set(instances)) == len(instances)
    assert sorted(runs[1][1]) == runs[2][1] == [5, 6, 7]
    plan = planned(sequence(), data)
    carries = [i for i, step in enumerate(plan) if step.carries]
    # The last fit of every period carries its weights on, before the transfer sees the next one's data.
    assert all(
        plan[i].stage == "fit" and (plan[i + 1].stage == "transfer" if i + 1 < len(plan) else True)
        for i in carries
    )
    assert len(carries) == 3 and plan[-1].ends


def test_pre_training_takes_whole_periods_in_the_first_epoch_alone():
    data = Hours([4, 4, 4, 4])
    plan = planned(sequence(pretrain=0.4), data)
    pretrained = np.concatenate([step.instances[0] for step in plan if step.stage == "pretrain"])
    assert sorted(pretrained) == list(range(8)) and sorted(pretrained) != list(pretrained)
    after = runs_of([step for step in plan if step.stage != "pretrain"], data)
    assert after[0][0] == ("fit", 2)
    assert all(step.stage != "pretrain" for step in planned(sequence(pretrain=0.4), data, epoch=1))
    whole = planned(sequence(pretrain=1.0), data)  # the last period is always fitted: online goes on from it
    assert [step.stage for step in whole if step.stage != "pretrain"] == ["fit"]


@pytest.mark.parametrize("pretrain", [0.0, 0.4, 0.7, 1.0])
@pytest.mark.parametrize("epoch", [0, 1])
def test_blocks_of_hours_are_planned_as_the_whole_is(pretrain, epoch):
    """The same stages of the same hours in the same order, wherever the hours are cut into blocks."""
    data = Hours([5, 3, 0, 7, 4, 9])

    def stages(plan, first):
        return [(s.stage, sorted((s.instances[0] + first).tolist()), s.carries, s.ends) for s in plan]

    def later(plan):
        """Of transfers, instances are drawn in another order: compare how many."""
        return [(stage, len(i) if stage == "transfer" else i, c, e) for stage, i, c, e in plan]

    whole = stages(planned(sequence(pretrain), data, epoch), 0)
    for cuts in ([0, 2, 5], [0, 1, 2, 3, 4, 5]):
        parts = []
        for first, end in pairwise(cuts):
            block = data.cut(first, end)
            parts += stages(planned(sequence(pretrain), block, epoch), block.first)
        fits = [step for step in later(parts) if step[0] != "pretrain"]
        assert fits == [step for step in later(whole) if step[0] != "pretrain"]
        seen = [
            sorted(i for stage, its, *_ in plan if stage == "pretrain" for i in its)
            for plan in (parts, whole)
        ]
        assert seen[0] == seen[1]


class Witness(SequentialTransfer):
    """Notes the weights and Θ as they stand after every step."""

    def __init__(self, inner):
        self.__dict__.update(inner.__dict__)
        self.seen = []

    def step(self, learner, data, item):
        loss = super().step(learner, data, item)
        theta = torch.cat([p.detach().reshape(-1) for p in learner.module.theta()])
        self.seen.append((item, int(data.hour[item.instances].max()), learner.table.merged().clone(), theta))
        return loss


def watched(monkeypatch, system, log):
    witnesses = []
    honest = type(SYSTEMS[system].tiny).strategy

    def strategy(self):
        witnesses.append(Witness(honest(self)))
        return witnesses[-1]

    monkeypatch.setattr(type(SYSTEMS[system].tiny), "strategy", strategy)
    settings = SYSTEMS[system].tiny.model_copy(update={"pretrain": 0.4})
    train(system, log.between(START, START + 18 * 3_600_000), settings=settings)
    monkeypatch.undo()
    return witnesses[-1].seen


@pytest.mark.parametrize("system", SYSTEMS_HERE)
def test_no_weight_of_a_period_has_seen_a_later_one(system, monkeypatch):
    """Other labels from hour h on: up to the carrying of hour h − 1 every weight is the same, and Θ's first
    step on hour h differs, while the table waits for hour h's own fit."""
    log = toy_log(per_hour=40)
    hour = START // 3_600_000 + 15
    late = log.exposures.shown_at >= hour * 3_600_000
    changed = replace(
        log,
        exposures=replace(
            log.exposures, clicked=np.where(late, ~log.exposures.clicked, log.exposures.clicked)
        ),
    )
    for one, other in zip(
        watched(monkeypatch, system, log), watched(monkeypatch, system, changed), strict=True
    ):
        item, seen, table, theta = one
        _, other_seen, other_table, other_theta = other
        assert seen == other_seen
        if seen < hour:
            assert torch.equal(table, other_table) and torch.equal(theta, other_theta)
        elif item.stage == "transfer" and seen == hour:
            assert torch.equal(table, other_table) and not torch.equal(theta, other_theta)
        elif item.carries:
            assert not torch.equal(table, other_table)
            return
    raise AssertionError("the hour was never reached")


@pytest.mark.parametrize("system", SYSTEMS_HERE)
def test_an_hour_moves_its_own_rows_by_its_own_transfer(system):
    ranker = trained(system)
    learner, hour = ranker.learner, hour_of(toy_log(), TRAIN_HOURS)
    with torch.no_grad():  # a transfer that does something
        for transfer in learner.module.transfers:
            transfer.out.bias += 1.0
        learner.module.dense.gates -= 1.0
    fresh = []
    finish = ranker._adapter.finish
    ranker._adapter.finish = lambda its: (fresh.append(its.table.merged().clone()), finish(its))
    before = learner.table.merged().clone()
    theta = [p.detach().clone() for p in learner.module.theta()]
    dense = [p.detach().clone() for p in learner.module.ranker.parameters()]
    ranker.adapt(hour)
    after, touched = learner.table.merged(), learner.touched()
    old = torch.cat([before, before[[learner.vocabulary.oov_row(c) for c, _ in ranker.grown for _ in _]]])
    groups = learner.row_groups(torch.arange(len(after)))
    moved = (after != old).any(1)
    assert moved.any() and not moved[~torch.isin(torch.arange(len(after)), touched)].any()
    assert (system == "sml_deepfm") == bool(moved[groups == FIELD_ROWS].any())
    expected = learner.module.rows(groups, old, fresh[0])[moved]
    torch.testing.assert_close(after[moved], expected.detach(), rtol=1e-5, atol=1e-6)
    assert not torch.equal(after[moved], fresh[0][moved])
    assert all(torch.equal(a, b) for a, b in zip(theta, learner.module.theta(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(dense, learner.module.ranker.parameters(), strict=True))


def test_matrix_factorisation_reads_nothing_but_two_ids():
    ranker = train("sml", toy_log())
    hour = hour_of(toy_log(), TRAIN_HOURS)
    scores = ranker.score(hour)
    table, vocabulary = ranker.learner.table.merged(), ranker.learner.vocabulary
    user = table[torch.from_numpy(vocabulary.user_rows(hour.exposures.user))].double()
    item = table[torch.from_numpy(vocabulary.item_rows(hour.exposures.item))].double()
    logits = (user[:, :-1] * item[:, :-1]).sum(1) + user[:, -1] + item[:, -1]
    logits += ranker.learner.module.ranker.intercept.item()
    np.testing.assert_allclose(scores, torch.sigmoid(logits).numpy(), rtol=1e-5)


def test_other_hourly_rules_remain_possible():
    for rule in ("two_speed", "sgd", "none"):
        tiny = SYSTEMS["sml"].tiny
        ranker = train(
            "sml",
            toy_log(),
            settings=tiny.model_copy(
                update={"adaptation": tiny.adaptation.model_copy(update={"online": rule})}
            ),
        )
        theta = [p.detach().clone() for p in ranker.learner.module.theta()]
        before = ranker.learner.table.merged().clone()
        ranker.adapt(hour_of(toy_log(), TRAIN_HOURS))
        assert torch.equal(before, ranker.learner.table.merged()[: len(before)]) == (rule == "none")
        assert all(torch.equal(a, b) for a, b in zip(theta, ranker.learner.module.theta(), strict=True))


@pytest.fixture(scope="module")
def straight():
    return checkpointed(None)


@pytest.mark.parametrize("stop", [20, 21, 22, 23])
def test_a_training_resumes_in_the_middle_of_a_period(tmp_path, monkeypatch, straight, stop):
    checkpoint = tmp_path / "checkpoint.pt"
    honest, calls = SequentialTransfer.step, []

    def failing(self, learner, data, item):
        calls.append(item.stage)
        if len(calls) == stop:
            raise KeyboardInterrupt
        return honest(self, learner, data, item)

    monkeypatch.setattr(SequentialTransfer, "step", failing)
    with pytest.raises(KeyboardInterrupt):
        checkpointed(checkpoint)
    monkeypatch.undo()
    resumed = checkpointed(checkpoint)
    assert_same(straight, resumed)
    assert straight.losses == resumed.losses


def checkpointed(path):
    tiny = SYSTEMS["sml"].tiny
    training = tiny.training.model_copy(update={"checkpoint_steps": 1, "average": 0.9})
    small = tiny.adaptation.model_copy(update={"batch_size": 16})  # three fits a period
    settings = tiny.model_copy(update={"training": training, "adaptation": small, "pretrain": 0.5})
    return train("sml", toy_log(per_hour=40), settings=settings, checkpoint=path)
