"""Accounts: who they are, what they like, how often they read.

An account's interest in a topic at any instant is a closed form of its numbers, so that its future or past is
a look-up and not a replay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.feed.habits import CHRONOTYPES
from simulator.feed.randomness import Stream, stream
from simulator.feed.settings import SimulatorSettings

FIRST_ID = 100_001  #: user ids are integers from here on
STYLES = 4  #: dimensions of taste
LONG_AGO = -1.0e6  #: arrival, in hours, of accounts that were there before the log

#: user fields and their values; the first four carry interests
FIELDS: dict[str, tuple[str, ...]] = {
    "age_band": ("18-24", "25-34", "35-44", "45-54", "55-64", "65+"),
    "gender": ("female", "male", "unstated"),
    "region": tuple(f"region_{letter}" for letter in "abcdefghijkl"),
    "household": ("single", "couple", "family", "shared"),
    "platform": ("android", "ios", "web"),
    "plan": ("free", "trial", "paid"),
}
_INTEREST_FIELDS = ("age_band", "gender", "region", "household")


@dataclass(frozen=True)
class Population:
    """All accounts that ever exist in the simulated days, in order of arrival (ties: by id)."""

    arrived: np.ndarray  #: float64 [U], hours since the first day's start
    departed: np.ndarray  #: float64 [U], hours
    activity: np.ndarray  #: float64 [U], mean about 1
    external_activity: np.ndarray  #: float64 [U], mean about 1
    chronotype: np.ndarray  #: int8 [U]
    propensity: np.ndarray  #: float32 [U], standard normal
    interests: np.ndarray  #: float32 [U, K], standard normal
    style: np.ndarray  #: float32 [U, STYLES], tastes; zero on average over accounts
    drift_period: np.ndarray  #: float32 [U], hours
    drift_phase: np.ndarray  #: float32 [U]
    fields: dict[str, np.ndarray]  #: int8 [U] each, codes into FIELDS

    def __len__(self) -> int:
        return len(self.arrived)

    def interest(self, users: np.ndarray, topics: np.ndarray, at: np.ndarray, drift: float) -> np.ndarray:
        """Interest of users in topics at hours `at`, float32 [...]; the three broadcast."""
        angle = (2 * np.pi) * (at / self.drift_period[users] + topics * 0.381966) + self.drift_phase[users]
        return (self.interests[users, topics] + drift * np.sin(angle)).astype(np.float32)

    def arrived_on(self, day: int) -> np.ndarray:
        """Indices of the accounts of a day's users file: day 0 holds everyone who was there before, too."""
        lower = -np.inf if day == 0 else 24.0 * day
        return np.flatnonzero((self.arrived >= lower) & (self.arrived < 24.0 * (day + 1)))


def build_population(settings: SimulatorSettings, days: int) -> Population:
    """The accounts of the first day and the arrivals of the later ones."""
    size = settings.population
    arrivals = round(size.users * size.daily_arrivals)
    tables = _interest_tables(settings)
    batches = [_batch(settings, size.users, 0, LONG_AGO, tables)]
    batches += [_batch(settings, arrivals, day, 24.0 * day, tables) for day in range(1, days)]
    columns = {
        name: np.concatenate([batch[name] for batch in batches])
        for name in batches[0]
    }  # fmt: skip
    fields = {name: columns.pop(name) for name in FIELDS}
    return Population(fields=fields, **columns)


def user_ids(indices: np.ndarray) -> np.ndarray:
    """Ids as they stand in the landing files, int64."""
    return indices.astype(np.int64) + FIRST_ID


def _interest_tables(settings: SimulatorSettings) -> dict[str, np.ndarray]:
    """By value of each field: mean interests [values, K], and, as `… taste`, mean taste [values, STYLES].

    Taste is zero on average over all accounts: an item's audience is not its appeal.
    """
    rng = stream(settings.seed, Stream.TABLES)
    tables = {
        name: rng.standard_normal((len(FIELDS[name]), settings.news.topics)) for name in _INTEREST_FIELDS
    }
    for name in _INTEREST_FIELDS:
        taste = rng.standard_normal((len(FIELDS[name]), STYLES))
        tables[f"{name} taste"] = taste - _shares(name) @ taste
    return tables


def _shares(name: str) -> np.ndarray:
    """How common each value of a user field is."""
    count = len(FIELDS[name])
    share = 0.75 ** np.arange(count) if name != "age_band" else np.ones(count)
    return share / share.sum()


def _batch(
    settings: SimulatorSettings, count: int, day: int, arrived: float, tables: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    size = settings.population
    rng = stream(settings.seed, Stream.ARRIVALS, day)
    columns: dict[str, np.ndarray] = {}
    for name, values in FIELDS.items():
        columns[name] = rng.choice(len(values), size=count, p=_shares(name)).astype(np.int8)
    group = sum(tables[name][columns[name]] for name in _INTEREST_FIELDS) / np.sqrt(len(_INTEREST_FIELDS))
    explained = size.interest_by_demography
    own = rng.standard_normal((count, settings.news.topics), dtype=np.float32)
    columns["interests"] = (np.sqrt(explained) * group + np.sqrt(1 - explained) * own).astype(np.float32)
    explained = size.taste_by_demography
    taste = sum(tables[f"{name} taste"][columns[name]] for name in _INTEREST_FIELDS) / np.sqrt(
        len(_INTEREST_FIELDS)
    )
    own = rng.standard_normal((count, STYLES), dtype=np.float32)
    columns["style"] = (np.sqrt(explained) * taste + np.sqrt(1 - explained) * own).astype(np.float32)
    columns["propensity"] = rng.standard_normal(count, dtype=np.float32)
    reading = rng.standard_normal(count)
    spread = size.activity_spread
    columns["activity"] = np.exp(spread * reading - spread**2 / 2)
    mixed = 0.5 * reading + np.sqrt(0.75) * rng.standard_normal(count)
    columns["external_activity"] = np.exp(mixed - 0.5)
    columns["chronotype"] = rng.integers(0, CHRONOTYPES, count).astype(np.int8)
    shortest, longest = size.drift_days
    columns["drift_period"] = (24 * rng.uniform(shortest, longest, count)).astype(np.float32)
    columns["drift_phase"] = rng.uniform(0, 2 * np.pi, count).astype(np.float32)
    columns["arrived"] = np.full(count, arrived)
    stay = rng.exponential(24.0 / max(size.daily_arrivals, 1e-9), count)
    columns["departed"] = 24.0 * day + stay
    return columns
