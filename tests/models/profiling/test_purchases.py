"""Purchases in blocks of users, and counts of pairs: what plain loops say, whatever the size of blocks."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from models.profiling import purchases as module
from models.profiling.activity import ACTIVITY_NAMES, activity_columns, distinct_per_user
from models.profiling.brand_counts import customers_by_brand, only_brands
from models.profiling.brands import NEVER, FirstPurchases
from models.profiling.data import MISSING, GenrePaths
from models.profiling.purchases import stable_order
from tests.models.profiling.toy import AS_OF, toy_log

USERS = 120
LOG = toy_log(users=USERS, seed=3)


@pytest.fixture(params=[1 << 21, 700, 64], ids=["one block", "some blocks", "many blocks"])
def in_blocks(request, monkeypatch):
    monkeypatch.setattr(module, "ROWS_AT_ONCE", request.param)
    blocks = len(list(LOG.by_users(USERS)))
    assert (blocks == 1) == (request.param > len(LOG))


def test_a_genre_column_answers_like_the_array_that_it_stands_for():
    levels = np.array([[0, 0, 0], [0, 1, 1], [1, 2, 2]])
    path = np.array([2, 0, 1, 1, 2], dtype=np.int32)
    column, dense = GenrePaths(path, levels), levels[path]
    chosen = np.array([True, False, True, True, False])
    assert column.shape == dense.shape and len(column) == len(dense)
    for key in (
        (slice(None), 1),
        (chosen, -1),
        (np.array([4, 0]), 0),
        (3, 2),
        (slice(1, 3), slice(0, 2)),
        chosen,
        slice(1, 4),
        np.array([4, 0]),
        2,
    ):
        np.testing.assert_array_equal(np.asarray(column[key]), dense[key])
    assert column[:, 1].dtype == np.int64 and np.asarray(column).dtype == np.int64


def test_blocks_hold_everybody_once_and_keep_the_order_of_time(in_blocks):
    ends, rows = 0, 0
    for start, stop, block in LOG.by_users(USERS):
        assert start == ends and (block.user >= 0).all() and (block.user < stop - start).all()
        own = (LOG.user >= start) & (LOG.user < stop)
        np.testing.assert_array_equal(block.user + start, LOG.user[own])
        for name in ("day", "at_ms", "brand", "genre", "price", "cancelled"):
            np.testing.assert_array_equal(getattr(block, name), getattr(LOG, name)[own])
        ends, rows = stop, rows + len(block)
    assert ends == USERS and rows == len(LOG)


def test_activity_is_what_a_loop_over_purchases_counts(in_blocks):
    as_of = AS_OF - 40
    got = np.expm1(activity_columns(LOG, as_of, USERS))
    assert got.shape == (USERS, len(ACTIVITY_NAMES))
    first_brand: dict[tuple[int, int], int] = {}
    seen = {n: defaultdict(lambda: [0, 0.0, set(), set(), set(), 0]) for n in ("30d", "90d", "ever")}
    last = {}
    for row in range(len(LOG)):
        day, user, brand = int(LOG.day[row]), int(LOG.user[row]), int(LOG.brand[row])
        if day >= as_of or LOG.cancelled[row]:
            continue
        last[user] = day
        fresh = (user, brand) not in first_brand
        first_brand.setdefault((user, brand), day)
        for name, length in (("30d", 30), ("90d", 90), ("ever", 10_000)):
            if day < as_of - length:
                continue
            of = seen[name][user]
            of[0] += 1
            of[1] += float(LOG.price[row])
            of[2].add(int(LOG.at_ms[row]))
            of[3].add(int(LOG.genre[row, 1]))
            if brand != MISSING:
                of[4].add(brand)
                of[5] += fresh
    for user in range(USERS):
        expected = []
        for name in ("30d", "90d", "ever"):
            of = seen[name][user]
            expected += [of[0], max(of[1], 0), len(of[2]), len(of[3]), len(of[4]), of[5]]
        expected.append(as_of - last.get(user, as_of - 365))
        np.testing.assert_allclose(got[user], expected, rtol=1e-9)


def test_first_purchases_and_counts_are_those_of_a_loop(in_blocks):
    first = FirstPurchases.of(LOG, USERS)
    brands = len(LOG.brand_names)
    day = np.full((brands, USERS), NEVER)
    for row in range(len(LOG)):
        if not LOG.cancelled[row] and LOG.brand[row] != MISSING:
            at = LOG.brand[row], LOG.user[row]
            day[at] = min(day[at], LOG.day[row])
    start, end = AS_OF - 90, AS_OF
    had, came = day < start, (day >= start) & (day < end)
    assert had.any() and came.any() and len(first) == brands
    for of in (first, FirstPurchases(day)):
        np.testing.assert_array_equal(np.stack([of.day[brand] for brand in range(brands)]), day)
        np.testing.assert_array_equal(of.customers(start), had)
        np.testing.assert_array_equal(of.newcomers(start, end), came)
        np.testing.assert_array_equal(of.customer_counts(start), had.sum(1))
        np.testing.assert_array_equal(of.newcomer_counts(start, end), came.sum(1))
        asked = np.array([3, 50, 7])
        np.testing.assert_array_equal(of.customers_among(asked, start), had[:, asked].sum(1))
    np.testing.assert_array_equal(customers_by_brand(LOG), (day < NEVER).sum(1))
    some = np.array([7, 2])
    np.testing.assert_array_equal(customers_by_brand(only_brands(LOG, some)), (day < NEVER).sum(1)[some])


def test_an_empty_log_has_no_customers():
    empty = LOG.before(0)
    assert len(empty) == 0 and (customers_by_brand(empty) == 0).all()
    assert (FirstPurchases.of(empty, USERS).customer_counts(AS_OF) == 0).all()
    assert activity_columns(empty, AS_OF, USERS).shape == (USERS, len(ACTIVITY_NAMES))


@pytest.mark.parametrize("scale", [1, 10**6, 10**15], ids=["small", "large", "too large to pack"])
def test_pairs_are_in_order_and_ties_as_they_stand(scale):
    rng = np.random.default_rng(0)
    user, value = rng.integers(0, 9, 500), (rng.integers(0, 7, 500) - 3) * scale
    np.testing.assert_array_equal(stable_order(user, value), np.lexsort((value, user)))
    expected = [len(set(value[user == one])) for one in range(12)]
    np.testing.assert_array_equal(distinct_per_user(user, value, 12), expected)
