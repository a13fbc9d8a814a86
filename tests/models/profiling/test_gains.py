"""What a match is worth: against logistic regression of scikit-learn, on outcomes whose gains are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from models.profiling.gains import FEWEST_BRANDS, Gains, _curve, _fitted, _ScoreTest, fit_gains
from models.profiling.match import MatchSpace

USERS, BRANDS, CUSTOMERS, WIDTH = 1_500, 30, 40, 6
SHRINKAGE, SLOPE = 0.1, 0.6


@dataclass(frozen=True)
class World:
    """Users with a prior and two spaces; who becomes a customer is drawn with known gains."""

    spaces: tuple[MatchSpace, ...]
    prior: np.ndarray
    customers: np.ndarray  #: bool [B, U], `CUSTOMERS` each
    newcomers: np.ndarray  #: bool [B, U]

    @property
    def free(self) -> np.ndarray:
        return ~self.customers

    def match(self, space: int) -> np.ndarray:
        """float64 [B, U], of all customers of each brand."""
        supports = [np.flatnonzero(row) for row in self.customers]
        return self.spaces[space].scores(supports, SHRINKAGE).numpy().astype(np.float64)

    def pairs(self, *columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Columns less their mean a brand, float64 [pairs, P], and the outcomes."""
        centred = []
        for column in columns:
            rows = np.where(self.free, column, np.nan)
            centred.append((rows - np.nanmean(rows, axis=1, keepdims=True))[self.free])
        return np.stack(centred, axis=1), self.newcomers[self.free].astype(float)

    def fit(self, spaces: tuple[int, ...] = (0, 1), **changes) -> Gains:
        options = {"supports": (CUSTOMERS,), "shrinkages": (SHRINKAGE,), "draws": 1}
        return fit_gains(
            [self.spaces[space] for space in spaces],
            self.prior,
            self.customers,
            self.newcomers,
            rng=np.random.default_rng(0),
            **(options | changes),
        )


def world(gains: tuple[float, float], seed: int = 0) -> World:
    rng = np.random.default_rng(seed)
    everybody, prior = np.ones(USERS, bool), rng.normal(size=USERS)
    axes = np.geomspace(1, 0.1, WIDTH)  # of unequal length, so that λ matters
    tastes = [(axes * rng.normal(size=(USERS, WIDTH))).astype(np.float32) for _ in gains]
    liking = rng.normal(0, 2, (USERS, BRANDS))
    for taste in tastes:
        liking += taste / axes @ rng.normal(size=(WIDTH, BRANDS))
    customers = (np.argsort(np.argsort(-liking, axis=0), axis=0) < CUSTOMERS).T
    spaces = tuple(MatchSpace.of(taste, everybody) for taste in tastes)
    blank = World(spaces, prior, customers, np.zeros_like(customers))
    odds = prior + sum(gain * blank.match(v) for v, gain in enumerate(gains))
    chance = 1 / (1 + np.exp(-(rng.normal(-2.5, 0.3, (BRANDS, 1)) + SLOPE * odds)))
    return World(spaces, prior, customers, (rng.random(chance.shape) < chance) & ~customers)


def sklearn_fit(columns: np.ndarray, outcome: np.ndarray) -> LogisticRegression:
    return LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(columns, outcome)


def test_gains_are_the_coefficients_of_a_joint_logistic_regression_over_that_of_the_prior():
    shop = world((1.4, 0.7))
    gains = shop.fit()
    columns, outcome = shop.pairs(np.broadcast_to(shop.prior, shop.free.shape), shop.match(0), shop.match(1))
    beta = sklearn_fit(columns, outcome).coef_[0]
    np.testing.assert_allclose(gains.measured[0], beta[1:] / beta[0], rtol=2e-3)  # a penalty of 1 in 40,000
    # With one intercept a brand, which the centring stands for.
    brand = np.repeat(np.arange(BRANDS), shop.free.sum(1))
    dummies = np.concatenate([columns, np.eye(BRANDS)[brand][:, 1:]], axis=1)
    whole = sklearn_fit(dummies, outcome).coef_[0]
    np.testing.assert_allclose(gains.measured[0], whole[1:3] / whole[0], rtol=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_gains_that_are_known_come_back_and_a_useless_space_has_none(seed):
    gains = world((1.4, 0.0), seed).fit()
    deviation = 1 / np.sqrt(gains.certainty[0])
    assert (deviation < 0.1).all()
    np.testing.assert_allclose(gains.measured[0], [1.4, 0.0], atol=4 * deviation.max())
    assert gains.measured[0, 1] < 0.15


def test_certainty_is_one_over_the_variance():
    drawn = [world((1.4, 0.7), seed).fit() for seed in range(12)]
    errors = np.stack([one.measured[0] - [1.4, 0.7] for one in drawn])
    expected = np.stack([1 / one.certainty[0] for one in drawn]).mean(0)
    ratio = (errors**2).mean(0) / expected
    assert (ratio > 0.3).all() and (ratio < 3).all()


def test_a_space_that_would_count_against_is_left_out_and_the_other_is_fitted_alone():
    shop = world((1.0, -0.8))
    both, alone = shop.fit(), shop.fit(spaces=(0,))
    assert both.measured[0, 1] == 0 and not both.gain(1_000)[1] and both.gain(1_000)[0] > 0.5
    np.testing.assert_allclose(both.measured[0, 0], alone.measured[0, 0], rtol=1e-9)


def test_spaces_that_say_the_same_share_the_gain():
    shop = world((1.4, 0.0))
    twice, once = shop.fit(spaces=(0, 0)), shop.fit(spaces=(0,))
    assert twice.measured[0, 0] == pytest.approx(twice.measured[0, 1], rel=1e-6)
    assert twice.measured[0].sum() == pytest.approx(once.measured[0, 0], rel=0.01)


def test_coefficients_and_covariance_with_a_penalty_are_those_of_scikit_learn():
    rng = np.random.default_rng(1)
    columns = rng.normal(size=(5_000, 3))
    outcome = (rng.random(5_000) < 1 / (1 + np.exp(2 - columns @ [0.5, 1.0, 0.0]))).astype(float)
    design = np.concatenate([columns, np.ones((5_000, 1))], axis=1)
    beta, covariance = _fitted(design, outcome, np.full(3, 50.0))
    model = LogisticRegression(C=1 / 50, solver="newton-cholesky", tol=1e-10).fit(columns, outcome)
    np.testing.assert_allclose(beta, [*model.coef_[0], model.intercept_[0]], atol=1e-4)
    chance = model.predict_proba(columns)[:, 1]
    information = (design * (chance * (1 - chance))[:, None]).T @ design + np.diag([50, 50, 50, 0])
    np.testing.assert_allclose(covariance, np.linalg.inv(information), rtol=1e-3, atol=1e-6)


def test_the_score_test_ranks_columns_as_the_likelihood_ratio_does():
    shop = world((0.5, 0.2))
    supports = [np.flatnonzero(row) for row in shop.customers]
    matches = [
        space.scores(supports, value).numpy().astype(float)
        for space in shop.spaces
        for value in (0.001, 0.3, 10.0)
    ]
    rng = np.random.default_rng(2)
    noisy = [matches[0] + rng.normal(0, scale, matches[0].shape) for scale in (1.0, 3.0)]
    prior = np.broadcast_to(shop.prior, shop.free.shape)
    active = matches[1] + prior + rng.normal(0, 0.1, prior.shape)  # what it shares with the prior is known
    columns, outcome = shop.pairs(prior, *matches, *noisy, active, -matches[0])
    alone = np.stack([columns[:, 0], np.ones(len(columns))], axis=1)
    beta, _ = _fitted(alone, outcome, np.zeros(1))
    statistic = np.array([_ScoreTest(alone, outcome, beta)(column) for column in columns.T[1:]])

    def likelihood(*chosen: int) -> float:
        model = sklearn_fit(columns[:, chosen], outcome)
        chance = model.predict_proba(columns[:, chosen])[:, 1]
        return float((outcome * np.log(chance) + (1 - outcome) * np.log(1 - chance)).sum())

    ratio = np.array([2 * (likelihood(0, c) - likelihood(0)) for c in range(1, columns.shape[1])])
    assert np.argsort(statistic[:-1]).tolist() == np.argsort(ratio[:-1]).tolist()
    np.testing.assert_allclose(statistic[:-1], ratio[:-1], rtol=0.15)
    assert statistic[-1] == pytest.approx(-statistic[0]), "what counts against is never chosen"


def test_the_shrinkage_chosen_is_the_one_whose_match_explains_most():
    shop = world((1.4, 0.7))
    values = (0.001, 0.1, 1.0, 10.0)
    chosen = shop.fit(shrinkages=values).shrinkage[0]
    supports = [np.flatnonzero(row) for row in shop.customers]
    prior = np.broadcast_to(shop.prior, shop.free.shape)
    for space, value in zip(shop.spaces, chosen, strict=True):
        likelihoods = []
        for tried in values:
            columns, outcome = shop.pairs(prior, space.scores(supports, tried).numpy().astype(float))
            chance = sklearn_fit(columns, outcome).predict_proba(columns)[:, 1]
            likelihoods.append((outcome * np.log(chance) + (1 - outcome) * np.log(1 - chance)).sum())
        best = max(likelihoods)
        assert likelihoods[values.index(value)] > best - 1.0 > min(likelihoods)


def test_numbers_of_customers_that_too_few_brands_have_are_not_tried_but_the_least_is():
    shop = world((1.4, 0.0))
    gains = shop.fit(supports=(400, 5, 1, 20), shrinkages=(0.1, 1.0))
    assert gains.supports.tolist() == [1, 5, 20]
    assert gains.measured.shape == gains.shrinkage.shape == gains.certainty.shape == (3, 2)
    few = World(
        shop.spaces,
        shop.prior,
        shop.customers[: FEWEST_BRANDS - 1],
        shop.newcomers[: FEWEST_BRANDS - 1],
    )
    assert few.fit(supports=(20, 1, 5)).supports.tolist() == [1]
    assert gains.shrinkage_of(3) == gains.shrinkage[1].tolist()  # 3 is nearer to 5 on a logarithmic axis
    assert gains.shrinkage_of(1_000) == gains.shrinkage[2].tolist()


def test_a_curve_through_its_points_is_recovered():
    support = np.array([1.0, 3, 10, 30, 100, 300])
    curve = _curve(support, 1.7 * (support / (support + 25)) ** 0.7, np.ones(6))
    fitted = Gains(np.array([curve]), support, *(np.ones((6, 1)),) * 3)
    for customers in (1, 7, 50, 5_000):
        truth = 1.7 * (customers / (customers + 25)) ** 0.7
        assert fitted.gain(customers)[0] == pytest.approx(truth, rel=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_curves_never_fall_whatever_was_measured(seed):
    rng = np.random.default_rng(seed)
    support = np.array([1.0, 3, 10, 30, 100])
    measured = np.maximum(rng.normal(0.5, 0.5, 5), 0)
    curve = _curve(support, np.sort(measured)[::-1], rng.uniform(0.1, 100, 5))
    fitted = Gains(np.array([curve]), support, *(np.ones((5, 1)),) * 3)
    values = np.array([fitted.gain(customers)[0] for customers in (1, 2, 5, 20, 100, 1_000, 10**6)])
    assert (np.diff(values) >= 0).all() and values[0] >= 0
    assert values[-1] <= measured.max() * 1.5 + 1e-9


def test_points_that_are_certain_decide_the_curve():
    support, certain = np.array([1.0, 10, 100]), np.array([1e-9, 1e4, 1e4])
    clean = _curve(support, np.array([0.2, 0.6, 1.0]), certain)
    wild = _curve(support, np.array([5.0, 0.6, 1.0]), certain)
    np.testing.assert_allclose(clean, wild, rtol=0.01)
