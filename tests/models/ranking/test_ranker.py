import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest
import torch

from models import metrics as evaluation
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from models.ranking.training.adaptation import AdaptationSettings, StepByStep
from models.ranking.training.loop import TrainingSettings
from tests.models.ranking.toy import START, TRAIN_HOURS, hour_of, toy_log, train, trained

ALL = sorted(SYSTEMS)


def weights(ranker):
    learner = ranker.learner
    parts = [learner.table, *learner.rows.state]
    return [part.merged() for part in parts] + [p.detach() for p in learner.module.parameters()]


def assert_same(one, other):
    for a, b in zip(weights(one), weights(other), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("system", ALL)
def test_the_tiny_configuration_learns(system):
    log = toy_log(per_hour=200)
    ranker = train(system, log)
    scores, labels = [], []
    for number in range(TRAIN_HOURS, TRAIN_HOURS + 4):
        hour = hour_of(log, number)
        scores.append(ranker.score(hour))
        labels.append(hour.exposures.clicked)
        report = ranker.adapt(hour)
        assert report.instances == len(hour.exposures)
        assert (report.steps > 0) == (ranker._adapter is not None) == np.isfinite(report.loss)
    assert evaluation.auc(np.concatenate(labels), np.concatenate(scores)) > 0.6


@pytest.mark.parametrize("system", ALL)
def test_training_and_adapting_again_gives_the_same_bits(system):
    log = toy_log()
    rankers = [trained(system), train(system, log)]
    for ranker in rankers:
        for number in (TRAIN_HOURS, TRAIN_HOURS + 1):
            ranker.adapt(hour_of(log, number))
    assert_same(*rankers)


@pytest.mark.parametrize("system", ALL)
def test_saved_states_are_the_ones_in_memory(system, tmp_path):
    log = toy_log()
    ranker = trained(system)
    ranker.save(tmp_path / "daily")
    loaded = Ranker.load(tmp_path / "daily")
    for number in range(TRAIN_HOURS, TRAIN_HOURS + 3):
        hour = hour_of(log, number)
        np.testing.assert_array_equal(ranker.score(hour), loaded.score(hour))
        assert ranker.adapt(hour).steps == loaded.adapt(hour).steps
        loaded.save_hour(tmp_path / str(number))
        loaded = Ranker.load_hour(tmp_path / "daily", tmp_path / str(number))
        assert_same(ranker, loaded)
    # The daily folder is only read: the day began from the same state, whatever the hours did.
    fresh = Ranker.load(tmp_path / "daily")
    assert fresh.end_ms == START + TRAIN_HOURS * 3_600_000


def test_an_hourly_save_follows_the_day_not_the_tables(tmp_path):
    small, large = toy_log(), toy_log(users=6000, items=4000, per_hour=500)
    sizes = []
    for name, log, size in (("small", small, 80), ("large", large, 500)):
        ranker = train("deepfm", log)
        hour = hour_of(log, TRAIN_HOURS)
        few = replace(hour.between(hour.start_ms, hour.start_ms + 3_600_000 * 40 // size), end_ms=hour.end_ms)
        ranker.adapt(few)
        ranker.save_hour(tmp_path / name)
        sizes.append(ranker.learner.touched().numel() / len(ranker.learner.table))
    assert sizes[1] < 0.1 < sizes[0]


def test_an_hour_of_another_daily_model_is_refused(tmp_path):
    log = toy_log()
    ranker = train("deepfm", log)
    ranker.adapt(hour_of(log, TRAIN_HOURS))
    ranker.save_hour(tmp_path / "hour")
    train("deepfm", log, seed=1).save(tmp_path / "daily")
    with pytest.raises(ValueError, match="another daily model"):
        Ranker.load_hour(tmp_path / "daily", tmp_path / "hour")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Ranker.load(tmp_path / "nowhere")


def test_hours_come_in_order_and_one_at_a_time():
    log = toy_log()
    ranker = train("deepfm", log)
    with pytest.raises(ValueError, match="has received everything before"):
        ranker.score(hour_of(log, TRAIN_HOURS - 1))
    with pytest.raises(ValueError, match="2 hours"):
        ranker.adapt(log.between(ranker.end_ms, ranker.end_ms + 7_200_000))
    ranker.adapt(hour_of(log, TRAIN_HOURS))
    with pytest.raises(ValueError, match="has received everything before"):
        ranker.adapt(hour_of(log, TRAIN_HOURS))
    with pytest.raises(ValueError, match="no exposure"):
        Ranker.train(SYSTEMS["deepfm"].tiny, log.between(START, START))


@pytest.mark.parametrize("system", ALL)
def test_each_instance_is_in_exactly_one_step_in_time_order(system):
    log = toy_log()
    ranker = train(system, log)
    used = []

    class Spy(StepByStep):
        def step(self, learner, batch):
            assert batch.labels.shape[0] == 1 and (batch.weight == 1).all()
            rows = batch.unique[batch.fields[0]]
            user = learner.vocabulary.user_column
            used.extend(
                zip(rows[:, user].tolist(), rows[:, user + 1].tolist(), batch.labels[0].tolist(), strict=True)
            )
            return 0.0

    ranker._adapter = Spy()
    hour = hour_of(log, TRAIN_HOURS)
    ranker.adapt(hour)
    e, vocabulary = hour.exposures, ranker.learner.vocabulary
    expected = zip(vocabulary.user_rows(e.user), vocabulary.item_rows(e.item), e.clicked, strict=True)
    assert used == [tuple(map(float, row)) for row in expected]


def test_without_an_online_rule_only_the_history_moves():
    log = toy_log()
    static = SYSTEMS["deepfm"].tiny.model_copy(update={"adaptation": AdaptationSettings(online="none")})
    ranker = train("deepfm", log, settings=static)
    before = [w.clone() for w in weights(ranker)]
    scored = ranker.score(hour_of(log, TRAIN_HOURS + 1))
    ranker.adapt(hour_of(log, TRAIN_HOURS))
    for a, b in zip(before, weights(ranker), strict=True):
        assert torch.equal(a, b)
    assert (ranker.score(hour_of(log, TRAIN_HOURS + 1)) != scored).any()


def test_a_killed_training_resumes_to_the_same_bits(tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"
    script = textwrap.dedent(
        """
        import os, signal, sys
        from models.ranking.training.loop import Plain
        from tests.models.ranking.test_ranker import train_with_checkpoints

        honest, calls = Plain.step, []

        def deadly(self, learner, data, item):
            calls.append(item)
            if len(calls) == 26:
                os.kill(os.getpid(), signal.SIGKILL)
            return honest(self, learner, data, item)

        Plain.step = deadly
        train_with_checkpoints(sys.argv[1])
        """
    )
    killed = subprocess.run([sys.executable, "-c", script, str(checkpoint)], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL and checkpoint.exists()
    reports = []
    resumed = train_with_checkpoints(checkpoint, progress=lambda *where: reports.append(where))
    straight = train_with_checkpoints(None)
    assert reports[-1][1] == reports[-1][2]
    assert_same(straight, resumed)
    assert straight.losses == resumed.losses


def train_with_checkpoints(checkpoint, progress=None):
    from pathlib import Path

    training = TrainingSettings(epochs=2, batch_size=128, average=0.9, checkpoint_steps=4)
    settings = SYSTEMS["deepfm"].tiny.model_copy(update={"training": training})
    path = None if checkpoint is None else Path(checkpoint)
    return train("deepfm", toy_log(), settings=settings, checkpoint=path, progress=progress)


def test_a_checkpoint_of_other_settings_is_not_resumed(tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"
    train("deepfm", toy_log(), seed=1, checkpoint=checkpoint)
    assert_same(train("deepfm", toy_log(), seed=2, checkpoint=checkpoint), train("deepfm", toy_log(), seed=2))
