"""What source brands teach: from whom, from which brands, on what was known when the window began."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.profiling import teaching
from models.profiling.data import DAYS, ProfileData
from models.profiling.propensity import names_of
from models.profiling.teaching import Taught, TeachingSettings, TeachingWindow, teach
from models.profiling.views import PurchaseVectors, View, ViewSpace
from tests.models.profiling.later import born, data_of, joined
from tests.models.profiling.toy import AS_OF, toy_data, toy_log

USERS, BORN, HORIZON = 200, 80, 60
START = AS_OF - HORIZON
SETTINGS = TeachingSettings(horizon=HORIZON, supports=(1, 5, 20), shrinkages=(0.03, 0.3), draws=1)
NOBODY = np.zeros(0, dtype=np.int64)


class Embedding:
    """Vectors of two spaces; notes the data that it was given."""

    def __init__(self) -> None:
        self.asked: list[ProfileData] = []

    def __call__(self, then: ProfileData) -> list[np.ndarray]:
        self.asked.append(then)
        spaces = (ViewSpace(views=(View(of=of),), width=8) for of in ("genre", "brand"))
        everybody = np.ones(len(then), bool)
        fitted = (
            PurchaseVectors.fit(then.purchases, everybody, space, least_share=0.01, most_columns=99, seed=0)
            for space in spaces
        )
        return [one.transform(then.purchases, len(then)) for one in fitted]


def data() -> ProfileData:
    return toy_data(users=USERS)


def run(known: ProfileData, users: np.ndarray | None = None, **changes: Any) -> tuple[Taught, Embedding]:
    embed = Embedding()
    excluded, seed = changes.pop("excluded_brands", NOBODY), changes.pop("seed", 0)
    settings = SETTINGS.model_copy(update=changes)
    everybody = np.ones(len(known), bool) if users is None else users
    window = TeachingWindow.of(settings, known, everybody, seed)
    return teach(settings, known, window, embed, excluded_brands=excluded, seed=seed), embed


def assert_same(one: Taught, other: Taught) -> None:
    assert one.source_brands == other.source_brands
    assert one.propensity.lookback == other.propensity.lookback
    assert one.propensity.model.intercept == other.propensity.model.intercept
    np.testing.assert_array_equal(one.propensity.model.coefficients, other.propensity.model.coefficients)
    for name, values in vars(one.gains).items():
        np.testing.assert_array_equal(values, getattr(other.gains, name), name)


def test_a_bound_that_is_not_reached_changes_nothing():
    known = data()
    assert_same(run(known, most_users=USERS)[0], run(known, most_users=10**6)[0])


@pytest.mark.parametrize("most", [120, USERS - 1])
def test_at_most_so_many_users_are_learned_from_and_the_seed_draws_them(most):
    known = data()
    taught, embed = run(known, most_users=most)
    drawn = embed.asked[0].user_ids
    assert len(embed.asked) == 1 and len(drawn) == most and (np.sort(drawn) == drawn).all()
    assert taught.source_brands > 0 and taught.gains.measured.any()
    same, other = run(known, most_users=most), run(known, most_users=most, seed=1)
    assert_same(taught, same[0])
    assert other[1].asked[0].user_ids.tolist() != drawn.tolist()
    # Drawn ones are learned from as if there were nobody else.
    chosen = np.isin(known.user_ids, drawn)
    np.testing.assert_array_equal(
        taught.propensity.model.coefficients, run(known, chosen)[0].propensity.model.coefficients
    )
    assert not np.array_equal(
        taught.propensity.model.coefficients, run(known)[0].propensity.model.coefficients
    )


def test_drawn_users_come_from_the_whole_range():
    drawn = run(data(), most_users=100)[1].asked[0].user_ids
    numbers = np.array([int(name[1:]) for name in drawn])
    assert abs(numbers.mean() - USERS / 2) < 25 and numbers.max() > 180 and numbers.min() < 20


def with_newborn(brands: np.ndarray) -> ProfileData:
    """The toy shop, and accounts that first buy within the window."""
    log = toy_log(users=USERS).before(AS_OF)
    newborn = born(log, START, AS_OF, np.arange(USERS, USERS + BORN), brands, np.random.default_rng(3))
    ids = np.array([f"u{user:05d}" for user in range(USERS + BORN)])
    return data_of(joined(log, newborn), AS_OF, ids)


@pytest.mark.parametrize("most", [10**6, 120])
def test_nobody_born_in_the_window_teaches(most):
    known = with_newborn(np.arange(24))
    without = data_of(toy_log(users=USERS).before(AS_OF), AS_OF, known.user_ids[:USERS])
    (one, embed), (other, _) = (run(shop, most_users=most) for shop in (known, without))
    assert set(embed.asked[0].user_ids) <= set(known.user_ids[:USERS])
    assert_same(one, other)


def test_only_train_users_teach():
    known, users = data(), np.arange(USERS) % 4 > 0
    taught, embed = run(known, users)
    assert embed.asked[0].user_ids.tolist() == known.user_ids[users].tolist()
    assert_same(taught, run(known.take(np.flatnonzero(users)))[0])


def test_vectors_are_fitted_on_what_was_bought_before_the_window():
    known = data()
    taught, embed = run(known)
    then = embed.asked[0]
    assert then.as_of_day == START and int(then.purchases.day[-1]) < START and then.labels is None
    assert len(then.purchases) == int((known.purchases.day < START).sum())
    assert taught.propensity.lookback == START - int(known.purchases.day[0])
    for heat, fresh in zip(then.modalities, toy_data(START, users=USERS).modalities, strict=True):
        np.testing.assert_array_equal(heat.value, fresh.value)


def test_a_window_is_at_most_a_third_of_the_log():
    log = toy_log(users=USERS, days=60 + 90).before(AS_OF)  # ninety days before the as-of day
    known = data_of(log, AS_OF, np.array([f"u{user:05d}" for user in range(USERS)]))
    first_day = int(log.day[0])
    taught, embed = run(known, horizon=92)
    assert AS_OF - embed.asked[0].as_of_day == (AS_OF - first_day) // 3 == 30
    assert taught.propensity.lookback == 60
    assert run(known, horizon=10)[1].asked[0].as_of_day == AS_OF - 10


def test_excluded_brands_teach_nothing():
    known, pair = data(), np.array([3, 4])
    log = known.purchases
    bought = [np.bincount(log.user[log.brand == brand], minlength=USERS) > 0 for brand in pair]
    # Users who know only one of two excluded brands change it for the other: counts of brands stay. So do
    # vectors, which may know every brand, where only genres are looked at.
    swap = (bought[0] ^ bought[1])[log.user] & np.isin(log.brand, pair)
    assert swap.sum() > 50
    moved = replace(known, purchases=replace(log, brand=np.where(swap, pair.sum() - log.brand, log.brand)))

    def genres(then: ProfileData) -> list[np.ndarray]:
        return Embedding()(then)[:1]

    def learned(shop: ProfileData, excluded: np.ndarray) -> Taught:
        window = TeachingWindow.of(SETTINGS, shop, np.ones(USERS, bool), 0)
        return teach(SETTINGS, shop, window, genres, excluded_brands=excluded, seed=0)

    assert_same(learned(known, pair), learned(moved, pair))
    assert learned(known, NOBODY).source_brands == learned(known, pair).source_brands + 2
    with pytest.raises(AssertionError):
        assert_same(learned(known, NOBODY), learned(moved, NOBODY))


def test_brands_that_nearly_everybody_buys_teach_the_prior_but_no_gain(monkeypatch):
    known, given = data(), []
    fit_gains = teaching.fit_gains

    def spy(spaces: Any, prior: np.ndarray, customers: np.ndarray, *rest: Any, **more: Any) -> Any:
        given.append(customers)
        return fit_gains(spaces, prior, customers, *rest, **more)

    monkeypatch.setattr(teaching, "fit_gains", spy)
    all_of_them, _ = run(known, least_at_risk=0.0)
    at_risk = 1 - given[0].mean(1)
    middle = float(np.median(at_risk))
    some, _ = run(known, least_at_risk=middle)
    assert len(given[0]) == all_of_them.source_brands == some.source_brands
    np.testing.assert_array_equal(given[1], given[0][at_risk >= middle])
    assert 0 < len(given[1]) < len(given[0])
    np.testing.assert_array_equal(
        all_of_them.propensity.model.coefficients, some.propensity.model.coefficients
    )
    run(known, least_at_risk=0.0, most_brands=7)
    assert len(given[2]) == 7 and {row.tobytes() for row in given[2]} <= {row.tobytes() for row in given[0]}


def test_a_shop_of_one_brand_orders_by_activity_and_values_every_space_alike():
    known = data()
    bare = replace(known, purchases=replace(known.purchases, brand=np.full(len(known.purchases), -1)))
    taught, _ = run(bare)
    assert taught.source_brands == 0 and taught.propensity.lookback == START - int(bare.purchases.day[0])
    gain = taught.gains.gain(10)
    assert gain.shape == (2,) and gain[0] == gain[1] > 0
    assert len(taught.gains.shrinkage_of(10)) == 2
    odds = taught.propensity.log_odds(bare.purchases, AS_OF, np.ones(USERS, bool))
    recent = bare.purchases.between(AS_OF - taught.propensity.lookback, AS_OF)
    items = np.bincount(recent.user[~recent.cancelled], minlength=USERS)
    assert np.corrcoef(odds, np.log1p(items))[0, 1] > 0.9
    assert len(taught.propensity.model.coefficients) == len(names_of(taught.propensity.lookback))


@pytest.mark.parametrize("days", [1, 2, 5])
def test_a_log_of_a_few_days_can_be_asked(days):
    log = toy_log(users=USERS)
    short = log.between(AS_OF - days, AS_OF)
    known = data_of(short, AS_OF, np.array([f"u{user:05d}" for user in range(USERS)]))
    taught, _ = run(known)
    assert 1 <= taught.propensity.lookback <= DAYS
    assert np.isfinite(taught.propensity.log_odds(short, AS_OF, known.known_before(AS_OF))).all()
    assert np.isfinite(taught.gains.gain(3)).all()


def test_a_log_without_purchases_can_be_asked():
    known = replace(data(), purchases=toy_log(users=USERS).before(0))
    taught, _ = run(known)
    odds = taught.propensity.log_odds(known.purchases, AS_OF, np.ones(USERS, bool))
    assert taught.source_brands == 0 and np.isfinite(odds).all()
