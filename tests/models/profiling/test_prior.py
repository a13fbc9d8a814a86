"""`meta_profile_prior` on a simulated shop: gains grow, newcomers are found, and no future is known."""

from dataclasses import replace

import numpy as np
import pytest

from models.metrics import auc
from models.profiling.brands import FirstPurchases
from models.profiling.gains import _fitted
from models.profiling.prior import MetaProfilePrior, MetaProfilePriorSettings
from tests.models.profiling.toy import AS_OF, toy_data, toy_log

USERS = 300
SETTINGS = MetaProfilePriorSettings(width=32, draws=1, supports=(1, 5, 20, 60), horizon=60)
TARGET = 3


@pytest.fixture(scope="module")
def data():
    return toy_data(users=USERS, bare=True)


@pytest.fixture(scope="module")
def trained(data):
    return train(data)


def train(data, **options):
    users = np.ones(len(data), bool)
    excluded = options.pop("excluded_brands", np.array([TARGET]))
    return MetaProfilePrior.train(SETTINGS, data, users, excluded_brands=excluded, seed=0, **options)


def customers_of(data, brand=TARGET) -> np.ndarray:
    return np.flatnonzero(FirstPurchases.of(data.purchases, len(data)).customers(AS_OF)[brand])


def test_the_gain_grows_with_the_number_of_customers(trained):
    assert 0 < trained.gains.gain(1) < trained.gains.gain(20) < trained.gains.gain(500)


def test_it_finds_the_newcomers_of_a_brand_it_never_saw(data, trained):
    scorer = trained.ready(data)
    later = toy_log(users=USERS)
    first = FirstPurchases.of(later, USERS)
    areas = []
    for brand in range(24):
        members = first.customers(AS_OF)[brand]
        free = ~members
        outcome = first.newcomers(AS_OF, AS_OF + 60)[brand][free]
        areas.append(auc(outcome, scorer.score(np.flatnonzero(members))[free]))
    assert np.mean([value for value in areas if value is not None]) > 0.6


def test_what_happens_on_or_after_the_as_of_day_changes_nothing(data):
    later = toy_log(users=USERS)
    rng = np.random.default_rng(9)
    after = later.day >= AS_OF
    shuffled = replace(later, user=np.where(after, rng.integers(0, USERS, len(later)), later.user))
    other = replace(data, purchases=shuffled.before(AS_OF))
    members = customers_of(data)
    np.testing.assert_array_equal(
        train(data).ready(data).score(members), train(other).ready(other).score(members)
    )


def test_users_who_are_not_trained_on_teach_nothing(data):
    users = np.arange(USERS) < 200
    log = data.purchases
    rng = np.random.default_rng(1)
    outside = log.user >= 200
    moved = replace(log, brand=np.where(outside, rng.integers(0, 24, len(log)), log.brand))
    models = [
        MetaProfilePrior.train(
            SETTINGS, replace(data, purchases=one), users, excluded_brands=np.array([TARGET]), seed=0
        )
        for one in (log, moved)
    ]
    np.testing.assert_array_equal(models[0].gains.measured, models[1].gains.measured)
    np.testing.assert_array_equal(models[0].prior.coefficients, models[1].prior.coefficients)


def test_excluded_brands_teach_nothing(data):
    log, pair = data.purchases, (TARGET, TARGET + 1)
    bought = [np.bincount(log.user[log.brand == brand], minlength=USERS) > 0 for brand in pair]
    # Users who know only one of two excluded brands change it for the other: counts of brands stay.
    swap = (bought[0] ^ bought[1])[log.user] & np.isin(log.brand, pair)
    moved = replace(log, brand=np.where(swap, sum(pair) - log.brand, log.brand))
    assert swap.sum() > 50
    gains = [
        train(replace(data, purchases=one), excluded_brands=np.asarray(pair)).gains.measured
        for one in (log, moved)
    ]
    np.testing.assert_array_equal(gains[0], gains[1])


def test_a_log_without_brands_falls_back_to_activity(data):
    bare = replace(data, purchases=replace(data.purchases, brand=np.full(len(data.purchases), -1)))
    trained = train(bare, excluded_brands=np.empty(0, np.int64))
    assert trained.source_brands == 0
    assert np.isfinite(trained.ready(bare).score(np.arange(3))).all()


def test_saved_and_loaded_scores_alike(data, trained, tmp_path):
    trained.save(tmp_path / "model")
    loaded = MetaProfilePrior.load(tmp_path / "model")
    members = customers_of(data)
    np.testing.assert_array_equal(trained.ready(data).score(members), loaded.ready(data).score(members))
    assert loaded.settings == trained.settings


def test_an_older_date_is_refused(data, trained):
    older = toy_data(as_of_day=AS_OF - 30, users=USERS, bare=True)
    with pytest.raises(ValueError, match="would know their future"):
        trained.ready(older)


def test_no_customers_are_refused(data, trained):
    with pytest.raises(ValueError, match="at least one"):
        trained.ready(data).score(np.empty(0, np.int64))


def test_the_order_of_users_does_not_matter(data, trained):
    order = np.random.default_rng(3).permutation(USERS)
    position = np.argsort(order)
    log = data.purchases
    shuffled = replace(data, purchases=replace(log, user=position[log.user]))
    members = customers_of(data)
    one = trained.ready(data).score(members)
    other = trained.ready(shuffled).score(position[members])
    np.testing.assert_allclose(other[position], one, atol=1e-4)


def test_one_gain_is_the_ratio_of_two_logistic_coefficients():
    rng = np.random.default_rng(0)
    prior, match = rng.normal(size=(2, 40_000))
    odds = -2 + 0.5 * (prior + 1.4 * match)
    outcome = (rng.random(40_000) < 1 / (1 + np.exp(-odds))).astype(float)
    beta, certainty, _ = _fitted(prior, match, outcome, np.array([1.0, 0.0, -2.0]))
    assert abs(beta[1] / beta[0] - 1.4) < 4 / np.sqrt(certainty)
    assert 1 / np.sqrt(certainty) < 0.1


@pytest.mark.parametrize("least", [1.0, 0.5])
def test_brands_that_teach_nothing_leave_the_prior_untaught(data, least):
    settings = SETTINGS.model_copy(update={"least_at_risk": least, "supports": (USERS + 1,)})
    model = MetaProfilePrior.train(
        settings, data, np.ones(len(data), bool), excluded_brands=np.array([TARGET]), seed=0
    )
    assert np.isfinite(model.ready(data).score(customers_of(data))).all()
