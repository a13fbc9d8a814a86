"""Every system of a profile evaluation, and the evaluation itself, knows nothing of what comes later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assets.experiments.profilers.data import evaluation_of
from assets.experiments.profilers.evaluation import Evaluation, PurchaseSource
from assets.experiments.profilers.folds import Fold
from assets.experiments.profilers.settings import ProfileEvalSettings
from assets.experiments.profilers.systems import PROFILE_SYSTEMS
from models.profiling.data import ProfileData, PurchaseLog
from models.profiling.modality import MODALITIES
from tests.models.profiling.later import born, changed_after, data_of, joined, moved
from tests.models.profiling.toy import AS_OF, toy_log

USERS, BRANDS, BORN, HORIZON = 120, 32, 200, 60
START = AS_OF - HORIZON  #: of the window in which source brands teach
SYSTEMS = tuple(PROFILE_SYSTEMS)


def _coefficients(scorer: Any) -> list[Any]:
    return [part for _, model in scorer.models for part in (model.coefficients, model.intercept)]


def _prior_and_gains(scorer: Any) -> list[Any]:
    gains = scorer.gains
    return [scorer.prior, gains.curves, gains.shrinkage, gains.measured]


#: Of systems that know users by the brands they bought: what was learned in the window. A user's own brands
#: may move the scores of others at the as-of day, when the newborn are known.
LEARNED: dict[str, Callable[[Any], list[Any]]] = {
    "joint_logistic": _coefficients,
    "meta_profile_prior": _prior_and_gains,
    "modality_purchases": _prior_and_gains,
    "modality_all": _prior_and_gains,
    **{f"modality_without_{one}": _prior_and_gains for one in MODALITIES if one != "purchases"},
}


def shop_of(log: PurchaseLog, users: int) -> PurchaseSource:
    """A shop that knows a user from the first purchase on."""
    ids = np.array([f"u{user:05d}" for user in range(users)])

    def before(day: int) -> ProfileData:
        known = np.unique(log.before(day).user)
        places = np.full(users, -1)
        places[known] = np.arange(len(known))
        return data_of(moved(log.before(day), places), day, ids[known])

    return PurchaseSource("landing", True, "hash", ids, log, before)


def usual() -> PurchaseLog:
    """With brands that nobody has bought."""
    log = toy_log(users=USERS, brands=BRANDS, genres=8, days=300, per_user=50)
    return replace(log, brand_names=(*log.brand_names, *(f"late{number}" for number in range(BRANDS))))


def evaluated(log: PurchaseLog, users: int, **changes: Any) -> Evaluation:
    asked = {"source": "landing", "as_of": str(np.datetime64(AS_OF, "D")), "horizon": HORIZON, "targets": 2}
    shape = {"brands": 4, "draws": 6, "systems": SYSTEMS, "size": "tiny"}
    return evaluation_of(shop_of(log, users), ProfileEvalSettings.model_validate(asked | shape | changes))


def scorer_of(system: str, evaluation: Evaluation, scratch: Path) -> Any:
    scratch.mkdir(parents=True, exist_ok=True)
    fold = Fold(evaluation, 0, 0, "tiny", "cpu", scratch, target=evaluation.name(0))
    return PROFILE_SYSTEMS[system].make(fold)


def scores(system: str, evaluation: Evaluation, scratch: Path) -> np.ndarray:
    """Of the test users, with five customers of the first target."""
    train = evaluation.train_users(0)
    customers = np.flatnonzero(evaluation.members[0] & train)[:5]
    others = np.flatnonzero(train & ~evaluation.members[0])[:40]
    scored = scorer_of(system, evaluation, scratch).score(customers, others)
    return scored[evaluation.folds[0]]


@pytest.fixture(scope="module")
def log() -> PurchaseLog:
    return usual()


@pytest.fixture(scope="module")
def evaluation(log: PurchaseLog) -> Evaluation:
    return evaluated(log, USERS)


def later_otherwise(log: PurchaseLog, seed: int) -> PurchaseLog:
    """The same before the as-of day; then everything otherwise, with new accounts. The last day stays."""
    random, end = np.random.default_rng(seed), int(log.day[-1]) + 1
    changed = changed_after(log, AS_OF, end, USERS, random)
    newborn = born(changed, AS_OF, end, np.arange(USERS, USERS + BORN), np.arange(BRANDS), random)
    last = born(changed, end - 1, end, np.array([USERS]), np.arange(1), random)
    return joined(joined(changed, newborn), last)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_after_the_as_of_day_chooses_targets_users_or_folds(
    log: PurchaseLog, evaluation: Evaluation, seed: int
) -> None:
    other = evaluated(later_otherwise(log, seed), USERS + BORN)
    assert other.data.user_ids.tolist() == evaluation.data.user_ids.tolist()
    for field in ("targets", "excluded", "members", "folds", "known", "quintiles"):
        np.testing.assert_array_equal(getattr(evaluation, field), getattr(other, field), field)
    assert not np.array_equal(evaluation.newcomers, other.newcomers), "the labels are what comes after"
    at_risk = ~evaluation.members & evaluation.known
    assert not (other.newcomers & ~at_risk).any(), "a newcomer was known, and no customer"


@pytest.mark.parametrize("system", SYSTEMS)
def test_nothing_after_the_as_of_day_moves_a_score(
    system: str, log: PurchaseLog, evaluation: Evaluation, tmp_path: Path
) -> None:
    other = evaluated(later_otherwise(log, 0), USERS + BORN)
    np.testing.assert_array_equal(
        scores(system, evaluation, tmp_path / "one"), scores(system, other, tmp_path / "other"), system
    )


def with_newborn(log: PurchaseLog, evaluation: Evaluation) -> tuple[Evaluation, Evaluation]:
    """Two hundred accounts more to learn from, born in the teaching window: what they buy teaches, or cannot.

    In the one shop they buy source brands, in the other the same goods of brands that are no source brands:
    as customers to come they are alike, and as users that were at risk in the window they are opposites.
    """
    teaching = np.setdiff1d(np.arange(BRANDS), evaluation.excluded)
    random = np.random.default_rng(5)
    newborn = born(log, START, AS_OF, np.arange(USERS, USERS + BORN), teaching, random)
    ids = np.array([f"u{user:05d}" for user in range(USERS + BORN)])

    def shop(accounts: PurchaseLog) -> Evaluation:
        data = data_of(joined(log.before(AS_OF), accounts), AS_OF, ids)
        wider = [np.pad(rows, ((0, 0), (0, BORN))) for rows in (evaluation.members, evaluation.newcomers)]
        return replace(
            evaluation,
            data=data,
            members=wider[0],
            newcomers=wider[1],
            folds=tuple(np.pad(fold, (0, BORN)) for fold in evaluation.folds),
            known=np.ones(USERS + BORN, dtype=bool),
        )

    return shop(newborn), shop(replace(newborn, brand=newborn.brand + BRANDS))


def learned(system: str, evaluation: Evaluation, scratch: Path) -> list[Any]:
    if system in LEARNED:
        return LEARNED[system](scorer_of(system, evaluation, scratch))
    return [scores(system, evaluation, scratch)]


def difference(system: str, log: PurchaseLog, evaluation: Evaluation, scratch: Path) -> float:
    """The largest, between what two shops that differ by what the newborn chose teach a system."""
    shops = with_newborn(log, evaluation)
    one, other = (learned(system, shop, scratch / str(number)) for number, shop in enumerate(shops))
    assert len(one) == len(other)
    return max(float(np.abs(np.asarray(a) - np.asarray(b)).max()) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("system", SYSTEMS)
def test_accounts_born_in_the_teaching_window_teach_nothing(
    system: str, log: PurchaseLog, evaluation: Evaluation, tmp_path: Path
) -> None:
    assert len(evaluation.data) == USERS, "everybody has a position that does not move"
    assert difference(system, log, evaluation, tmp_path) < 1e-9


@pytest.mark.parametrize("system", ["prior", *LEARNED])
def test_the_comparison_sees_the_old_fault(
    system: str,
    log: PurchaseLog,
    evaluation: Evaluation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ProfileData, "known_before", lambda data, day: np.ones(len(data), dtype=bool))
    assert difference(system, log, evaluation, tmp_path) > 0.01
