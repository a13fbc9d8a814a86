"""What an account buys as a vector: axes that never move, and nobody's vector depends on others."""

import numpy as np

from models.profiling.account_vectors import LEVELS, WIDTH, AccountVectors

PATHS = ["food/fruit/apple", "food/fruit/pear", "food/bread", "toys", "toys/cars/red"]


def counted(rows, paths=PATHS):
    user, genre, items = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return AccountVectors.of_counts(user, genre, items, paths)


ROWS = [(3, 0, 2), (3, 1, 1), (3, 3, 5), (7, 2, 1), (9, 4, 4), (9, 0, 1)]


def test_items_of_the_same_part_of_a_path_are_one_count():
    """3 + 0 items of one type and 2 + 1 of two types of one category are the same."""
    one, other = counted([(1, 0, 3)]), counted([(1, 0, 2), (1, 1, 1)])
    np.testing.assert_array_equal(one.values, other.values)
    assert one.values.shape == (1, WIDTH)
    assert (one.values != 0).sum() <= LEVELS + 1
    assert np.abs(one.values).max() >= np.float32(np.log1p(3))
    assert not np.array_equal(one.values, counted([(1, 2, 3)]).values), "another category"


def test_a_vector_is_the_same_whoever_is_asked_for_with_it_and_whatever_is_new_in_the_shop():
    whole = counted(ROWS)
    assert whole.user.tolist() == [3, 7, 9]
    alone = counted([row for row in ROWS if row[0] == 9])
    np.testing.assert_array_equal(alone.values[0], whole.values[2])
    renumbered = ["books", *PATHS[::-1], "books/maps"]  # other codes of the same names
    moved = [(user, renumbered.index(PATHS[genre]), items) for user, genre, items in ROWS]
    np.testing.assert_array_equal(counted(moved, renumbered).values, whole.values)


def test_who_bought_nothing_has_no_vector():
    vectors = counted(ROWS).of(np.array([9, 4, 3, 100, -1]))
    assert np.isnan(vectors[[1, 3, 4]]).all() and np.isfinite(vectors[[0, 2]]).all()
    nobody = AccountVectors.together([])
    assert len(nobody) == 0 and np.isnan(nobody.of(np.array([1, 2]))).all()
    none = AccountVectors.of_counts(*(np.empty(0, np.int64),) * 3, [])
    assert len(none) == 0 and none.values.shape == (0, WIDTH)


def test_parts_by_users_are_the_whole():
    parts = [counted([row for row in ROWS if (row[0] < 5) == early]) for early in (True, False)]
    joined, whole = AccountVectors.together(parts), counted(ROWS)
    np.testing.assert_array_equal(joined.user, whole.user)
    np.testing.assert_array_equal(joined.values, whole.values)


def test_those_who_buy_alike_lie_near_each_other():
    rng = np.random.default_rng(0)
    paths = [f"g{genre}/c{genre}.{category}" for genre in range(12) for category in range(5)]
    taste = np.repeat(np.eye(2, dtype=int), 40, axis=0)  # two kinds of users
    share = np.where(taste[:, :1] == 1, np.arange(60) < 30, np.arange(60) >= 30) + 0.2
    items = rng.poisson(2 * share)
    user, genre = np.nonzero(items)
    vectors = AccountVectors.of_counts(user, genre, items[user, genre], paths).values
    vectors = vectors - vectors.mean(0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = vectors @ vectors.T
    same = np.kron(np.eye(2), np.ones((40, 40))) > 0
    assert cosine[same].mean() > 0.2 > -0.2 > cosine[~same].mean()
