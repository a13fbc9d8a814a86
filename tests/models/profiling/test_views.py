"""Purchase vectors against counting by hand and against TF-IDF of scikit-learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfTransformer

from models.profiling import purchases, views
from models.profiling.data import MISSING, PurchaseLog
from models.profiling.views import PurchaseVectors, View, ViewSpace
from tests.models.profiling.toy import AS_OF, toy_log

USERS, WIDE = 120, 999
MEASURES = ("days", "spend", "bought")


def shop() -> PurchaseLog:
    return toy_log(users=USERS).before(AS_OF)


def fitted(log: PurchaseLog, space: ViewSpace, users: np.ndarray | None = None, **changes) -> PurchaseVectors:
    options = {"least_share": 0.0, "most_columns": 99, "seed": 0}
    everybody = np.ones(USERS, bool) if users is None else users
    return PurchaseVectors.fit(log, everybody, space, **(options | changes))


def counted(log: PurchaseLog, view: View, names: tuple[str, ...]) -> np.ndarray:
    """One view of every user by counting, float64 [U, G]."""
    raw = np.zeros((USERS, len(names)))
    all_names = log.brand_names if view.of == "brand" else log.genre_names[view.level]
    codes = log.brand if view.of == "brand" else log.genre[:, view.level]
    for user in range(USERS):
        for column, name in enumerate(names):
            mine = ~log.cancelled & (log.user == user) & (codes == all_names.index(name))
            days, spent = len(np.unique(log.day[mine])), float(log.price[mine].sum())
            raw[user, column] = {"days": np.log1p(days), "spend": np.log1p(spent), "bought": days > 0}[
                view.measure
            ]
    return raw


def assert_alike(vectors: np.ndarray, by_hand: np.ndarray) -> None:
    """All directions are kept, so inner products survive the projection of what lies in their span."""
    one, other = vectors - vectors.mean(0), by_hand - by_hand.mean(0)
    np.testing.assert_allclose(one @ one.T, other @ other.T, atol=1e-4)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("view", [View(level=1), View(level=0), View(of="brand")], ids=str)
def test_vectors_say_what_is_bought_not_how_much(view, measure):
    log, view = shop(), view.model_copy(update={"measure": measure})
    vectors = fitted(log, ViewSpace(views=(view,), width=WIDE))
    names = vectors.columns[0].names
    assert set(names) == set(log.brand_names if view.of == "brand" else log.genre_names[view.level])
    raw = counted(log, view, names)
    spread = raw.std(0)
    weighed = raw / np.sqrt(spread)
    unit = weighed / np.maximum(np.linalg.norm(weighed, axis=1, keepdims=True), 1e-12)
    assert_alike(vectors.transform(log, USERS), unit)
    np.testing.assert_allclose(vectors.columns[0].weights, 1 / np.sqrt(spread), rtol=1e-4)


def test_weighing_by_rarity_is_tf_idf():
    log, both = shop(), (View(measure="bought"), View(of="brand", measure="bought"))
    vectors = fitted(log, ViewSpace(views=both, weighing="rarity", width=WIDE))
    parts = []
    for view, columns in zip(both, vectors.columns, strict=True):
        raw, transformer = counted(log, view, columns.names), TfidfTransformer()
        parts.append(transformer.fit_transform(raw).toarray())  # each view of length 1 by itself
        np.testing.assert_allclose(columns.weights, transformer.idf_, rtol=1e-6)
        assert columns.weights.std() > 0.05
    assert_alike(vectors.transform(log, USERS), np.concatenate(parts, axis=1))


def test_width_keeps_the_leading_directions():
    log, space = shop(), ViewSpace(views=(View(of="brand"), View()), width=5)
    narrow, wide = (
        fitted(log, one).transform(log, USERS) for one in (space, space.model_copy(update={"width": WIDE}))
    )
    assert narrow.shape == (USERS, 5) and wide.shape[1] > 20
    variance = wide.var(0)
    assert (np.diff(variance) < 1e-6).all(), "by falling variance"
    np.testing.assert_allclose(np.abs(narrow), np.abs(wide[:, :5]), atol=1e-4)


def test_fewer_users_than_columns_give_the_same_directions_as_more():
    log, space = shop(), ViewSpace(views=(View(of="brand"), View()), width=6)
    few = np.arange(USERS) < 30  # of 36 columns: the other Gram matrix
    vectors = fitted(log, space, few)
    names = [(columns.view, columns.names) for columns in vectors.columns]
    raw = np.concatenate(
        [
            (part := counted(log, view, named) * columns.weights)
            / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)
            for (view, named), columns in zip(names, vectors.columns, strict=True)
        ],
        axis=1,
    )
    assert raw.shape[1] > few.sum()
    _, _, axes = np.linalg.svd(raw[few] - raw[few].mean(0), full_matrices=False)
    expected = raw @ axes[:6].T
    np.testing.assert_allclose(np.abs(vectors.transform(log, USERS)), np.abs(expected), atol=1e-3)


@pytest.mark.parametrize("rank", [0, 3, 30])
def test_leading_directions_of_users_few_of_whom_differ(rank):
    """Users of `rank` kinds and of the mean of all: as centred as can be, and with fewer directions."""
    kinds = np.random.default_rng(0).integers(-3, 4, (rank, 50)).astype(float)
    rows = np.concatenate([kinds, -kinds, np.zeros((60 - 2 * rank, 50))])
    gram = rows @ rows.T
    assert not (gram @ np.ones(60)).any() and len(gram) > views.FEW * 8
    leading = views._leading(gram, 8)
    assert leading.shape == (60, min(rank, 8))
    np.testing.assert_array_equal(leading, views._leading(gram, 8))
    values = np.sort(np.linalg.eigvalsh(gram))[::-1]
    np.testing.assert_allclose(
        leading.T @ gram @ leading, np.diag(values[: leading.shape[1]]), atol=1e-6 * max(values[0], 1)
    )


def test_columns_that_too_few_buy_are_left_out_and_the_most_bought_are_kept():
    log = shop()
    buyers = np.array(
        [len(np.unique(log.user[(log.brand == brand) & ~log.cancelled])) for brand in range(24)]
    )
    space = ViewSpace(views=(View(of="brand"),), width=WIDE)
    least = float(np.median(buyers)) / USERS
    names = fitted(log, space, least_share=least).columns[0].names
    assert list(names) == [f"brand{brand}" for brand in np.flatnonzero(buyers >= least * USERS)]
    most = fitted(log, space, most_columns=5).columns[0].names
    assert len(most) == 5
    assert min(buyers[int(name[5:])] for name in most) >= np.sort(buyers)[-5]


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("weighing", ["deviation", "rarity"])
def test_in_blocks_vectors_are_those_of_the_whole(measure, weighing, monkeypatch):
    log = shop()
    both = View(measure=measure), View(of="brand", measure=measure)
    space = ViewSpace(views=both, weighing=weighing, width=12)
    vectors = fitted(log, space)
    whole = vectors.transform(log, USERS)
    monkeypatch.setattr(views, "BLOCK", 7)
    monkeypatch.setattr(purchases, "ROWS_AT_ONCE", 400)
    assert len(list(log.by_users(USERS))) > 5
    np.testing.assert_allclose(vectors.transform(log, USERS), whole, atol=1e-6)
    again = fitted(log, space)
    assert [columns.names for columns in again.columns] == [columns.names for columns in vectors.columns]
    for one, other in zip(again.columns, vectors.columns, strict=True):
        np.testing.assert_allclose(one.weights, other.weights, rtol=1e-5)
    np.testing.assert_allclose(np.abs(again.transform(log, USERS)), np.abs(whole), atol=1e-3)


def test_a_brand_that_is_not_known_when_fitted_moves_nobody():
    log = shop()
    vectors = fitted(log, ViewSpace(views=(View(of="brand"),), width=WIDE))
    before = vectors.transform(log, USERS)
    renamed = replace(
        log,
        # Another order of names, and one more; those without a brand buy it.
        brand_names=("later", *reversed(log.brand_names)),
        brand=np.where(log.brand == MISSING, 0, len(log.brand_names) - log.brand),
    )
    assert (log.brand == MISSING).any()
    np.testing.assert_allclose(vectors.transform(renamed, USERS), before, atol=1e-6)


@pytest.mark.parametrize("weighing", ["deviation", "rarity"])
def test_a_user_without_purchases_is_the_zero_vector(weighing):
    log = shop()
    vectors = fitted(log, ViewSpace(views=(View(), View(of="brand")), weighing=weighing, width=WIDE))
    transformed = vectors.transform(log, USERS + 3)
    assert not transformed[USERS:].any() and transformed[:USERS].any()


def test_a_log_without_brands_has_a_space_of_no_columns():
    log = replace(shop(), brand=np.full(len(shop()), MISSING), brand_names=())
    vectors = fitted(log, ViewSpace(views=(View(of="brand"),), width=WIDE))
    assert vectors.columns[0].names == () and vectors.transform(log, USERS).shape[0] == USERS
    assert not vectors.transform(log, USERS).any()


def test_without_anybody_to_learn_from_there_are_no_columns():
    log = shop()
    vectors = fitted(log, ViewSpace(views=(View(), View(of="brand")), width=WIDE), np.zeros(USERS, bool))
    assert [columns.names for columns in vectors.columns] == [(), ()]
    assert vectors.transform(log, USERS).shape == (USERS, 0)


def test_only_a_sample_of_many_users_is_fitted_on_and_it_is_drawn_by_the_seed(monkeypatch):
    log, space = shop(), ViewSpace(views=(View(of="brand"),), width=4)
    whole = fitted(log, space)
    monkeypatch.setattr(views, "SAMPLE", 60)
    one, same, other = (fitted(log, space, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.basis, same.basis)
    assert not np.array_equal(one.columns[0].weights, other.columns[0].weights)
    assert not np.array_equal(one.columns[0].weights, whole.columns[0].weights)
    np.testing.assert_allclose(one.columns[0].weights, whole.columns[0].weights, rtol=0.3)
