"""Content vectors in the feature state: the first stays, the next morning's replace it, nothing is copied."""

from dataclasses import replace

import numpy as np
import pytest

from models.ranking.features import entities
from models.ranking.features.day_events import pack, unpack, with_new_vectors
from models.ranking.features.entities import EntityTable
from models.ranking.features.event_log import MISSING, Entities, EventDays, rows
from models.ranking.features.features import Features, FeatureSettings
from models.ranking.features.vector_table import VectorTable, digest
from tests.models.ranking.toy import hour_of, toy_log, with_vectors


def described(index, vectors):
    index = np.array(index, np.int64)
    blank = np.full(len(index), MISSING)
    return Entities(index, blank[:, None], blank, np.array(vectors, np.float32))


def test_the_vector_received_first_stays_until_a_refresh():
    table = EntityTable.of(described([], np.empty((0, 2))))
    table.append(np.array([4, 2, 9]), described([2, 4], [[1, 2], [3, 4]]))
    table.append(np.array([2, 5, 4]), described([2, 4, 5], [[7, 7], [8, 8], [5, 6]]))
    nobody = [np.nan, np.nan]
    np.testing.assert_array_equal(
        table.vectors(np.array([[2, 4], [5, 9], [77, -1]])),
        np.array([[[1, 2], [3, 4]], [[5, 6], nobody], [nobody, nobody]], np.float32),
    )
    table.refresh(described([2, 4, 9, 11], [[7, 7], nobody, [9, 9], [1, 1]]))
    # What a description no longer tells stays.
    np.testing.assert_array_equal(
        table.vectors(np.array([2, 4, 5, 9, 11])), np.array([[7, 7], [3, 4], [5, 6], [9, 9], [1, 1]])
    )


def test_vectors_that_were_replaced_are_let_go_in_time(monkeypatch):
    monkeypatch.setattr(entities, "CHUNK", 7)
    rng, index = np.random.default_rng(0), np.arange(0, 60, 2)
    table = EntityTable.of(described([], np.empty((0, 3))))
    for _ in range(9):
        vectors = rng.normal(size=(30, 3)).astype(np.float32)
        vectors[4] = np.nan
        table.refresh(described(index, vectors))
        np.testing.assert_array_equal(table.vectors(index), vectors)
        known = np.delete(np.arange(30), 4)
        assert table.vector_digest == digest(index[known], vectors[known])
        assert len(table.stored) <= 2 * 29
        before = len(table.stored)
        table.refresh(described(index, vectors))
        assert len(table.stored) == before


def test_newcomers_are_read_where_the_table_knows_nobody():
    table = EntityTable.of(described([1], [[1, 2]]))
    request = described([1, 3], [[9, 9], [3, 4]])
    np.testing.assert_array_equal(table.vectors(np.array([1, 3]), request), [[1, 2], [3, 4]])
    assert np.isnan(table.vectors(np.array([3]))).all()
    without = Entities(np.array([3]), np.array([[MISSING]]), np.array([MISSING]))
    assert np.isnan(table.vectors(np.array([3]), without)).all()


def test_vectors_of_another_width_are_refused_and_the_first_may_come_late():
    table = EntityTable.of(described([1], np.empty((1, 0))))
    assert table.vector_width == 0 and list(table.arrays()) == ["index", "fields", "published_at"]
    table.append(np.array([2]), described([2], [[1, 2, 3]]))
    np.testing.assert_array_equal(table.vectors(np.array([1, 2])), [[np.nan] * 3, [1, 2, 3]])
    table.append(np.array([3]), described([3], np.empty((1, 0))))
    for take in (lambda its: table.append(np.array([4]), its), table.refresh):
        with pytest.raises(ValueError, match="of 2 numbers were received where those known have 3"):
            take(described([4], [[1, 2]]))


def test_the_digest_tells_what_is_known_whatever_the_order():
    rng = np.random.default_rng(0)
    index, vectors = np.arange(6), rng.normal(size=(6, 4)).astype(np.float32)
    once, slowly = EntityTable.of(described(index, vectors)), EntityTable.of(described([], np.empty((0, 4))))
    for part in ([3, 5], [0], [1, 2, 4]):
        slowly.append(index[part], described(index, vectors))
    assert once.vector_digest == slowly.vector_digest == digest(index, vectors) != 0
    changed = vectors.copy()
    changed[2, 1] += 1e-3
    slowly.refresh(described(index, changed))
    assert slowly.vector_digest == digest(index, changed) != once.vector_digest
    swapped = vectors[[1, 0, 2, 3, 4, 5]]
    assert digest(index, swapped) != digest(index, vectors)


def test_segments_are_few_and_old_ones_are_not_written_again():
    table, stored = VectorTable.empty(2), []
    rng = np.random.default_rng(1)
    for number in range(200):
        vectors = rng.normal(size=(5, 2)).astype(np.float32)
        vectors[number % 5, 1] = np.nan if number % 2 else np.inf
        first = table.arrays()["0"]
        at = table.append(vectors)
        stored += [(p, v) for p, v in zip(at, vectors, strict=True) if p >= 0]
        if len(first) > 100 and number % 50:
            assert number != 101 or table.arrays()["0"] is first
    assert len(table) == 800 == len(stored) and len(table.arrays()) <= 10
    at, vectors = zip(*stored, strict=True)
    np.testing.assert_array_equal(table.take(np.array(at)), np.stack(vectors))


def test_the_state_on_disk_is_the_one_in_memory_and_shares_old_vectors(tmp_path):
    log, settings = with_vectors(toy_log(hours=24 * 6, items=400, per_hour=20)), FeatureSettings()
    features, linked = Features.start(settings, log), []
    for number, day in enumerate(EventDays.of(log)):
        features.take_day(day)
        features.save(tmp_path / str(number))
        loaded = Features.load(tmp_path / str(number))
        for mine, its in ((features.users, loaded.users), (features.items, loaded.items)):
            some = np.arange(-1, 500)
            np.testing.assert_array_equal(mine.vectors(some), its.vectors(some))
            assert mine.vector_digest == its.vector_digest != 0
        features = loaded
        linked.append((tmp_path / str(number) / "items.vectors.0.npy").stat().st_nlink > 1)
    assert any(linked)
    seen = np.unique(log.exposures.item)
    np.testing.assert_array_equal(features.items.vectors(seen), log.items.vectors[seen])
    whole = Features.of(settings, log)
    whole.save(tmp_path / "whole")
    for file in (tmp_path / "whole").iterdir():
        assert file.read_bytes() == (tmp_path / str(number) / file.name).read_bytes()


def test_a_state_without_vectors_has_no_file_of_them(tmp_path):
    features = Features.of(FeatureSettings(), toy_log())
    features.save(tmp_path / "state")
    assert not [file.name for file in (tmp_path / "state").iterdir() if "vector" in file.name]
    items = Features.load(tmp_path / "state").items
    assert (items.vector_width, items.vector_digest) == (0, 0)


def test_hours_are_packed_with_their_vectors():
    log = with_vectors(toy_log())
    without = replace(log, items=replace(log.items, vectors=np.empty((len(log.items), 0), np.float32)))
    hours = [hour_of(log, 1), hour_of(without, 2)]
    back = unpack(pack(hours))
    np.testing.assert_array_equal(back[0].items.vectors, log.items.vectors)
    assert np.isnan(back[1].items.vectors).all() and back[1].items.vectors.shape == log.items.vectors.shape
    assert len(pack(hours)["items.vectors"]) == len(log.items) - len(log.items.vectors[::7])
    table = EntityTable.of(rows(log.items, slice(0, 10)))
    few = with_new_vectors(hours[0], EntityTable.of(log.users), table)
    assert np.isnan(few.users.vectors).all() and np.isnan(few.items.vectors[:10]).all()
    np.testing.assert_array_equal(few.items.vectors[10:], log.items.vectors[10:])
    older = {
        name: part
        for name, part in pack(hours).items()
        if not name.endswith((".vectors", ".request", ".described"))
    }
    assert unpack(older)[0].items.vectors.shape == (len(log.items), 0)
