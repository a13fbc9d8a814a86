"""What accounts tell of themselves: one survey, answered by some, once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.feed.users import FIELDS, Population
from simulator.shop.customers import Customers
from simulator.shop.draws import Draw, branch, normal, root, uniform
from simulator.shop.settings import ShopSettings
from warehouse.landing.service_time import DAY_MS

NUMBERS = ("age", "household_size", "kids", "income")  #: income in thousands a year
CATEGORIES: dict[str, tuple[str, ...]] = {
    "gender": FIELDS["gender"],
    "region": FIELDS["region"],
    "household": FIELDS["household"],
    "home_ownership": ("owner", "renter"),
    "marital_status": ("married", "unmarried"),
}
UNKNOWN = -1  #: of a number or category that was not answered
_YOUNGEST = np.array([18, 25, 35, 45, 55, 65])
_OLDER = np.array([7, 10, 10, 10, 10, 20])  # years that an age band holds
_MARRIED = np.array([0.06, 0.55, 0.85, 0.1])  # by household: single, couple, family, shared
_SINGLE, _COUPLE, _FAMILY, _SHARED = range(4)


@dataclass(frozen=True)
class Surveys:
    """Answers of the accounts of a block that answered, in order of time, then of account."""

    user: np.ndarray  #: int64 [s], index of the account
    at_ms: np.ndarray  #: int64 [s], since the start of the shop's first day
    numbers: dict[str, np.ndarray]  #: int64 [s] each, UNKNOWN where not answered
    categories: dict[str, np.ndarray]  #: int64 [s] each, positions in CATEGORIES, UNKNOWN where not answered

    def __len__(self) -> int:
        return len(self.user)

    def answers(self, name: str) -> np.ndarray:
        """The answers to one question, number or category, int64 [s]."""
        return self.numbers[name] if name in self.numbers else self.categories[name]


def draw_surveys(
    seed: int, shop: ShopSettings, population: Population, people: Customers, days: int
) -> Surveys:
    """The surveys of a block: true of the accounts, since age and household are those of the feed's users."""
    draws = branch(root(seed, Draw.SURVEY), people.start + np.arange(len(people)))
    begins = np.maximum(people.joined, 0)
    at_ms = ((begins + shop.survey_days * uniform(branch(draws, 0))) * DAY_MS).astype(np.int64) // 1000 * 1000
    answered = (uniform(branch(draws, 1)) < shop.survey_share) & (people.rate > 0)
    row = np.flatnonzero(answered & (at_ms < np.minimum(days, people.departed) * DAY_MS))
    row = row[np.argsort(at_ms[row], kind="stable")]
    known = {name: codes[people.start + row].astype(np.int64) for name, codes in population.fields.items()}
    draws = draws[row]

    def chance(child: int) -> np.ndarray:
        return uniform(branch(draws, child))

    household = known["household"]
    age = _YOUNGEST[known["age_band"]] + (chance(2) * _OLDER[known["age_band"]]).astype(np.int64)
    more = (chance(3) ** 2 * 4).astype(np.int64)
    size = np.array([1, 2, 3, 2])[household] + np.where(
        (household == _FAMILY) | (household == _SHARED), more, 0
    )
    earners = np.where((household == _COUPLE) | (household == _FAMILY), 0.4, 0.0)
    income = (
        3.5 + earners - ((age - 50) / 35) ** 2 + 0.3 * people.taste[row, 0] + 0.35 * normal(branch(draws, 4))
    )
    settled = 0.15 + 0.5 * (age >= 40) + 0.25 * (household == _FAMILY)
    numbers = {
        "age": age,
        "household_size": size,
        "kids": np.where(household == _FAMILY, size - 2, 0),
        "income": np.rint(np.exp(income)).astype(np.int64),
    }
    categories = {
        "gender": known["gender"],
        "region": known["region"],
        "household": household,
        "home_ownership": (chance(5) >= settled).astype(np.int64),
        "marital_status": (chance(6) >= _MARRIED[household]).astype(np.int64),
    }
    for question, values in enumerate((*numbers.values(), *categories.values())):
        values[chance(7 + question) < shop.unanswered] = UNKNOWN
    return Surveys(people.start + row, at_ms[row], numbers, categories)
