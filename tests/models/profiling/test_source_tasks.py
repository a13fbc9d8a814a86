"""Source tasks by rule: what becomes 1, 0 and masked, and what is left out with its reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from models.profiling.data import MISSING, Demographics, Labels, ProfileData
from models.profiling.source_tasks import (
    DEFAULT_REGISTRY,
    ColumnRule,
    LabelRule,
    SourceTask,
    SourceTaskSettings,
    UsageRule,
    resolve,
)
from models.profiling.usage import MIN_PURCHASES, usage
from tests.models.profiling.permuted import permuted
from tests.models.profiling.toy import AS_OF, toy_data, toy_log

USERS = 60
SURVEY = {
    "age": ("19-24", "25-34", "35-44", "45-54", "55-64", "65+"),
    "income": ("Under 15K", "15-24K", "50-74K", "250K+"),
    "home_ownership": ("Homeowner", "Renter", "Probable Homeowner", "Probable Renter"),
    "marital_status": ("Married", "Unmarried"),
    "household_size": ("1", "2", "3", "5+"),
    "household_comp": ("1 Adult Kids", "2 Adults No Kids"),
    "kids_count": ("0", "1", "2", "3+"),
}
USAGE = ("coupon_redemption", "campaign_response", "private_label_share")


def surveyed_data(seed: int = 0) -> ProfileData:
    """The toy with the columns and labels of complete-journey; every third user is not surveyed."""
    rng = np.random.default_rng(seed)
    codes = np.stack([rng.integers(0, len(v), USERS) for v in SURVEY.values()], axis=1)
    codes[::3] = MISSING
    demographics = Demographics(
        np.zeros((USERS, 0), np.float32), (), codes, tuple(SURVEY), tuple(SURVEY.values())
    )
    labels = Labels(USAGE, rng.integers(0, 2, (USERS, 3)).astype(np.float32))
    return replace(toy_data(users=USERS), demographics=demographics, labels=labels)


def everybody(data: ProfileData) -> np.ndarray:
    return np.ones(len(data), dtype=bool)


def column(data: ProfileData, name: str) -> np.ndarray:
    assert data.demographics is not None
    at = data.demographics.categorical_names.index(name)
    values = np.asarray([*data.demographics.categories[at], ""])
    return values[data.demographics.categorical[:, at]]


def one(
    rule: LabelRule | ColumnRule | UsageRule, data: ProfileData, users: np.ndarray | None = None
) -> np.ndarray:
    task = SourceTask(name="mine", category="survey", rule=rule)
    settings = SourceTaskSettings(registry=(task,), min_labelled=1, other_labels=False)
    return resolve(settings, data, everybody(data) if users is None else users).value[:, 0]


def test_the_nine_of_complete_journey_come_first() -> None:
    data = surveyed_data()
    tasks = resolve(SourceTaskSettings(min_labelled=3), data, everybody(data))
    assert tasks.names == (
        *("age", "income", "home_owner", "married", "household_size", "kids"),
        *USAGE,
    )
    assert tasks.categories == ("survey",) * 6 + ("usage",) * 3
    assert set(tasks.left_out) == {t.name for t in DEFAULT_REGISTRY[9:]}
    assert tasks.withheld == set(SURVEY)  # household_comp tells kids and marriage
    assert tasks.value.dtype == np.float32 and np.isnan(tasks.value[::3, :6]).all()
    np.testing.assert_array_equal(tasks.members, tasks.value == 1)


def test_column_rules() -> None:
    data = surveyed_data()
    known = ~(np.arange(USERS) % 3 == 0)
    owner = one(DEFAULT_REGISTRY[2].rule, data)
    owners = np.isin(column(data, "home_ownership"), ["Homeowner", "Probable Homeowner"])
    np.testing.assert_array_equal(owner, np.where(known, owners, np.nan))
    kids = one(ColumnRule(column="KIDS_count", above=0), data)
    np.testing.assert_array_equal(kids, np.where(known, column(data, "kids_count") != "0", np.nan))
    rich = one(ColumnRule(column="income", above=20), data)
    np.testing.assert_array_equal(
        rich, np.where(known, np.isin(column(data, "income"), ["50-74K", "250K+"]), np.nan)
    )


def test_the_median_of_bands_cuts_evenly_and_by_training_users_alone() -> None:
    data = surveyed_data()
    assert data.demographics is not None
    users = np.arange(USERS) % 2 == 0
    codes = data.demographics.categorical.copy()
    codes[:, 0] = np.where(users, np.arange(USERS) % 4 // 2 + 3, 0)  # 45-54 or 55-64 of training users
    data = replace(data, demographics=replace(data.demographics, categorical=codes))
    older = one(ColumnRule(column="age", above="median"), data, users)
    np.testing.assert_array_equal(older, (np.arange(USERS) % 4 // 2 == 1) & users)


def test_numeric_columns_and_labels() -> None:
    data = toy_data(users=USERS)
    assert data.demographics is not None and data.labels is not None
    age = data.demographics.numeric[:, 0]
    over_40 = one(ColumnRule(column="Age", above=40), data)
    np.testing.assert_array_equal(over_40, np.where(np.isnan(age), np.nan, age > 40))
    np.testing.assert_array_equal(one(LabelRule(task="big_spender"), data), data.labels.value[:, 1])


def test_purchases_alone_give_nine_usage_tasks() -> None:
    data = toy_data(bare=True)
    tasks = resolve(SourceTaskSettings(min_labelled=10), data, everybody(data))
    assert len(tasks.names) == 9 and set(tasks.categories) == {"usage"} and not tasks.withheld
    assert "no demographic column 'age'" in tasks.left_out["age"]
    assert "no labels of task" in tasks.left_out["campaign_response"]
    balance = np.nanmean(tasks.value[:, :-1], axis=0)
    assert ((balance > 0.15) & (balance < 0.85)).all(), dict(zip(tasks.names, balance, strict=False))


def test_labels_that_no_rule_names() -> None:
    data = toy_data(users=USERS)
    assert data.labels is not None
    data = replace(data, labels=replace(data.labels, tasks=("late_shopper", "age")))
    names = resolve(SourceTaskSettings(min_labelled=5), data, everybody(data)).names
    assert names[:3] == ("age (label)", "late_shopper", "age")
    without = resolve(SourceTaskSettings(min_labelled=5, other_labels=False), data, everybody(data)).names
    assert set(names) - set(without) == {"age (label)", "late_shopper"}


def test_habits_by_hand() -> None:
    data = toy_data(bare=True)
    log, users = data.purchases.between(AS_OF - 365, AS_OF), len(data)
    rows = [np.flatnonzero((log.user == u) & ~log.cancelled) for u in range(users)]
    enough = np.asarray([len(r) >= MIN_PURCHASES for r in rows])
    np.testing.assert_array_equal(np.isnan(usage(data, "mean_price")), ~enough)
    u = int(np.flatnonzero(enough)[0])
    day = np.asarray([np.datetime64(int(d), "D").astype(object).weekday() for d in log.day[rows[u]]])
    assert usage(data, "weekend_share")[u] == pytest.approx((day >= 5).mean())
    assert usage(data, "mean_price")[u] == pytest.approx(log.price[rows[u]].mean(), rel=1e-6)
    baskets = len(set(log.at_ms[rows[u]].tolist()))
    assert usage(data, "baskets")[u] == baskets
    assert usage(data, "basket_size")[u] == pytest.approx(len(rows[u]) / baskets)
    branded = log.brand[rows[u]][log.brand[rows[u]] != MISSING]
    assert usage(data, "brands_per_purchase")[u] == pytest.approx(len(set(branded.tolist())) / len(branded))
    assert usage(data, "assortment")[u] == pytest.approx(len(set(log.genre[rows[u], -1])) / len(rows[u]))
    assert usage(data, "top_genre_share")[u] == pytest.approx(
        np.bincount(log.genre[rows[u], 0]).max() / len(rows[u])
    )
    all_rows = log.user == u
    assert usage(data, "cancelled_share")[u] == pytest.approx(log.cancelled[all_rows].mean())
    heat = data.modalities[0]
    hours = heat.hour[heat.offsets[u] : heat.offsets[u + 1]]
    assert usage(data, "evening_share")[u] == pytest.approx((hours >= 17).mean())
    assert usage(data, "morning_share")[u] == pytest.approx((hours < 12).mean())


def test_habits_see_nothing_of_the_as_of_day() -> None:
    whole = toy_log(users=USERS)
    data = toy_data(users=USERS, bare=True)
    assert len(whole) > len(data.purchases)
    with pytest.raises(ValueError, match="as-of day"):
        replace(data, purchases=whole)


def test_users_in_another_order() -> None:
    data = surveyed_data()
    order = np.random.default_rng(1).permutation(USERS)
    settings = SourceTaskSettings(count=99, min_labelled=1)
    users = np.arange(USERS) < 40
    a, b = resolve(settings, data, users), resolve(settings, permuted(data, order), users[order])
    assert a.names == b.names
    np.testing.assert_array_equal(a.value[order], b.value)


def test_a_task_of_ones_own_comes_first_and_needs_a_new_name() -> None:
    mine = SourceTask(name="late", category="usage", rule=LabelRule(task="late_shopper"))
    data = toy_data(users=USERS)
    settings = SourceTaskSettings.model_validate({"extra": [mine.model_dump()], "min_labelled": 5})
    assert resolve(settings, data, everybody(data)).names[0] == "late"
    again = SourceTaskSettings(extra=(mine.model_copy(update={"name": "age"}),))
    with pytest.raises(ValueError, match="named twice: age"):
        resolve(again, data, everybody(data))


def test_reasons() -> None:
    data = surveyed_data()

    def reason(rule: LabelRule | ColumnRule | UsageRule, needed: int = 1) -> str:
        mine = SourceTask(name="mine", category="survey", rule=rule)
        settings = SourceTaskSettings(extra=(mine,), min_labelled=needed)
        return resolve(settings, data, everybody(data)).left_out["mine"]

    assert "either `values` or `above`" in reason(ColumnRule(column="age"))
    assert "0 training users with label 1, 40 with 0" in reason(ColumnRule(column="age", values=("nobody",)))
    assert "no demographic column 'shoe_size'" in reason(ColumnRule(column="shoe_size", above=3))
    with pytest.raises(ValueError, match="no source task can be answered"):
        resolve(SourceTaskSettings(min_labelled=USERS), data, everybody(data))
    with pytest.raises(ValidationError):
        UsageRule.model_validate({"measure": "shoe_size"})
