"""No leak: whatever is received at or after hour h changes no score of hours up to h.

Bit for bit in earlier hours; within hour h but for the last bit of a matrix product, whose rounding may hang
on how many distinct nodes of a graph the hour's other exposures bring, and where the user's own requests in
that hour, known as they are made, are the same.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from models.ranking.features.day_events import mentioned
from models.ranking.features.features import FeatureSettings
from models.ranking.features.neighbours import RowView
from models.ranking.instances.maker import InstanceMaker
from models.ranking.instances.newcomers import Hiding
from models.ranking.instances.stream import InstanceStream
from models.ranking.instances.window import TrainingWindow
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from tests.models.ranking.instances.folders import written
from tests.models.ranking.toy import (
    START,
    TRAIN_HOURS,
    future_changed,
    hour_of,
    same_requests_before,
    toy_log,
    train,
    trained,
)

HOUR = TRAIN_HOURS + 3


def scores_until(ranker, log, last):
    out = []
    for number in range(TRAIN_HOURS, last + 1):
        out.append(ranker.score(hour_of(log, number)))
        ranker.adapt(hour_of(log, number))
    return out


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_future_changes_no_score(system):
    log = toy_log()
    changed, origin = future_changed(log, HOUR)
    before = scores_until(trained(system), log, HOUR)
    after = scores_until(train(system, changed), changed, HOUR)
    for one, other in zip(before[:-1], after[:-1], strict=True):
        np.testing.assert_array_equal(one, other)
    # In hour h itself exposures were added and removed: those that stand in both logs keep their scores.
    first = np.searchsorted(log.exposures.shown_at, hour_of(log, HOUR).start_ms)
    here = np.searchsorted(changed.exposures.shown_at, hour_of(log, HOUR).start_ms)
    kept = origin[here : here + len(after[-1])]
    same = (kept >= 0) & same_requests_before(log, changed, origin)[here : here + len(kept)]
    assert same.sum() > 20 and (kept < 0).sum() > 10
    one, other = before[-1][kept[same] - first], after[-1][same]
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-7)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_click_does_change_the_next_hour(system):
    """The converse: were the history ignored, the test above would pass as well."""
    log = toy_log()
    changed, _ = future_changed(log, HOUR - 1)
    ranker = trained(system)
    ranker.adapt(hour_of(log, HOUR - 1))
    other = trained(system)
    other.adapt(hour_of(changed, HOUR - 1))
    assert (ranker.score(hour_of(log, HOUR)) != other.score(hour_of(log, HOUR))).any()


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_hour_may_bring_all_entities_or_those_it_mentions(system):
    ranker = trained(system)
    hour = hour_of(toy_log(), TRAIN_HOURS)
    np.testing.assert_array_equal(ranker.score(hour), ranker.score(mentioned(hour)))


def test_scores_do_not_depend_on_what_is_scored_with_them():
    log = toy_log()
    ranker = train("deepfm", log)
    hour = hour_of(log, TRAIN_HOURS)
    half = hour.between(hour.start_ms, hour.start_ms + 1_800_000)
    np.testing.assert_array_equal(ranker.score(hour)[: len(half.exposures)], ranker.score(half))


WINDOW, CHANGED = 54, 40  #: hours of a window of three days, and the one from which on another log differs


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    """Partitions of two logs that agree up to an hour in the middle of the second day."""
    log = toy_log(hours=WINDOW)
    changed, origin = future_changed(log, CHANGED)
    folders = [written(its, FeatureSettings(), tmp_path_factory.mktemp("log")) for its in (log, changed)]
    return folders, log, changed, origin


def instances_of(window, ranker, until):
    """The instances before an hour, as a training on this window would read them, in the ranker's rows."""
    vocabulary = ranker.learner.vocabulary
    hiding = Hiding(vocabulary.layout, window.spans(), "day")
    state = window.own_features()
    view = RowView(vocabulary, state.users, state.items)
    graph = ranker.settings.graph(window.events, view)
    vectors = None if ranker.user_vectors is None else SimpleNamespace(vectors=by_day)
    maker = InstanceMaker(vocabulary, 0, graph, vectors, ranker.settings.reads_codes, hiding)
    stream = InstanceStream(window, maker).between(0, until)
    return stream.load(np.arange(len(stream.chunks)))


def by_day(users, cutoff_ms):
    """Other long-term vectors every morning."""
    day = cutoff_ms // (24 * 3_600_000) % 7
    return np.stack([np.sin(users + day * k) for k in range(16)], axis=-1).astype(np.float32)


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_future_changes_no_instance_of_a_partition(system, windows):
    """What a training on partitions reads of an hour: fields, neighbours, vectors, all that makes a logit."""
    folders, log, changed, origin = windows
    settings = SYSTEMS[system].tiny
    one, other = (TrainingWindow.open(paths, settings.features) for paths in folders)
    vectors = SimpleNamespace(user_vectors=np.zeros((60, 16), np.float32))
    ranker = Ranker.train(settings, one, long_term=vectors)
    hour = START // 3_600_000 + CHANGED + 1
    logits, scales = [], []
    for window in (one, other):
        data = instances_of(window, ranker, hour)
        factors = getattr(data.graph, "factors", None)
        if factors is not None:
            # Like a weight, what a dimension is multiplied by is fitted to the whole window.
            scales.append(factors.scales)
            factors.scales = scales[0]
        unlabelled = replace(data, labels=np.zeros_like(data.labels))
        parts = [np.arange(i, min(i + 256, len(data)))[None] for i in range(0, len(data), 256)]
        logits.append(np.concatenate([ranker.learner.logits(unlabelled.batch(p))[0].numpy() for p in parts]))
    before = int(np.searchsorted(log.exposures.shown_at, START + CHANGED * 3_600_000))
    np.testing.assert_allclose(logits[0][:before], logits[1][:before], rtol=0, atol=2e-6)
    # In hour h itself exposures were added and removed: those that stand in both logs are the same.
    both = origin[before : len(logits[1])]
    same = (both >= 0) & same_requests_before(log, changed, origin)[before : len(logits[1])]
    assert same.sum() > 20 and (both < 0).sum() > 0
    np.testing.assert_allclose(logits[0][both[same]], logits[1][before:][same], rtol=0, atol=2e-6)
    # Were the history ignored, the test would pass as well: in a later hour the logits do differ.
    later = [instances_of(window, ranker, hour + 3) for window in (one, other)]
    sums = [data.rows[:].sum() + data.cutoffs().sum() for data in later]
    assert sums[0] != sums[1]
