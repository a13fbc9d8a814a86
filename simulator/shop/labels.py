"""Labels of source tasks: what surveys tell, and how the shop was used in the quarter that just ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.shop.baskets import Baskets
from simulator.shop.choice import NO_BRAND, ShopItems
from simulator.shop.customers import Customers
from simulator.shop.points import KINDS, Campaigns, Points
from simulator.shop.settings import ShopSettings
from simulator.shop.surveys import UNKNOWN, Surveys
from warehouse.landing.service_time import DAY_MS

SURVEY_TASKS = ("age_50_plus", "high_income", "home_owner", "married", "large_household", "has_kids")
USAGE_TASKS = ("points_used", "campaign_response", "promotion_buyer")
TASKS = (*SURVEY_TASKS, *USAGE_TASKS)
_HIGH_INCOME = 45  # thousands
_LARGE = 3  # persons
_PROMOTED_SHARE = 0.25  # of the items that a promotion buyer bought


@dataclass(frozen=True)
class SurveyLabels:
    """Labels of a block of accounts, in order of time, then of account, then of task."""

    user: np.ndarray  #: int64 [l], index of the account
    at_ms: np.ndarray  #: int64 [l], since the start of the shop's first day
    task: np.ndarray  #: int64 [l], position in TASKS
    label: np.ndarray  #: bool [l]

    def __len__(self) -> int:
        return len(self.user)


def label(
    shop: ShopSettings,
    people: Customers,
    baskets: Baskets,
    items: ShopItems,
    promoted: np.ndarray,
    points: Points,
    campaigns: Campaigns,
    surveys: Surveys,
) -> SurveyLabels:
    """All labels of a block of accounts; `promoted` is bool [days, brands].

    Use is observed in the last second of each whole period of `label_days`, of accounts that bought in it.
    """
    parts = [*_surveyed(surveys), *_usage(shop, people, baskets, items, promoted, points, campaigns)]
    user, at_ms, task, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.lexsort((task, user, at_ms))
    return SurveyLabels(user[order], at_ms[order], task[order], value[order])


_Part = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _surveyed(surveys: Surveys) -> list[_Part]:
    answer = surveys.answers
    answered = (
        (answer("age"), answer("age") >= 50),
        (answer("income"), answer("income") >= _HIGH_INCOME),
        (answer("home_ownership"), answer("home_ownership") == 0),
        (answer("marital_status"), answer("marital_status") == 0),
        (answer("household_size"), answer("household_size") >= _LARGE),
        (answer("kids"), answer("kids") > 0),
    )
    parts = []
    for task, (answers, value) in enumerate(answered):
        known = answers != UNKNOWN
        user, at_ms = surveys.user[known], surveys.at_ms[known]
        parts.append((user, at_ms, np.full(len(user), task), value[known]))
    return parts


def _usage(
    shop: ShopSettings,
    people: Customers,
    baskets: Baskets,
    items: ShopItems,
    promoted: np.ndarray,
    points: Points,
    campaigns: Campaigns,
) -> list[_Part]:
    periods = len(promoted) // shop.label_days

    def count(row: np.ndarray, day: np.ndarray) -> np.ndarray:
        inside = day < periods * shop.label_days
        cell = row[inside] * periods + day[inside] // shop.label_days
        return np.bincount(cell, minlength=len(people) * periods).reshape(len(people), periods)

    row, day = baskets.row[items.basket], baskets.day[items.basket]
    cheap = (items.brand != NO_BRAND) & promoted[day, items.brand]
    bought = count(row, day)
    used = points.kind == KINDS.index("used")
    granted = count(campaigns.row, campaigns.day)
    member = np.isin(people.start + np.arange(len(people)), points.user)
    observed = (
        (
            (bought > 0) & member[:, None],
            count(points.user[used] - people.start, points.at_ms[used] // DAY_MS) > 0,
        ),
        (
            (bought > 0) & (granted > 0),
            count(campaigns.row[campaigns.used], campaigns.day[campaigns.used]) > 0,
        ),
        (bought > 0, count(row[cheap], day[cheap]) >= _PROMOTED_SHARE * bought),
    )
    parts = []
    for task, (known, value) in enumerate(observed, start=len(SURVEY_TASKS)):
        account, period = np.nonzero(known)
        at_ms = (period + 1) * shop.label_days * DAY_MS - 1000
        parts.append((people.start + account, at_ms, np.full(len(account), task), value[known]))
    return parts
