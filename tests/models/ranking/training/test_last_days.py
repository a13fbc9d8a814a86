"""Temporal MAML of the last days, and tasks whose first-day items start from the row of unknown ones."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.ranking.features.instances import Instances
from models.ranking.features.vocabulary import ITEM_ROWS
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from models.ranking.training.adaptation import AdaptationSettings
from models.ranking.training.learner import Learner
from models.ranking.training.loop import Plain
from models.ranking.training.maml import Joined
from models.ranking.training.rates import MetaSettings
from models.ranking.training.temporal_maml import TemporalMAML
from models.ranking.training.temporal_tasks import TaskBatch, TaskSettings
from tests.models.ranking.toy import START, hour_of, toy_log, train

LSTTM = SYSTEMS["lsttm"].tiny
TODAY = TaskSettings(tasks=4, instances=16, support="items_today")
UNKNOWN = MetaSettings(
    last_days=1, inner_groups=("item_rows",), item_row_step="row_sum", first_day_rows="unknown"
)


def lsttm(**update: object):
    return LSTTM.model_copy(update=update)


@pytest.mark.parametrize("days", [1, 2, 9])
@pytest.mark.parametrize("online", ["two_speed", "replayed"])
def test_each_instance_has_one_step_plain_before_the_last_days_and_as_a_query_in_them(
    days, online, monkeypatch
):
    log = toy_log(hours=54)
    end = START // 3_600_000 + 48
    plain, meta = [], []
    steps = Plain.step, TemporalMAML.step

    def plain_step(self, learner: Learner, data: Instances, item: np.ndarray) -> float:
        plain.extend(data.hour[item[0]].tolist())
        return steps[0](self, learner, data, item)

    def meta_step(self, learner: Learner, data: Instances, item: TaskBatch) -> float:
        meta.extend(data.hour[item.query[item.query_weight > 0]].tolist())
        return steps[1](self, learner, data, item)

    monkeypatch.setattr(Plain, "step", plain_step)
    monkeypatch.setattr(TemporalMAML, "step", meta_step)
    past = log.between(START, START + 48 * 3_600_000)
    system = lsttm(meta=MetaSettings(last_days=days), adaptation=AdaptationSettings(online=online))
    train("lsttm", log, settings=system, history=past)
    assert all(hour < end - 24 * days for hour in plain)
    assert all(hour >= end - 24 * days for hour in meta)
    hours = past.exposures.shown_at // 3_600_000
    assert sorted([*plain, *meta]) == sorted(hours.tolist())
    assert bool(plain) == (days == 1)


def test_more_days_than_there_are_is_all_of_them():
    log = toy_log()
    one, other = (train("lsttm", log, settings=lsttm(meta=MetaSettings(last_days=n))) for n in (9, 90))
    assert np.array_equal(one.score(hour_of(log, 30)), other.score(hour_of(log, 30)))


def test_items_that_the_epochs_hid_start_the_last_days_where_a_newcomer_starts(monkeypatch):
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    reset = Learner.reset_items

    def watched(self: Learner, **how: bool) -> None:
        items = self.row_groups(torch.arange(len(self.table))) == ITEM_ROWS
        still = items & ~self.rows.state[0].merged().any(1)
        before = self.table.merged().clone()
        reset(self, **how)
        after, oov = self.table.merged(), self.vocabulary.oov_row(self.vocabulary.item_column)
        assert (after[still] == before[oov]).all()
        assert torch.equal(after[~still], before[~still])
        seen.append((still, items))

    monkeypatch.setattr(Learner, "reset_items", watched)
    hidden = LSTTM.training.model_copy(update={"newcomers": "day"})
    log = toy_log(hours=54)
    past = log.between(START, START + 48 * 3_600_000)
    train("lsttm", log, history=past, settings=lsttm(meta=MetaSettings(last_days=1), training=hidden))
    ((still, items),) = seen
    assert 0 < int(still.sum()) < int(items.sum())


def test_first_day_items_start_from_the_unknown_row_in_the_tasks_of_the_coin(monkeypatch):
    log = toy_log()
    changed = []
    real = TemporalMAML._from_unknown

    def watched(self, learner: Learner, joined: Joined, item) -> Joined:
        out = real(self, learner, joined, item)
        oov = learner.vocabulary.oov_row(learner.vocabulary.item_column)
        moved = out.unique != joined.unique
        assert (out.unique[moved] == oov).all()
        assert item.coin[out.task[moved].numpy()].all()
        of_item = {int(r): i for i, r in enumerate(learner.vocabulary.item_rows(np.arange(40))) if r != oov}
        first = {i: int(log.exposures.shown_at[log.exposures.item == i].min()) for i in of_item.values()}
        for row, task in zip(joined.unique.tolist(), joined.task.tolist(), strict=True):
            if row in of_item and item.coin[task]:
                same_day = first[of_item[row]] // 86_400_000 == item.hours[task] // 24
                at = (joined.unique == row) & (joined.task == task)
                assert bool(moved[at].all()) == same_day
        changed.append(int(moved.sum()))
        return out

    monkeypatch.setattr(TemporalMAML, "_from_unknown", watched)
    ranker = train("lsttm", log, settings=lsttm(meta=UNKNOWN, tasks=TODAY))
    assert sum(changed) > 0
    assert np.isfinite(ranker.score(hour_of(log, 30))).all()


def test_a_killed_training_with_meta_learned_last_days_resumes_to_the_same_bits(tmp_path, monkeypatch):
    log = toy_log(hours=54)
    past = log.between(START, START + 48 * 3_600_000)
    system = lsttm(
        meta=UNKNOWN.model_copy(update={"inner_rates": "learned"}),
        tasks=TODAY,
        training=LSTTM.training.model_copy(update={"checkpoint_steps": 3}),
    )
    vectors = SimpleNamespace(user_vectors=np.full((60, 16), 0.1, np.float32))
    whole = Ranker.train(system, past, long_term=vectors)
    steps, step = [0], TemporalMAML.step

    def killed(self, *arguments: object) -> float:
        steps[0] += 1
        if steps[0] == 8:
            raise KeyboardInterrupt
        return step(self, *arguments)

    file = tmp_path / "state"
    with monkeypatch.context() as patch:
        patch.setattr(TemporalMAML, "step", killed)
        with pytest.raises(KeyboardInterrupt):
            Ranker.train(system, past, long_term=vectors, checkpoint=file)
    again = Ranker.train(system, past, long_term=vectors, checkpoint=file)
    assert torch.equal(again.learner.table.merged(), whole.learner.table.merged())
    assert torch.equal(
        again.strategy_state["rates"]["logarithms"], whole.strategy_state["rates"]["logarithms"]
    )


@pytest.mark.parametrize("meta", [MetaSettings(), UNKNOWN])
def test_lsttm_spectral_can_be_meta_trained(meta):
    system = SYSTEMS["lsttm_spectral"].tiny.model_copy(update={"meta": meta, "tasks": TODAY})
    log = toy_log()
    ranker = train("lsttm_spectral", log, settings=system)
    plain = train("lsttm_spectral", log)
    assert not np.array_equal(ranker.score(hour_of(log, 30)), plain.score(hour_of(log, 30)))
    assert ranker.adapt(hour_of(log, 30)).steps > 0
