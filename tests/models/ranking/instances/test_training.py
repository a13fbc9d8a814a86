"""Training from partitions on disk: the figures of a training in memory, block by block, kill after kill."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.ranking.features.features import FeatureSettings
from models.ranking.instances.rows import CHUNK_ROWS
from models.ranking.instances.stream import InstanceStream
from models.ranking.instances.window import TrainingWindow
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from models.ranking.sml.strategy import SequentialTransfer
from models.ranking.storage import FORMAT
from models.ranking.training.adaptation import AdaptationSettings
from models.ranking.training.loop import Plain, TrainingSettings
from models.ranking.training.temporal_maml import TemporalMAML
from tests.models.ranking.instances.folders import written
from tests.models.ranking.test_ranker import assert_same
from tests.models.ranking.toy import START, TRAIN_HOURS, hour_of, toy_log, train

LOG = toy_log()
PAST = LOG.between(START, START + TRAIN_HOURS * 3_600_000)
REPLAYED = {
    "adaptation": AdaptationSettings(online="replayed", batch_size=32),
    "training": TrainingSettings(learning_rate=5e-3, average=0.9, last_pass="time"),
}
#: One of each way of training.
KINDS = {
    "plain": ("deepfm", {}),
    "replay and last pass": ("deepfm", REPLAYED),
    "temporal MAML": ("lsttm", {}),
    "factors of mornings, codes": ("lsttm_spectral", {}),
    "sequential transfer": ("sml_deepfm", {}),
    "trees": ("lightgbm", {}),
}
STEPS = {"deepfm": Plain, "lsttm": TemporalMAML, "sml_deepfm": SequentialTransfer}


def settings_of(kind: str, **training):
    system, changes = KINDS[kind]
    settings = SYSTEMS[system].tiny.model_copy(update=changes)
    # The toy log has no lists: their fields, always the same, would only make its small training restless.
    features = settings.features.model_copy(update={"list_context": False})
    settings = settings.model_copy(update={"features": features})
    return settings.model_copy(update={"training": settings.training.model_copy(update=training)})


def from_folders(settings, folder, **options) -> Ranker:
    folders = written(PAST, settings.features.canonical(), folder)
    window = TrainingWindow.open(folders, settings.features)
    return train("", LOG, settings=settings, history=window, **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block_size", [2**20, 600])
def test_partitions_train_the_model_of_a_log_in_memory_bit_for_bit(kind, block_size, tmp_path):
    settings = settings_of(kind, block_size=block_size)
    memory, disk = train("", LOG, settings=settings), from_folders(settings, tmp_path)
    assert memory.losses == disk.losses
    for number in (TRAIN_HOURS, TRAIN_HOURS + 1):
        hour = hour_of(LOG, number)
        np.testing.assert_array_equal(memory.score(hour), disk.score(hour))
        memory.adapt(hour)
        disk.adapt(hour)
    assert_same(memory, disk)


@pytest.mark.parametrize("kind", KINDS)
def test_many_blocks_train_a_model_as_good(kind):
    whole, blocks = (train("", LOG, settings=settings_of(kind, block_size=size)) for size in (10**6, 400))
    assert whole.losses[0] == pytest.approx(blocks.losses[0], abs=0.05)  # seeds differ by as much
    if kind != "trees":  # they are grown alike, however they are read
        assert whole.losses != blocks.losses


@pytest.mark.parametrize("kind", KINDS)
def test_no_block_is_longer_than_its_size_and_a_chunk_or_an_hour(kind, tmp_path, monkeypatch):
    loaded, size = [], 300
    honest = InstanceStream.load

    def watching(stream, positions):
        data = honest(stream, positions)
        arrays = [data.user, data.item, data.hour, data.labels, data.rows.open, data.rows.bins]
        assert {len(array) for array in arrays} == {len(data)}
        assert data.rows.open.dtype == np.int32 and data.rows.bins.dtype == np.uint8
        loaded.append(len(data))
        return data

    monkeypatch.setattr(InstanceStream, "load", watching)
    from_folders(settings_of(kind, block_size=size), tmp_path)
    chunk = int(np.diff(TrainingWindow.of(PAST, FeatureSettings()).days[0].chunks[:, 1:]).max())
    assert chunk < CHUNK_ROWS and len(loaded) > 5 and max(loaded) <= size + chunk
    if kind == "plain":
        assert sum(loaded) == len(PAST.exposures)


@pytest.mark.parametrize("kind", ["plain", "temporal MAML", "sequential transfer"])
@pytest.mark.parametrize("past_the_middle", [True, False])
def test_a_training_stopped_in_its_second_block_resumes_to_the_same_bits(
    kind, past_the_middle, tmp_path, monkeypatch
):
    settings = settings_of(kind, block_size=900, checkpoint_steps=2, average=0.9)
    straight = from_folders(settings, tmp_path / "one")
    strategy, calls = STEPS[KINDS[kind][0]], []
    honest, plan = strategy.step, strategy.plan
    stop = []

    def planning(self, block, epoch, generator):
        steps = plan(self, block, epoch, generator)
        if block.number == 1 and not stop:
            stop.append(len(calls) + max(1, len(steps) // 2 + past_the_middle))
        return steps

    def failing(self, learner, data, item):
        if stop and len(calls) == stop[0]:
            raise KeyboardInterrupt
        calls.append(item)
        return honest(self, learner, data, item)

    monkeypatch.setattr(strategy, "plan", planning)
    monkeypatch.setattr(strategy, "step", failing)
    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        from_folders(settings, tmp_path / "two", checkpoint=checkpoint)
    monkeypatch.undo()
    resumed = from_folders(settings, tmp_path / "three", checkpoint=checkpoint)
    assert_same(straight, resumed)
    assert straight.losses == resumed.losses


def test_a_window_bounds_what_is_trained_on_and_not_what_is_counted(tmp_path):
    log = toy_log(hours=80)
    settings = settings_of("plain", window_days=1)
    end = START + 72 * 3_600_000
    last = Ranker.train(settings, log.between(START, end))
    folders = written(log.between(START, end), settings.features, tmp_path)
    disk = Ranker.train(settings, TrainingWindow.open(folders, settings.features))
    day = TrainingWindow.open(folders[-1:], settings.features, event_folders=folders)
    only = Ranker.train(settings, day)
    assert last.losses == disk.losses == only.losses
    hour = hour_of(log, 72)
    np.testing.assert_array_equal(last.score(hour), disk.score(hour))
    everything = Ranker.train(settings_of("plain", window_days=None), log.between(START, end))
    assert everything.losses != last.losses
    # The counts of the days before stand in the codes of the hour, whatever the window.
    for ranker in (disk, everything):
        np.testing.assert_array_equal(
            ranker.features.codes(hour.exposures).matrix(), last.features.codes(hour.exposures).matrix()
        )
    late = replace(log, start_ms=START).between(end - 24 * 3_600_000, end)
    alone = Ranker.train(settings, late)
    assert (
        alone.features.codes(hour.exposures).matrix() != last.features.codes(hour.exposures).matrix()
    ).any()


def test_two_systems_may_train_from_one_window(tmp_path):
    """What the first one's hours bring is no business of the second."""
    settings = settings_of("plain")
    for window in (
        TrainingWindow.of(PAST, settings.features),
        TrainingWindow.open(written(PAST, settings.features, tmp_path), settings.features),
    ):
        first = train("", LOG, settings=settings, history=window)
        later = hour_of(LOG, TRAIN_HOURS + 1)
        scores = first.score(later)
        first.adapt(hour_of(LOG, TRAIN_HOURS))
        second = train("", LOG, settings=settings, history=window)
        np.testing.assert_array_equal(second.score(later), scores)


def test_a_window_of_other_settings_or_without_exposures_is_refused(tmp_path):
    window = TrainingWindow.of(PAST, FeatureSettings(smoothing=9.0))
    with pytest.raises(ValueError, match="other feature settings"):
        Ranker.train(settings_of("plain"), window)
    silent = replace(LOG, end_ms=START + 10 * 24 * 3_600_000)
    with pytest.raises(ValueError, match="no exposure in the 8 days"):
        Ranker.train(settings_of("plain"), silent)


def test_a_saved_model_shares_the_files_of_its_last_day(tmp_path):
    ranker = from_folders(settings_of("plain"), tmp_path)
    ranker.save(tmp_path / "daily")
    linked = [file for file in (tmp_path / "daily" / "features").glob("*.npy") if file.stat().st_nlink > 1]
    assert len(linked) > 5
    loaded = Ranker.load(tmp_path / "daily")
    loaded.save(tmp_path / "copy")
    hour = hour_of(LOG, TRAIN_HOURS)
    np.testing.assert_array_equal(loaded.score(hour), ranker.score(hour))
    # What an hour moved is written anew, and the day's own files stay as they are.
    ranker.adapt(hour)
    ranker.save(tmp_path / "later")
    later = hour_of(LOG, TRAIN_HOURS + 1)
    np.testing.assert_array_equal(Ranker.load(tmp_path / "later").score(later), ranker.score(later))
    np.testing.assert_array_equal(Ranker.load(tmp_path / "copy").score(hour), loaded.score(hour))


def test_a_model_of_an_earlier_format_is_to_be_retrained(tmp_path):
    train("deepfm", LOG).save(tmp_path / "daily")
    about = tmp_path / "daily" / "ranker.json"
    about.write_text(about.read_text().replace(f'"format": {FORMAT}, ', ""))
    with pytest.raises(ValueError, match=r"format 1, .* retrain it"):
        Ranker.load(tmp_path / "daily")
