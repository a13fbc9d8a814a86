"""Content vectors as inputs: compared as said, silent where there are none, worth something to newcomers."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from models import metrics
from models.ranking.features.event_log import HOUR_MS, Entities, EventLog
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from models.ranking.systems.content import ContentReader, content_columns, content_names
from models.ranking.twin import StaticTwin
from tests.models.ranking.toy import START, TRAIN_HOURS, future_changed, hour_of, toy_log, train, with_vectors

READERS = [  #: trees, which hold no weights, aside
    name
    for name, entry in SYSTEMS.items()
    if isinstance(entry.tiny, ContentReader)
    and entry.tiny.content is not None
    and entry.tiny.kind != "lightgbm"
]
#: one of each way in which vectors reach a logit
SOME = ["fm", "autoint", "din_deepfm_external", "din_typed", "sml_deepfm", "lsttm", "lsttm_spectral"]
LATER = TRAIN_HOURS + 3


def tiny(system, **changed):
    return SYSTEMS[system].tiny.model_copy(update=changed)


def lived(ranker, log, hours):
    scores = []
    for number in range(TRAIN_HOURS, TRAIN_HOURS + hours):
        scores.append(ranker.score(hour_of(log, number)))
        ranker.adapt(hour_of(log, number))
    return np.concatenate(scores)


def dense_names(ranker):
    return [name for name, _ in ranker.learner.module.named_parameters()]


@pytest.mark.parametrize("system", READERS)
def test_without_vectors_nothing_is_made_and_nothing_drawn(system):
    """A source without vectors trains what it always trained: no weight, no draw, no look-up more."""
    log = toy_log(per_hour=20)
    ranker, without = train(system, log), train(system, log, settings=tiny(system, content=None))
    assert ranker.content is None and not [name for name in dense_names(ranker) if "content" in name]
    scores = lived(without, log, 2)
    np.testing.assert_array_equal(lived(ranker, log, 2), scores)
    unread = train(system, with_vectors(log), settings=tiny(system, content=None))
    np.testing.assert_array_equal(lived(unread, with_vectors(log), 2), scores)
    reading = train(system, with_vectors(log))
    assert [name for name in dense_names(reading) if "content" in name]


@pytest.mark.parametrize("system", [*SOME, "lightgbm", "deepfm_external_factors"])
def test_saved_states_are_the_ones_in_memory(system, tmp_path):
    """Of hours too, that bring items nobody had met, and with the static twin."""
    log = with_vectors(toy_log())
    ranker = train(system, log)
    ranker.save(tmp_path / "daily")
    loaded = Ranker.load(tmp_path / "daily")
    twin, again = StaticTwin.of(ranker), StaticTwin.load(tmp_path / "daily", loaded)
    for number in range(TRAIN_HOURS, TRAIN_HOURS + 3):
        hour = hour_of(log, number)
        np.testing.assert_array_equal(ranker.score(hour), loaded.score(hour))
        np.testing.assert_array_equal(twin.score(hour), again.score(hour))
        ranker.adapt(hour)
        loaded.adapt(hour)
        loaded.save_hour(tmp_path / str(number) / "hour")
        loaded = Ranker.load_hour(tmp_path / "daily", tmp_path / str(number) / "hour")
        again = StaticTwin.load(tmp_path / "daily", loaded)
    assert len(np.unique(log.exposures.item)) > len(ranker.features.items.arrays()["index"]) - 5


@pytest.mark.parametrize("system", [*SOME, "lightgbm", "din_typed_factors"])
def test_the_future_changes_no_score(system):
    log = with_vectors(toy_log())
    changed, _ = future_changed(log, LATER)
    late = changed.items.vectors.copy()  # of items that nobody met before, other vectors
    met = log.exposures.item[log.exposures.shown_at < START + LATER * HOUR_MS]
    met = np.append(met, log.external.item[log.external.received_at < START + LATER * HOUR_MS])
    late[np.setdiff1d(changed.items.index, met)] += 3
    changed = replace(changed, items=replace(changed.items, vectors=late))
    hours = LATER - TRAIN_HOURS
    np.testing.assert_array_equal(
        lived(train(system, log), log, hours), lived(train(system, changed), changed, hours)
    )


@pytest.mark.parametrize("system", SOME)
def test_the_vector_that_an_hour_brings_of_a_new_item_moves_its_score(system):
    log = with_vectors(toy_log())
    hour, ranker = hour_of(log, TRAIN_HOURS), train(system, log)
    new, met = len(log.items) + 5, int(hour.exposures.item[0])
    e = replace(hour.exposures, item=np.where(hour.exposures.item == met, new, hour.exposures.item))
    scores = []
    for vector in (np.full(5, np.nan), np.eye(5)[0], -np.eye(5)[0]):
        described = Entities(
            np.append(log.items.index, new),
            np.concatenate([log.items.fields, log.items.fields[-1:]]),
            np.append(log.items.published_at, START),
            np.concatenate([log.items.vectors, vector[None].astype(np.float32)]),
        )
        scores.append(ranker.score(replace(hour, exposures=e, items=described)))
    its = e.item == new
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (scores[one][its] != scores[other][its]).all()
        np.testing.assert_allclose(scores[one][~its], scores[other][~its], rtol=0, atol=1e-7)


def test_an_item_is_compared_with_what_the_user_clicked_before_the_hour():
    log = with_vectors(toy_log())
    ranker = train("deepfm_external", log)
    hour = hour_of(log, TRAIN_HOURS)
    content = ranker.instances(hour.exposures, hour).batch(np.arange(40)[None]).content
    e, x, met = log.exposures, log.external, ranker.features.items.arrays()["index"]
    centre = np.nanmean(log.items.vectors[met], axis=0)

    def unit(item):
        vector = log.items.vectors[item] - centre
        return vector / np.linalg.norm(vector)

    some = 0
    for i in range(40):
        user, item = int(hour.exposures.user[i]), int(hour.exposures.item[i])
        clicks = e.item[(e.user == user) & e.clicked & (e.shown_at < hour.start_ms)]
        order = np.lexsort((x.occurred_at, x.received_at))
        external = x.item[order][(x.user == user)[order] & (x.received_at < hour.start_ms)[order]]
        expected = []
        for listed in (clicks[-30:], external[-30:]):
            cosines = [unit(item) @ unit(other) for other in listed]
            cosines = [cosine for cosine in cosines if not np.isnan(cosine)]
            some += len(cosines) > 1
            expected += [np.mean(cosines), max(cosines), len(cosines) / 30] if cosines else [0, 0, 0]
        np.testing.assert_allclose(content.similar[0, i], expected, atol=1e-5)
    assert some > 20
    data = ranker.instances(hour.exposures, hour)
    matrix = content_columns(data, slice(0, 40))
    np.testing.assert_array_equal(matrix, content_columns(data)[:40])
    names = content_names(ranker.learner.vocabulary.layout, ranker.settings)
    assert matrix.shape == (40, len(names)) and names[8] == "clicks_of_users_mean"
    expected = content.similar[0, :, 3:].numpy()  # of external clicks, which stand last
    np.testing.assert_array_equal(matrix[:, -3:], np.where(expected[:, -1:] == 0, np.nan, expected))
    np.testing.assert_array_equal(np.isnan(matrix[:, 0]), hour.exposures.user[:40] % 7 == 0)
    np.testing.assert_array_equal(np.isnan(matrix[:, 3]), hour.exposures.item[:40] % 7 == 0)


def content_log() -> EventLog:
    """Items live for an hour; whether they are clicked is in their vectors alone."""
    rng = np.random.default_rng(4)
    hours, per_hour, fresh = TRAIN_HOURS + 4, 200, 12
    n = hours * per_hour
    log = toy_log(hours=hours, per_hour=per_hour, items=fresh * hours)
    item = np.repeat(np.arange(hours), per_hour) * fresh + rng.integers(0, fresh, n)
    vectors = rng.normal(size=(fresh * hours, 5)).astype(np.float32)
    clicked = rng.random(n) < 1 / (1 + np.exp(-2 * vectors[item] @ np.array([1, -1, 0, 0, 0])))
    time = START + np.repeat(np.arange(hours), per_hour) * HOUR_MS + np.tile(np.arange(per_hour), hours)
    e = replace(log.exposures, item=item, clicked=clicked, shown_at=time)
    blank = np.full((len(vectors), 6), -1)
    items = Entities(np.arange(len(vectors)), blank, np.full(len(vectors), -1), vectors)
    return replace(log, exposures=e, items=items)


@pytest.mark.parametrize("system", ["fm", "deepfm", "lsttm_spectral"])
def test_items_that_nobody_has_met_are_told_apart(system):
    log = content_log()
    unread = train(system, log, settings=tiny(system, content=None))
    labels = log.between(START + TRAIN_HOURS * HOUR_MS, log.end_ms).exposures.clicked
    reading, without = lived(train(system, log), log, 4), lived(unread, log, 4)
    assert metrics.auc(labels, reading) > 0.75 > 0.6 > metrics.auc(labels, without)


def test_a_ranker_that_was_saved_before_there_were_vectors_reads_none(tmp_path):
    """Nor one that the vectors of a day reached after its training."""
    log = toy_log(items=400, users=600)
    ranker = train("deepfm", log)
    ranker.save(tmp_path / "daily")
    about = json.loads((tmp_path / "daily" / "ranker.json").read_text())
    about.pop("vectors")
    settings = json.loads(about["settings"])
    settings.pop("content")
    about["settings"] = json.dumps(settings)
    (tmp_path / "daily" / "ranker.json").write_text(json.dumps(about))
    older = Ranker.load(tmp_path / "daily")
    np.testing.assert_array_equal(lived(ranker, log, 2), lived(older, with_vectors(log), 2))
    assert older.features.items.vector_width == 5
    older.save(tmp_path / "again")
    again, hour = Ranker.load(tmp_path / "again"), hour_of(with_vectors(log), TRAIN_HOURS + 2)
    np.testing.assert_array_equal(again.score(hour), ranker.score(hour_of(log, TRAIN_HOURS + 2)))
    assert again.content is None


def test_a_checkpoint_of_other_vectors_is_not_resumed():
    """The rows of both logs are the same: what tells them apart lies in the feature state."""
    log = toy_log(per_hour=20)
    one, same = (train("fm", with_vectors(log)).fingerprint for _ in range(2))
    assert one == same
    parts = (log, with_vectors(log, 3, 4), with_vectors(log, 2, 5))
    others = {train("fm", part).fingerprint for part in parts}
    assert len(others | {one}) == 4


def test_tasks_share_no_vector():
    """A batch of tasks gives each task what a batch of it alone gives."""
    log = with_vectors(toy_log())
    ranker = train("lsttm_spectral", log)
    hour = hour_of(log, TRAIN_HOURS)
    data = ranker.instances(hour.exposures, hour)
    both = np.arange(40).reshape(2, 20)
    together = ranker.learner.logits(data.batch(both))
    apart = torch.cat([ranker.learner.logits(data.batch(part[None])) for part in both])
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-6)
