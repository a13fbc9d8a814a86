"""`meta_profile_prior` on a simulated shop: gains grow, newcomers are found, and no future is known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from models.metrics import auc
from models.profiling.brands import FirstPurchases
from models.profiling.prior import MetaProfilePrior, MetaProfilePriorSettings
from models.profiling.profiler import OutdatedModel
from tests.models.profiling.toy import AS_OF, toy_data, toy_log

USERS = 300
SETTINGS = MetaProfilePriorSettings(
    spaces=tuple(space.model_copy(update={"width": 32}) for space in MetaProfilePriorSettings().spaces),
    draws=1,
    supports=(1, 5, 20, 60),
    horizon=60,
)
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
    small, some, many = (trained.taught.gains.gain(customers) for customers in (1, 20, 500))
    assert small.shape == (2,) and (small > 0).any()
    useful = small > 0
    assert (small[useful] < some[useful]).all() and (some[useful] < many[useful]).all()
    assert (many[~useful] == 0).all()


def test_the_score_is_the_prior_and_what_each_match_is_worth(data, trained):
    scorer, members = trained.ready(data), customers_of(data)[:7]
    gains = trained.taught.gains
    expected = scorer.prior.copy()
    shrinkages = gains.shrinkage[np.abs(np.log(gains.supports / 7)).argmin()]
    for space, gain, shrinkage in zip(scorer.spaces, gains.gain(7), shrinkages, strict=True):
        expected += gain * space.scores([members], float(shrinkage))[0].numpy()
    twice = np.concatenate([members, members[:3]])  # who is named twice counts once
    np.testing.assert_allclose(scorer.score(twice), expected, rtol=1e-6, atol=1e-6)
    assert np.abs(expected - scorer.prior).max() > 0.1


def test_a_space_that_is_worth_nothing_is_not_asked(data, trained):
    scorer, members = trained.ready(data), customers_of(data)
    curves = trained.taught.gains.curves * np.array([[1.0], [0.0]])
    dumb = replace(scorer, gains=replace(scorer.gains, curves=curves))
    without = replace(dumb, spaces=(scorer.spaces[0], None))
    np.testing.assert_array_equal(dumb.score(members), without.score(members))


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
    one, other = (model.taught for model in models)
    assert one.gains.measured.any()
    np.testing.assert_array_equal(one.gains.measured, other.gains.measured)
    np.testing.assert_array_equal(one.propensity.model.coefficients, other.propensity.model.coefficients)


def test_a_log_without_brands_falls_back_to_activity(data):
    bare = replace(data, purchases=replace(data.purchases, brand=np.full(len(data.purchases), -1)))
    trained = train(bare, excluded_brands=np.empty(0, np.int64))
    assert trained.taught.source_brands == 0
    rarity = trained.vectors[1].columns
    assert [len(one.names) for one in rarity] == [12, 0]
    assert np.isfinite(trained.ready(bare).score(np.arange(3))).all()


def test_saved_and_loaded_scores_alike(data, trained, tmp_path):
    trained.save(tmp_path / "model")
    loaded = MetaProfilePrior.load(tmp_path / "model")
    members = customers_of(data)
    np.testing.assert_array_equal(trained.ready(data).score(members), loaded.ready(data).score(members))
    assert loaded.settings == trained.settings and loaded.trained_as_of == AS_OF
    assert loaded.taught.source_brands == trained.taught.source_brands > 0


def test_a_model_without_source_brands_is_stored_too(data, tmp_path):
    bare = replace(data, purchases=replace(data.purchases, brand=np.full(len(data.purchases), -1)))
    trained = train(bare, excluded_brands=np.empty(0, np.int64))
    trained.save(tmp_path / "model")
    loaded = MetaProfilePrior.load(tmp_path / "model")
    for support in (np.arange(3), np.arange(90)):
        np.testing.assert_array_equal(trained.ready(bare).score(support), loaded.ready(bare).score(support))


@pytest.mark.parametrize("version", [{}, {"format": 1}], ids=["before formats", "an earlier one"])
def test_files_of_an_earlier_version_are_refused_by_name(trained, tmp_path, version):
    trained.save(tmp_path / "model")
    about = tmp_path / "model" / "meta_profile_prior.json"
    stored = json.loads(about.read_text())
    del stored["format"]
    about.write_text(json.dumps(stored | version))
    with pytest.raises(OutdatedModel, match=r"model was written by an earlier version"):
        MetaProfilePrior.load(tmp_path / "model")


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


@pytest.mark.parametrize("least", [1.0, 0.5])
def test_brands_that_teach_nothing_leave_the_prior_untaught(data, least):
    settings = SETTINGS.model_copy(update={"least_at_risk": least, "supports": (USERS + 1,)})
    model = MetaProfilePrior.train(
        settings, data, np.ones(len(data), bool), excluded_brands=np.array([TARGET]), seed=0
    )
    assert np.isfinite(model.ready(data).score(customers_of(data))).all()
