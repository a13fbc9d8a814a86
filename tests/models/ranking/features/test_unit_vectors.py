"""Content vectors as models read them: the same whoever asks, along the main directions where long."""

import numpy as np
import pytest

from models.ranking.features import unit_vectors
from models.ranking.features.entities import EntityTable
from models.ranking.features.event_log import MISSING, Entities
from models.ranking.features.unit_vectors import UnitVectors


def described(vectors, first=0):
    index = np.arange(first, first + len(vectors))
    blank = np.full(len(index), MISSING)
    return Entities(index, blank[:, None], blank, np.asarray(vectors, np.float32))


@pytest.fixture
def vectors():
    """Of 40 numbers, nearly all of whose variance lies in four directions."""
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(500, 4)) @ rng.normal(size=(4, 40)) + 0.01 * rng.normal(size=(500, 40)) + 3
    vectors[::9] = np.nan
    return vectors.astype(np.float32)


def test_few_numbers_hold_what_many_did(vectors):
    known = ~np.isnan(vectors).any(axis=1)
    centred = vectors[known] - vectors[known].mean(0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    table = EntityTable.of(described(vectors))
    for width in (4, 40, 64):
        read = UnitVectors.of(table, np.arange(500), width)
        made, is_known = read.take(np.arange(500))
        assert made.shape == (500, min(width, 40)) and read.width == min(width, 40)
        np.testing.assert_array_equal(is_known, known)
        assert not made[~known].any()
        np.testing.assert_allclose(made[known] @ made[known].T, centred @ centred.T, atol=0.01)
        np.testing.assert_allclose(np.linalg.norm(made[known], axis=1), 1, atol=1e-5)


def test_a_vector_does_not_depend_on_those_asked_for_with_it(vectors):
    table = EntityTable.of(described(vectors))
    at_once, one_by_one = UnitVectors.of(table, np.arange(500), 8), UnitVectors.of(table, np.arange(500), 8)
    whole, _ = at_once.take(np.arange(500))
    for index in (77, 3, 499, 0, 250):
        np.testing.assert_array_equal(one_by_one.take(np.array([index]))[0][0], whole[index])
    np.testing.assert_array_equal(at_once.take(np.arange(500))[0], whole)  # as it is held
    loaded = UnitVectors(table, at_once.centre, at_once.components)
    np.testing.assert_array_equal(loaded.take(np.arange(500).reshape(5, 100))[0].reshape(500, -1), whole)


def test_newcomers_are_seen_at_once_and_the_table_may_grow(vectors, monkeypatch):
    monkeypatch.setattr(unit_vectors, "_ROWS", 16)
    table = EntityTable.of(described(vectors[:400]))
    read = UnitVectors.of(table, np.arange(500), 8)
    late, (before, known) = described(vectors[400:], first=400), read.take(np.arange(400, 500))
    assert not before.any() and not known.any()
    brought, known = read.take(np.arange(390, 500), late)
    table.append(np.arange(400, 500), late)
    received, again = read.take(np.arange(390, 500))
    np.testing.assert_array_equal(brought, received)
    np.testing.assert_array_equal(known, again)
    assert 0 < known.sum() < 110


def test_a_training_before_the_first_vector_reads_none_later(vectors):
    table = EntityTable.of(described(vectors[:3, :0]))
    read = UnitVectors.of(table, np.arange(500), 8)
    table.append(np.arange(3, 6), described(vectors[:3], first=3))
    made, known = read.take(np.arange(6).reshape(2, 3))
    assert made.shape == (2, 3, 0) and not known.any()


def test_large_tables_are_sampled_from_end_to_end(vectors, monkeypatch):
    monkeypatch.setattr(unit_vectors, "SAMPLE", 20)
    table = EntityTable.of(described(vectors))
    known = vectors[~np.isnan(vectors).any(axis=1)]
    chosen = known[np.linspace(0, len(known) - 1, 20).astype(np.int64)]
    read = UnitVectors.of(table, np.arange(500), 8)
    np.testing.assert_allclose(read.centre, chosen.mean(0), rtol=1e-5)


def test_only_those_that_were_met_count_and_in_whatever_order_they_came(vectors):
    rng = np.random.default_rng(1)
    met = np.sort(rng.choice(500, 200, replace=False))
    table, grown = EntityTable.of(described(vectors)), EntityTable.of(described(vectors[:0]))
    for part in np.split(rng.permutation(met), 4):
        grown.append(part, described(vectors))
    one, other = (UnitVectors.of(each, met, 8) for each in (table, grown))
    np.testing.assert_array_equal(one.centre, other.centre)
    np.testing.assert_array_equal(one.components, other.components)
