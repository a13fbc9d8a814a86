"""The clock held back: who is ranked and which brands are tried was known then; the rest is labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from assets.profiling import profilers
from assets.profiling.audience.expected_lift import ExpectedLift, expected_lift
from assets.profiling.audience.requests import AudienceSettings
from assets.profiling.held_back import HeldBack, backtest
from assets.profiling.profilers import Trainer
from assets.profiling.states import ProfileStates
from models.profiling.brands import FirstPurchases
from models.profiling.data import ProfileData, PurchaseLog
from models.profiling.pooled_lift import brands_of_all_sizes, like_brands
from tests.assets.profiling.profiler_stand_in import ENTRY
from tests.models.profiling.later import born, changed_after, data_of, joined, moved
from tests.models.profiling.toy import AS_OF, toy_log

USERS, BORN, HORIZON = 200, 100, 90
START = AS_OF - HORIZON
SINCE, UNTIL = (str(np.datetime64(day, "D")) for day in (START, AS_OF))
SYSTEM = "meta_profile_prior"


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profilers, "PROFILERS", {SYSTEM: ENTRY})


@dataclass(frozen=True)
class LoggedShop:
    """A shop of one log; whoever is `listed` is known at every date, as by an undated list of accounts."""

    log: PurchaseLog
    users: int
    listed: tuple[int, ...] = ()

    def read(self, as_of: str, fitted_at: str | None = None) -> ProfileData:
        day = int(np.datetime64(as_of, "D").astype(int))
        known = np.union1d(self.log.before(day).user, self.listed).astype(np.int64)
        places = np.full(self.users, -1)
        places[known] = np.arange(len(known))
        ids = np.array([f"u{user:05d}" for user in range(self.users)])
        return data_of(moved(self.log.before(day), places), day, ids[known])

    def fitted_at(self, as_of: str) -> str:
        return as_of


def usual() -> PurchaseLog:
    return toy_log(users=USERS, per_user=40).before(AS_OF)


def with_born() -> PurchaseLog:
    newborn = born(
        usual(), START, AS_OF, np.arange(USERS, USERS + BORN), np.arange(24), np.random.default_rng(1)
    )
    return joined(usual(), newborn)


def trial_of(shop: LoggedShop, root: Path) -> HeldBack:
    data = shop.read(UNTIL)
    first = FirstPurchases.of(data.purchases, len(data))
    return HeldBack.at(SYSTEM, SINCE, data, first, Trainer(ProfileStates(root), shop))


def lift_of(shop: LoggedShop, root: Path, brand: str | None = "brand3") -> ExpectedLift:
    data = shop.read(UNTIL)
    first = FirstPurchases.of(data.purchases, len(data))
    settings = AudienceSettings(customers="list.csv", as_of=UNTIL, brand=brand)
    lift = expected_lift(settings, brand, 30, data, first, Trainer(ProfileStates(root), shop))
    assert not isinstance(lift, str), lift
    return lift


@pytest.mark.parametrize("seed", range(3))
def test_what_comes_after_the_held_back_date_is_only_an_answer(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    later = changed_after(with_born(), START, AS_OF, USERS + BORN, random)
    one = trial_of(LoggedShop(usual(), USERS), tmp_path / "one")
    other = trial_of(LoggedShop(later, USERS + BORN), tmp_path / "other")
    assert one.then.user_ids.tolist() == other.then.user_ids.tolist()
    for choose in (lambda t: like_brands(t.first, t.start, t.horizon, 30), lambda t: _all_sizes(t)):
        assert choose(one).tolist() == choose(other).tolist()
    for brand in range(24):
        before, after = one.task(brand), other.task(brand)
        np.testing.assert_array_equal(before.at_risk, after.at_risk)
        np.testing.assert_array_equal(before.customers, after.customers)
        np.testing.assert_array_equal(one.scorer.score(before.customers), other.scorer.score(after.customers))
        assert not (after.newcomers & ~after.at_risk).any()


def _all_sizes(trial: HeldBack) -> np.ndarray:
    return brands_of_all_sizes(trial.first, trial.start, trial.horizon)


def test_accounts_of_an_undated_list_are_not_at_risk_before_they_shop(tmp_path: Path) -> None:
    """A list of accounts of today stands at every date; who opened one since is no candidate of then."""
    unlisted = LoggedShop(with_born(), USERS + BORN)
    listed = replace(unlisted, listed=tuple(range(USERS, USERS + BORN)))
    one, other = (trial_of(shop, tmp_path / name) for shop, name in ((unlisted, "one"), (listed, "other")))
    assert len(other.then) == len(one.then) + BORN
    for brand in range(24):
        tasks = one.task(brand), other.task(brand)
        at_risk, newcomers = ([getattr(t, f).sum() for t in tasks] for f in ("at_risk", "newcomers"))
        assert at_risk[0] == at_risk[1] and newcomers[0] == newcomers[1]
    lifts = [lift_of(shop, tmp_path / name) for shop, name in ((unlisted, "one"), (listed, "other"))]
    assert lifts[0].rate == lifts[1].rate and lifts[0].own_newcomers == lifts[1].own_newcomers
    assert lifts[0].curve.candidates == lifts[1].curve.candidates


def test_a_brand_to_which_nobody_came_counts_and_is_said(tmp_path: Path) -> None:
    log = usual()
    silent = (log.brand < 12) & (log.day >= START)
    shop = LoggedShop(replace(log, brand=np.where(silent, log.brand + 12, log.brand)), USERS)
    lift = lift_of(shop, tmp_path / "a")
    assert lift.own_newcomers == 0 and lift.own_share == 0 and lift.basis == "like brands" and lift.rate == 0
    assert "0 users became one" in lift.why and "of the brands tried had none" in lift.why
    assert lift.curve.brands < 20
    measured = backtest(
        SYSTEM,
        UNTIL,
        shop.read(UNTIL),
        str(log.day[0].astype("M8[D]")),
        Trainer(ProfileStates(tmp_path / "a"), shop),
    )
    assert not isinstance(measured, str)
    assert measured.figures.silent > 0 and measured.figures.brands + measured.figures.silent == 20


def test_a_brand_alone_in_its_shop_speaks_for_itself(tmp_path: Path) -> None:
    log = usual()
    shop = LoggedShop(replace(log, brand=np.where(log.brand == 3, 3, -1)), USERS)
    lift = lift_of(shop, tmp_path / "a")
    assert (lift.basis, lift.own_share) == ("brand", 1.0)
    assert lift.curve.newcomers == lift.own_newcomers and "count alone" in lift.why
