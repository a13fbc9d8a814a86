"""The prior of a user: columns counted by hand, a look-back that means the same at every date, no noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from models.metrics import auc
from models.profiling import propensity, purchases
from models.profiling.activity import ACTIVITY_NAMES, activity_columns
from models.profiling.brands import FirstPurchases
from models.profiling.data import DAYS, MISSING, ProfileData, PurchaseLog
from models.profiling.profiler import standardised
from models.profiling.propensity import CLEARLY_SHORTER, PENALTY, WINDOWS, Propensity, columns_of, names_of
from models.profiling.source_brands import SourceBrands, source_brands
from tests.models.profiling.later import changed_after, joined, rows, sorted_log
from tests.models.profiling.toy import AS_OF, toy_log

USERS, HORIZON, LOOKBACK = 150, 60, 150
NOBODY = np.zeros(0, dtype=np.int64)


def log_of(*bought: tuple[int, int, int, int, int, float, bool]) -> PurchaseLog:
    """Of (user, days before the as-of day, hour, brand, genre, price, cancelled)."""
    user, ago, hour, brand, genre, price, cancelled = (
        np.array(column) for column in zip(*bought, strict=True)
    )
    names = toy_log(users=2)
    return sorted_log(
        names,
        user=user,
        day=AS_OF - ago,
        at_ms=((AS_OF - ago) * 24 + hour) * 3_600_000,
        brand=brand,
        genre=np.stack([genre // 2, genre], 1),
        price=price.astype(np.float32),
        cancelled=cancelled.astype(bool),
    )


def named(values: np.ndarray, lookback: int) -> dict[str, float]:
    return dict(zip(names_of(lookback), values.tolist(), strict=True))


def test_columns_of_a_few_users_counted_by_hand():
    log = log_of(
        (0, 170, 9, 5, 0, 100.0, False),  # before the look-back of 150 days
        (0, 150, 9, 5, 0, 4.0, False),  # its first day
        (0, 40, 9, 5, 1, 2.0, False),
        (0, 20, 9, 6, 2, 3.0, False),  # two of one basket, the one of no brand
        (0, 20, 9, MISSING, 2, 1.0, False),
        (0, 5, 9, 7, 3, 50.0, True),  # cancelled
        (1, 1, 9, 5, 0, -9.0, False),  # more was given back than bought
        (2, 3, 9, 8, 0, 1.0, True),
        (2, 200, 9, 8, 0, 1.0, False),
    )
    columns = np.expm1(columns_of(log, AS_OF, 4, LOOKBACK)[:, :-2])
    names = names_of(LOOKBACK)
    assert names[:7] == [
        "items_30d",
        "spend_30d",
        "baskets_30d",
        "categories_30d",
        "brands_30d",
        "new_brands_30d",
        "items_90d",
    ]
    assert names[12] == "items" and names[18:] == [
        "days_since_last",
        "days_since_first",
        "days_since_last²",
        "items²",
    ]
    in_30, in_90, ever = [2, 4, 1, 1, 1, 1], [3, 6, 2, 2, 2, 1], [4, 10, 3, 3, 2, 2]
    np.testing.assert_allclose(columns[0], [*in_30, *in_90, *ever, 20, 150], rtol=1e-12)
    np.testing.assert_allclose(columns[1], [*[1, 0, 1, 1, 1, 1] * 3, 1, 1], rtol=1e-12)
    # Who bought nothing in the look-back is as one who bought just before it.
    for user in (2, 3):
        np.testing.assert_allclose(columns[user], [*[0] * 18, LOOKBACK, 0], atol=1e-12)


def test_squares_are_of_the_logarithms():
    columns = columns_of(toy_log(users=USERS).before(AS_OF), AS_OF, USERS, LOOKBACK)
    names = names_of(LOOKBACK)
    for name in ("days_since_last", "items"):
        square, plain = (columns[:, names.index(one)] for one in (f"{name}²", name))
        np.testing.assert_array_equal(square, plain**2)
    assert np.isfinite(columns).all() and (columns.std(0) > 0).all()


@pytest.mark.parametrize(
    ("lookback", "windows"), [(1, []), (44, []), (45, [30]), (134, [30]), (135, [30, 90]), (DAYS, [30, 90])]
)
def test_windows_that_are_not_clearly_shorter_than_the_look_back_are_left_out(lookback, windows):
    names = names_of(lookback)
    assert [int(name[6:-1]) for name in names if name.startswith("items_")] == windows
    log = toy_log(users=USERS).before(AS_OF)
    columns = columns_of(log, AS_OF, USERS, lookback)
    assert columns.shape == (USERS, len(names)) and len(set(names)) == len(names)


def test_nothing_before_the_look_back_changes_a_column():
    log = toy_log(users=USERS).before(AS_OF)
    recent = rows(log, log.day >= AS_OF - LOOKBACK)
    rng = np.random.default_rng(0)
    older = changed_after(rows(log, log.day < 0), AS_OF - 400, AS_OF - LOOKBACK, USERS, rng)
    other = joined(recent, older)
    assert len(other) > len(recent)
    expected = columns_of(log, AS_OF, USERS, LOOKBACK)
    np.testing.assert_array_equal(columns_of(recent, AS_OF, USERS, LOOKBACK), expected)
    np.testing.assert_array_equal(columns_of(other, AS_OF, USERS, LOOKBACK), expected)
    day_earlier = rows(log, log.day >= AS_OF - LOOKBACK + 1)  # the first day of the look-back is looked at
    assert not np.array_equal(columns_of(day_earlier, AS_OF, USERS, LOOKBACK), expected)


def test_what_happens_on_the_as_of_day_is_not_looked_at():
    log = toy_log(users=USERS)
    np.testing.assert_array_equal(
        columns_of(log, AS_OF, USERS, LOOKBACK), columns_of(log.before(AS_OF), AS_OF, USERS, LOOKBACK)
    )


def test_columns_in_blocks_of_users_are_those_of_all(monkeypatch):
    log = toy_log(users=USERS).before(AS_OF)
    whole = columns_of(log, AS_OF, USERS, LOOKBACK)
    monkeypatch.setattr(purchases, "ROWS_AT_ONCE", 400)
    assert len(list(log.by_users(USERS))) > 5
    np.testing.assert_allclose(columns_of(log, AS_OF, USERS, LOOKBACK), whole, rtol=1e-12)


def test_in_a_steady_shop_columns_mean_the_same_at_the_start_and_at_the_as_of_day():
    users = 600
    log = toy_log(users=users, days=425).before(AS_OF)  # as much on every day, to the last
    first_day = int(log.day[0])
    start = AS_OF - 92
    lookback = start - first_day

    def apart(at_start: np.ndarray, at_end: np.ndarray) -> np.ndarray:
        """By how many standard errors the means of a column differ."""
        change = at_end - at_start
        return np.abs(change.mean(0)) / (change.std(0) / np.sqrt(users) + 1e-12)

    assert lookback < DAYS
    assert apart(*(columns_of(log, day, users, lookback) for day in (start, AS_OF))).max() < 4
    # 'Ever' does not: the test can tell.
    ever = [name.endswith("ever") and not name.startswith("categories") for name in ACTIVITY_NAMES]
    other = apart(*(activity_columns(log, day, users) for day in (start, AS_OF)))
    assert other[ever].min() > 10


def source_of(log: PurchaseLog, users: int, horizon: int = HORIZON) -> SourceBrands:
    ids = np.array([f"u{user:05d}" for user in range(users)])
    data = ProfileData(AS_OF, ids, (), log)
    return source_brands(data, np.ones(users, bool), excluded=NOBODY, horizon=horizon)


def test_the_model_is_a_penalised_logistic_regression_of_one_row_a_pair():
    log = toy_log(users=USERS).before(AS_OF)
    source = source_of(log, USERS)
    fitted = Propensity.fit(log, source, int(log.day[0]))
    assert fitted.lookback == AS_OF - HORIZON - int(log.day[0])
    columns = standardised(columns_of(log, AS_OF - HORIZON, USERS, fitted.lookback), source.users)
    brand, user = np.nonzero(source.at_risk)
    bought = source.newcomers[brand, user]
    rate = bought.mean()
    penalty = PENALTY * len(user) * rate * (1 - rate)
    model = LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-12).fit(columns[user], bought)
    np.testing.assert_allclose(fitted.model.coefficients, model.coef_[0], atol=1e-6)
    assert fitted.model.intercept == pytest.approx(model.intercept_[0], abs=1e-6)
    np.testing.assert_allclose(
        fitted.log_odds(log, AS_OF - HORIZON, source.users), model.decision_function(columns), atol=1e-5
    )


def test_a_year_is_the_longest_look_back():
    log = toy_log(users=USERS, days=600).before(AS_OF)
    assert Propensity.fit(log, source_of(log, USERS), int(log.day[0])).lookback == DAYS


def test_log_odds_are_relative_to_the_background():
    log = toy_log(users=USERS).before(AS_OF)
    fitted = Propensity.fit(log, source_of(log, USERS), int(log.day[0]))
    some = np.arange(USERS) < 90
    other = np.where((log.user >= 90) & (log.brand != MISSING), (log.brand + 1) % 24, log.brand)
    moved = replace(log, brand=other, price=np.where(log.user >= 90, 7 * log.price, log.price))
    before, after = (fitted.log_odds(one, AS_OF, some) for one in (log, moved))
    np.testing.assert_array_equal(before[:90], after[:90])
    assert not np.array_equal(before[90:], after[90:])
    assert not np.array_equal(fitted.log_odds(log, AS_OF, np.ones(USERS, bool)), before)


def of_half_a_year(seed: int) -> tuple[float, float, float]:
    """AUROC of newcomers to all brands by the prior and by number of items, and the largest coefficient."""
    users = 300
    later = toy_log(users=users, days=181 + HORIZON, per_user=20, brands=60, seed=seed)
    log = later.before(AS_OF)
    fitted = Propensity.fit(log, source_of(log, users), int(log.day[0]))
    everybody = np.bincount(log.user, minlength=users) > 0
    odds = fitted.log_odds(log, AS_OF, everybody)
    recent = log.between(AS_OF - fitted.lookback, AS_OF)
    items = np.bincount(recent.user, minlength=users).astype(float)
    first = FirstPurchases.of(later, users)
    areas = []
    for customers, newcomers in zip(
        first.customers(AS_OF), first.newcomers(AS_OF, AS_OF + HORIZON), strict=True
    ):
        free = ~customers & everybody
        if 0 < newcomers[free].sum() < free.sum():
            areas.append([auc(newcomers[free], order[free]) for order in (odds, items)])
    ours, by_items = np.mean(areas, axis=0)
    return ours, by_items, float(np.abs(fitted.model.coefficients).max())


def test_columns_that_say_nearly_the_same_do_not_order_users_by_noise(monkeypatch):
    """Of 181 days 121 lie before the teaching window, of which one of 90 days would be most."""
    assert names_of(121) == names_of(90) and 90 in WINDOWS and 90 * CLEARLY_SHORTER > 121
    shipped = np.array([of_half_a_year(seed) for seed in range(4)])
    assert shipped[:, 0].mean() > 0.59 and (shipped[:, 0] > 0.56).all()
    # In this shop the number of items is all that matters: nothing can be learned that is better.
    assert shipped[:, 0].mean() > shipped[:, 1].mean() - 0.01
    assert shipped[:, 2].max() < 0.7, "a column that is worth little has a small coefficient"
    monkeypatch.setattr(propensity, "CLEARLY_SHORTER", 1.0)
    assert len(names_of(121)) == len(names_of(DAYS))
    together = np.array([of_half_a_year(seed) for seed in range(4)])
    assert shipped[:, 0].mean() > together[:, 0].mean() - 0.003, "nothing is lost by leaving it out"
    monkeypatch.setattr(propensity, "PENALTY", 1e-9)
    unbound = np.array([of_half_a_year(seed) for seed in range(4)])
    assert unbound[:, 2].max() > 5 and unbound[:, 0].mean() < shipped[:, 0].mean()
