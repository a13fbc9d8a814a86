"""What came after a teaching window began selects nothing for it: no user, no brand, no column, no scale."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from models.profiling import joint_logistic, meta_profile, propensity, source_brands, teaching
from models.profiling.data import Demographics, ProfileData, PurchaseLog, SparseHeatmaps
from models.profiling.joint_logistic import JointLogistic
from models.profiling.meta_profile import MetaProfile
from models.profiling.prior import MetaProfilePrior, MetaProfilePriorSettings
from models.profiling.scaling import DemographicScale
from models.profiling.settings import TINY, EpisodeSettings
from models.profiling.source_brands import SourceBrands
from tests.models.profiling.later import born, changed_after, data_of, joined, moved
from tests.models.profiling.toy import AS_OF, toy_log

USERS, BORN, HORIZON = 120, 200, 60
START = AS_OF - HORIZON
SETTINGS = MetaProfilePriorSettings(
    spaces=tuple(space.model_copy(update={"width": 12}) for space in MetaProfilePriorSettings().spaces),
    horizon=HORIZON,
    supports=(1, 3, 10),
    shrinkages=(0.02, 0.1),
    draws=1,
)
FEW = SETTINGS.model_copy(update={"most_users": 40})  #: fewer than there are, so that they are drawn
EXCLUDED = np.array([0, 7])


@dataclass(frozen=True)
class World:
    """A shop as it stands at the as-of day."""

    data: ProfileData
    train: np.ndarray  #: bool [U]

    @property
    def source(self) -> SourceBrands:
        return source_brands.source_brands(self.data, self.train, excluded=EXCLUDED, horizon=HORIZON)


def world(log: PurchaseLog, users: int, order: np.ndarray) -> World:
    """Users of which three in four may be learned from; user n has position `order[n]`."""
    ids = np.empty(users, dtype="<U6")
    ids[order] = [f"u{number:05d}" for number in range(users)]
    train = np.empty(users, dtype=bool)
    train[order] = np.arange(users) % 4 > 0
    return World(data_of(moved(log, order), AS_OF, ids), train)


def usual() -> PurchaseLog:
    return toy_log(users=USERS, per_user=50).before(AS_OF)


def grown(seed: int) -> World:
    """Everything after the start otherwise, and two hundred accounts more, standing among the others."""
    random = np.random.default_rng(seed)
    log = changed_after(usual(), START, AS_OF, USERS, random)
    newborn = born(log, START, AS_OF, np.arange(USERS, USERS + BORN), np.arange(1, 7), random)
    spots = np.sort(random.choice(USERS + BORN, USERS, replace=False))
    order = np.concatenate([spots, np.setdiff1d(np.arange(USERS + BORN), spots)])
    return world(joined(log, newborn), USERS + BORN, order)


def only_born(count: int) -> World:
    """The usual shop, and so many accounts that first shop within the window."""
    log = usual()
    newborn = born(
        log, START, AS_OF, np.arange(USERS, USERS + BORN), np.arange(1, 7), np.random.default_rng(9)
    )
    both = joined(log, newborn) if count else log
    return world(both, USERS + count, np.arange(USERS + count))


@dataclass
class Spy:
    """What the learners were given, but for the labels."""

    activity: list[np.ndarray]
    trials: list[np.ndarray]
    pairs: list[np.ndarray]
    space: list[np.ndarray]
    customers: list[np.ndarray]


def taught(shop: World, monkeypatch: pytest.MonkeyPatch) -> Spy:
    """Train all learners of windows on a shop, and note what they learn from."""
    spy = Spy([], [], [], [], [])
    fit_activity, fit_pairs = source_brands.fit_logistic, joint_logistic.fit_logistic
    fit_gains: Callable[..., Any] = teaching.fit_gains

    def activity(columns: np.ndarray, successes: np.ndarray, trials: np.ndarray, **more: Any) -> Any:
        spy.activity.append(columns)
        spy.trials.append(trials)
        return fit_activity(columns, successes, trials, **more)

    def pairs(columns: np.ndarray, bought: np.ndarray, **more: Any) -> Any:
        spy.pairs.append(columns[:, :-1])  # the last is the brand's own share of newcomers: a label
        return fit_pairs(columns, bought, **more)

    def gains(spaces: Any, log_odds: np.ndarray, customers: np.ndarray, newcomers: Any, **more: Any) -> Any:
        for space in spaces:
            vectors = space.vectors.numpy()[space.background.numpy()]
            spy.space.append(vectors @ vectors.T)  # axes may turn
        spy.customers.append(customers[:, spaces[0].background.numpy()])
        return fit_gains(spaces, log_odds, customers, newcomers, **more)

    with monkeypatch.context() as patched:
        patched.setattr(source_brands, "fit_logistic", activity)
        patched.setattr(propensity, "fit_logistic", activity)
        patched.setattr(joint_logistic, "fit_logistic", pairs)
        patched.setattr(teaching, "fit_gains", gains)
        source_brands.fit_activity_prior(shop.data, shop.source)
        for settings in (SETTINGS, FEW):
            MetaProfilePrior.train(settings, shop.data, shop.train, excluded_brands=EXCLUDED, seed=0)
        JointLogistic.train(shop.data, shop.train, shop.source)
    assert len(spy.activity) == 3 and len(spy.activity[2]) == FEW.most_users
    assert len(spy.space) == 2 * len(SETTINGS.spaces) and len(spy.customers) == 2
    return spy


def difference(one: World, other: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """What two shops select differently for their teaching window; empty where nothing."""
    a, b = one.source, other.source
    if one.data.user_ids[a.users].tolist() != other.data.user_ids[b.users].tolist():
        return "users"
    names = [[w.data.purchases.brand_names[n] for n in s.brands] for w, s in ((one, a), (other, b))]
    if names[0] != names[1]:
        return "brands"
    for field in ("customers", "at_risk"):
        if not np.array_equal(getattr(a, field)[:, a.users], getattr(b, field)[:, b.users]):
            return field
        if getattr(b, field)[:, ~b.users].any():
            return f"{field} among strangers"
    first, second = taught(one, monkeypatch), taught(other, monkeypatch)
    for field, values in vars(first).items():
        for x, y in zip(values, getattr(second, field), strict=True):
            if x.shape != y.shape or not np.allclose(x, y, rtol=1e-6, atol=1e-6):
                return field
    return ""


@pytest.mark.parametrize("seed", range(4))
def test_nothing_after_the_start_selects_anything(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert difference(only_born(0), grown(seed), monkeypatch) == ""


def test_accounts_born_in_the_window_change_no_coefficient() -> None:
    one, other = only_born(0), only_born(BORN)
    models = [
        (
            source_brands.fit_activity_prior(w.data, w.source),
            MetaProfilePrior.train(SETTINGS, w.data, w.train, excluded_brands=EXCLUDED, seed=0),
            JointLogistic.train(w.data, w.train, w.source),
        )
        for w in (one, other)
    ]
    (activity, ours, joint), (activity_2, ours_2, joint_2) = models
    np.testing.assert_allclose(activity.coefficients, activity_2.coefficients, rtol=1e-9, atol=1e-12)
    one_taught, other_taught = ours.taught, ours_2.taught
    assert one_taught.propensity.lookback == other_taught.propensity.lookback
    assert one_taught.propensity.model.intercept == other_taught.propensity.model.intercept
    np.testing.assert_array_equal(
        one_taught.propensity.model.coefficients, other_taught.propensity.model.coefficients
    )
    assert one_taught.gains.measured.any()
    for name, values in vars(one_taught.gains).items():
        np.testing.assert_array_equal(values, getattr(other_taught.gains, name), name)
    for (size, model), (size_2, model_2) in zip(joint.models, joint_2.models, strict=True):
        assert size == size_2
        np.testing.assert_allclose(model.coefficients, model_2.coefficients, rtol=1e-9, atol=1e-9)


def test_the_comparison_sees_the_old_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """With everybody at risk, as it once was, accounts born in the window are users, and are learned from."""
    monkeypatch.setattr(ProfileData, "known_before", lambda data, day: np.ones(len(data), dtype=bool))
    assert difference(only_born(0), only_born(BORN), monkeypatch) == "users"
    coefficients = [
        source_brands.fit_activity_prior(w.data, w.source).coefficients
        for w in (only_born(0), only_born(BORN))
    ]
    assert np.abs(coefficients[0] - coefficients[1]).max() > 0.1


@pytest.mark.parametrize("seed", range(3))
def test_brand_episodes_choose_nothing_by_their_labels(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ways, supports and who has a label are those of the day, whoever comes to which brand after it."""
    random, ways = np.random.default_rng(seed), []
    shop = only_born(0)
    stranger = "z a stranger"  # by an undated list of accounts, without a purchase
    ids, modality = np.append(shop.data.user_ids.astype("<U12"), stranger), shop.data.modalities[0]
    data = ProfileData(AS_OF, ids, (_with_one_more(modality),), shop.data.purchases)
    settings = TINY.model_copy(update={"episodes": EpisodeSettings(episodes="brands", min_members=8)})
    monkeypatch.setattr(meta_profile, "_training", lambda *given: ways.append(given[3]) or _NoTraining())
    shape = len(data.purchases.brand_names), len(ids)
    for share in (0.0, 0.05, 0.9):
        MetaProfile.train(
            settings,
            data,
            np.append(shop.train, True),
            newcomers=random.random(shape) < share,
            excluded_brands=EXCLUDED,
            seed=0,
        )
    for one in ways:
        assert one.names == ways[0].names and not {"brand0", "brand7"} & set(one.names)
        np.testing.assert_array_equal(one.members, ways[0].members)
        np.testing.assert_array_equal(np.isnan(one.value), np.isnan(ways[0].value))
        assert np.isnan(one.value[-1]).all(), "the stranger was not at risk"
    assert np.nanmean(ways[2].value) > 0.8 and np.nanmax(ways[0].value) == 0


def _with_one_more(heat: SparseHeatmaps) -> SparseHeatmaps:
    return replace(heat, offsets=np.append(heat.offsets, heat.offsets[-1]))


class _NoTraining:
    """Trains nothing."""

    losses, looks = (), ()

    def run(self, **about: Any) -> None:
        """Do nothing."""


def test_columns_and_answers_that_nobody_of_training_has_are_not_there() -> None:
    """A warehouse that has seen a wider survey since then reads an earlier day with its columns, empty."""
    random = np.random.default_rng(0)
    train = np.arange(50) < 40
    numeric = random.normal(size=(50, 2)).astype(np.float32)
    codes = random.integers(0, 2, (50, 2))
    numeric[:, 1], codes[:, 1], codes[~train, 0] = np.nan, -1, 2
    wider = Demographics(
        numeric, ("age", "later"), codes, ("home", "later too"), (("rent", "own", "castle"), ("yes",))
    )
    before = Demographics(numeric[:, :1], ("age",), codes[:, :1], ("home",), (("rent", "own", "castle"),))
    scales = [DemographicScale.fit(columns, train, frozenset()) for columns in (wider, before)]
    assert scales[0] is not None and scales[1] is not None
    np.testing.assert_equal(vars(scales[0]), vars(scales[1]))
    assert scales[0].categories == (("rent", "own"),), "an answer of others is an unknown one"
    assert (scales[0].categorical(wider)[~train] == 0).all()
