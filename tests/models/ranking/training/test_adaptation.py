"""The hourly step chosen by replay, and the last pass in time order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.metrics import auc_difference
from models.ranking.features.features import FeatureSettings
from models.ranking.features.instances import Instances
from models.ranking.features.neighbours import RowView
from models.ranking.features.vocabulary import ITEM_ROWS
from models.ranking.instances.maker import InstanceMaker
from models.ranking.instances.rows import InstanceRows
from models.ranking.instances.stream import InstanceStream
from models.ranking.instances.window import TrainingWindow
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from models.ranking.training.adaptation import AdaptationSettings, TwoSpeed, adapter
from models.ranking.training.learner import Learner
from models.ranking.training.loop import TrainingSettings
from models.ranking.training.replay import choose, held_out_from, replayed
from tests.models.ranking.test_ranker import assert_same
from tests.models.ranking.toy import START, TRAIN_HOURS, hour_of, toy_log, train

REPLAYED = AdaptationSettings(online="replayed", batch_size=32)
#: Which external domains have a field depends on the log, so that two logs would differ in their columns.
INTERNAL = FeatureSettings(external=False)
BOTH = {
    "adaptation": REPLAYED,
    "training": TrainingSettings(learning_rate=5e-3, average=0.9, last_pass="time", checkpoint_steps=3),
}


def tiny(system: str = "deepfm", **update: object):
    return SYSTEMS[system].tiny.model_copy(update=update)


@dataclass(frozen=True)
class Held:
    """Hours in memory, as a `HeldOut`."""

    rows: list[InstanceRows]
    maker: InstanceMaker

    def hours(self) -> list[InstanceRows]:
        return self.rows

    def instances(self, rows: InstanceRows) -> Instances:
        return self.maker.make([rows], len(rows))

    @property
    def clicked(self) -> np.ndarray:
        return np.concatenate([rows.clicked for rows in self.rows])

    def labelled(self, clicked: np.ndarray) -> Held:
        """The same rows with other labels."""
        ends = np.cumsum([len(rows) for rows in self.rows])[:-1]
        parts = zip(self.rows, np.split(clicked, ends), strict=True)
        return replace(self, rows=[replace(rows, clicked=its) for rows, its in parts])


@pytest.fixture(scope="module")
def rehearsal() -> tuple[Learner, Held]:
    """A learner trained on 24 hours, and the next six hours with the codes that they would come with."""
    log = toy_log()
    past = log.between(START, START + 24 * 3_600_000)
    ranker = Ranker.train(tiny(features=INTERNAL), past)
    whole = log.between(START, START + TRAIN_HOURS * 3_600_000)
    window = TrainingWindow.of(whole, ranker.settings.features)
    vocabulary = ranker.learner.vocabulary
    view = RowView(vocabulary, ranker.features.users, ranker.features.items)
    maker = InstanceMaker(vocabulary, 0, ranker.settings.graph(window.events, view))
    first = START // 3_600_000
    later = InstanceStream(window, maker).between(first + 24, first + TRAIN_HOURS)
    return ranker.learner, Held(list(later.hours()), maker)


@pytest.mark.parametrize("system", ["deepfm", "lsttm_typed"])
def test_the_choice_is_the_best_that_beats_the_still_model_and_is_saved(system, tmp_path):
    log = toy_log()
    settings = tiny(system, adaptation=REPLAYED.model_copy(update={"margin": 0.0}))
    ranker = train(system, log, settings=settings)
    choice = ranker.strategy_state["replay"]
    assert len(choice["gains"]) == len(choice["errors"]) == len(REPLAYED.candidates)
    best = int(np.argmax(choice["gains"]))
    assert choice["chosen"] == (best if choice["gains"][best] > 0 else -1)
    ranker.save(tmp_path / "daily")
    loaded = Ranker.load(tmp_path / "daily")
    assert loaded.strategy_state["replay"] == choice
    for r in (ranker, loaded):
        r.adapt(hour_of(log, TRAIN_HOURS))
    assert_same(ranker, loaded)
    # A margin that nothing can pass leaves the model still.
    still = adapter(settings.adaptation, {"replay": choice | {"chosen": -1}})
    assert still is None


def test_a_replay_is_what_the_day_would_have_been(rehearsal):
    """The same scores as the ranker itself gives, hour by hour, on the log that it has not seen."""
    log = toy_log()
    candidate = (0.05, 0.3)
    rule = AdaptationSettings(item_rate=0.05, continued=0.3, batch_size=32)
    past = log.between(START, START + 24 * 3_600_000)
    ranker = Ranker.train(tiny(features=INTERNAL, adaptation=rule), past)
    expected = []
    for number in range(24, TRAIN_HOURS):
        expected.append(ranker.score(hour_of(log, number)))
        ranker.adapt(hour_of(log, number))
    learner, held_out = rehearsal
    before = learner.table.merged().clone()
    moving = replayed(learner, held_out, TwoSpeed.at(REPLAYED, candidate), 32)
    np.testing.assert_allclose(moving, np.concatenate(expected), atol=1e-6)
    assert torch.equal(learner.table.merged(), before)  # it lived on a copy
    assert learner.vocabulary.size == len(before)
    still = replayed(learner, held_out, None, 32)
    assert (np.abs(still - moving) > 1e-3).any()
    choice = choose(learner, held_out, REPLAYED.model_copy(update={"candidates": (candidate,)}))
    test = auc_difference(held_out.clicked, moving, still)
    assert test is not None
    assert (choice["gains"][0], choice["errors"][0]) == pytest.approx(test[:2])


def test_an_hour_of_the_replay_is_scored_before_its_labels_are_read(rehearsal):
    learner, held_out = rehearsal
    cut, after = (sum(map(len, held_out.rows[:hours])) for hours in (3, 4))
    labels = held_out.clicked
    labels[cut:] = ~labels[cut:]
    changed = held_out.labelled(labels)
    one, other = (replayed(learner, h, TwoSpeed.at(REPLAYED, (0.1, 1.0)), 32) for h in (held_out, changed))
    np.testing.assert_array_equal(one[:after], other[:after])
    assert (one[after:] != other[after:]).any()


def test_without_evidence_the_first_candidate_is_taken_and_noise_is_no_evidence(rehearsal):
    learner, held_out = rehearsal
    one_class = held_out.labelled(np.zeros_like(held_out.clicked))
    assert choose(learner, one_class, REPLAYED)["chosen"] == 0
    assert choose(learner, held_out, REPLAYED.model_copy(update={"margin": 50.0}))["chosen"] == -1
    step = adapter(REPLAYED, {"replay": {"chosen": 1}})
    assert isinstance(step, TwoSpeed)
    assert (step._settings.item_rate, step._settings.continued) == REPLAYED.candidates[1]


@pytest.mark.parametrize("update", [{"adaptation": REPLAYED}, {"training": BOTH["training"]}])
def test_systems_that_do_not_train_by_steps_are_refused(update):
    with pytest.raises(ValueError, match="gradient steps"):
        train("lightgbm", toy_log(), settings=tiny("lightgbm", **update))


@pytest.mark.parametrize(("hours", "kept"), [(14 * 24, 24), (48, 12), (30, 7), (3, 0)])
def test_a_day_is_kept_back_or_a_quarter_of_a_short_log(hours, kept):
    assert held_out_from(7, 7 + hours) == 7 + hours - kept


def test_the_last_pass_starts_items_anew_and_knows_those_of_the_last_day():
    """An item of the last day has a row (its second hour trains it), though the epochs never gave it one."""
    log = toy_log(hours=54)
    both = BOTH["training"].model_copy(update={"newcomers": "day"})
    without = train("deepfm", log, settings=tiny(training=both.model_copy(update={"last_pass": "none"})))
    ranker = train("deepfm", log, settings=tiny(training=both))
    assert len(ranker.losses) == 2
    column = ranker.learner.vocabulary.item_column
    items = np.unique(log.between(START, ranker.end_ms).exposures.item)
    known = {r: r.learner.vocabulary.item_rows(items) != r.learner.vocabulary.oov_row(column)
             for r in (without, ranker)}  # fmt: skip
    assert known[ranker].sum() > known[without].sum()


def test_reset_items_gives_every_item_the_row_of_a_newcomer():
    log = toy_log()
    ranker = train("deepfm", log)
    learner = ranker.learner
    before = learner.table.merged().clone()
    oov = learner.vocabulary.oov_row(learner.vocabulary.item_column)
    learner.reset_items()
    after = learner.table.merged()
    rows = torch.arange(len(after))
    items = learner.row_groups(rows) == ITEM_ROWS
    assert (after[items] == before[oov]).all()
    assert torch.equal(after[~items], before[~items])
    assert not learner.rows.state[0].merged()[items & (rows != oov)].any()
    assert learner.rows.state[0].merged()[~items].any()


def test_reset_items_resets_their_average_too():
    """The average of a reset row is that of the OOV row, however long ago either was touched."""
    learner = _averaging()
    learner.reset_items()
    learner.finish()
    table = learner.table.merged()
    items = learner.row_groups(torch.arange(len(table))) == ITEM_ROWS
    oov = learner.vocabulary.oov_row(learner.vocabulary.item_column)
    assert len(torch.unique(table[items], dim=0)) == 1
    assert torch.equal(table[items][0], table[oov])


def _averaging() -> Learner:
    """A learner in the middle of training, with a moving average."""
    kept: list[Learner] = []
    finish = Learner.finish
    Learner.finish = lambda self: kept.append(self)  # type: ignore[method-assign]
    try:
        train("deepfm", toy_log())
    finally:
        Learner.finish = finish  # type: ignore[method-assign]
    assert kept[0].average is not None
    return kept[0]


@pytest.mark.parametrize("calls", [10, pytest.param(18, marks=pytest.mark.slow)])
def test_a_training_with_replay_and_last_pass_resumes_to_the_same_bits(calls, tmp_path):
    """Killed in the replayed day's epoch or in the last pass: the choice is not made again, nor differs."""
    straight = train_with_all(None)
    checkpoint = tmp_path / f"{calls}.pt"
    script = textwrap.dedent(
        f"""
        import os, signal, sys
        from models.ranking.training.loop import Plain
        from tests.models.ranking.training.test_adaptation import train_with_all

        honest, calls = Plain.step, []

        def deadly(self, learner, data, item):
            calls.append(item)
            if len(calls) == {calls}:
                os.kill(os.getpid(), signal.SIGKILL)
            return honest(self, learner, data, item)

        Plain.step = deadly
        train_with_all(sys.argv[1])
        """
    )
    killed = subprocess.run([sys.executable, "-c", script, str(checkpoint)], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert torch.load(checkpoint, weights_only=True)["phase"] > 0
    resumed = train_with_all(checkpoint)
    assert_same(straight, resumed)
    assert straight.strategy_state == resumed.strategy_state
    assert straight.losses == resumed.losses


def train_with_all(checkpoint: str | Path | None) -> Ranker:
    path = None if checkpoint is None else Path(checkpoint)
    return train("deepfm", toy_log(), settings=tiny(**BOTH), checkpoint=path)
