"""One logistic model over all source brands: activity of the user beside match scores of user and brand.

The strongest of the honest opponents that knows no network:

    log-odds = activity · w + ridge · v₁ + cosine · v₂ + brands · v₃ + popularity · v₄

with the match of a user and a brand by ridge on category spend, by cosine to the customers' mean spend and by
ridge on items bought of source brands (the brand's own left out), each standardised over train users. What
a match is worth depends on how many customers it rests on: one model a support size of `SUPPORTS`, fitted
with as many customers of each source brand; the nearest (in log) is used. Ridge scores of train users are
cross-fitted, so that a user's own membership never speaks for itself. `others` are not used: the background
of train users stands for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from models.profiling.activity import CATEGORY_LEVEL, activity_columns, spend_by_genre
from models.profiling.brand_counts import only_brands
from models.profiling.data import MISSING, ProfileData, PurchaseLog
from models.profiling.logistic import Logistic, fit_logistic
from models.profiling.opponents import RIDGE, RidgeSystem
from models.profiling.profiler import standardised, unit_rows
from models.profiling.source_brands import PENALTY, SourceBrands

SUPPORTS = (1, 5, 20, 100)  #: and all
RIDGE_ON_BRANDS = 10.0  #: λ; hundreds of sparse columns, hence more than on spend
CROSS_FITS = 3
MOST_PAIRS = 300_000  #: pairs of user and brand to fit on: plenty for two dozen coefficients


@dataclass(frozen=True)
class CrossFit:
    """The ridges that score some users, and those users' columns."""

    members: np.ndarray  #: int64 positions of who is scored
    rows: np.ndarray  #: int64 positions of the train users learned from
    spend: np.ndarray  #: of the members, as is the next
    bought: np.ndarray
    by_spend: RidgeSystem
    by_brand: RidgeSystem


@dataclass(frozen=True)
class Known:
    """What is known of users before a day, float64 [U, ...]."""

    activity: np.ndarray  #: standardised over train users, as are the next two
    spend: np.ndarray
    bought: np.ndarray  #: items by source brand, log1p
    unit: np.ndarray  #: log1p spend, each user scaled to length 1
    raw: np.ndarray  #: log1p spend
    part: np.ndarray  #: int64 [U] cross-fitting part of train users, CROSS_FITS for everybody else

    @classmethod
    def before(
        cls, purchases: PurchaseLog, day: int, brands: np.ndarray, train: np.ndarray, part: np.ndarray
    ) -> Known:
        """Of the purchases before local day `day`."""
        known, users = purchases.before(day), len(train)
        raw = spend_by_genre(known, CATEGORY_LEVEL, users)
        activity = activity_columns(known, day, users)
        bought = items_by_brand(known, brands, users)
        return cls(
            activity=standardised(activity, train),
            spend=standardised(raw, train),
            bought=standardised(bought, train),
            unit=unit_rows(raw),
            raw=raw,
            part=part,
        )

    def matches(self, customers: np.ndarray, own: np.ndarray) -> np.ndarray:
        """The three match scores of every user with T brands, float64 [3, U, T].

        Args:
            customers: bool [U, T] support of each brand, train users.
            own: int64 [T] column of the brand itself in `bought`, MISSING where it has none.
        """
        train = self.part < CROSS_FITS
        target = customers.astype(np.float64)
        has = np.flatnonzero(own != MISSING)
        scores = np.empty((3, *target.shape))
        scores[1] = self.unit @ unit_rows(target.T @ self.raw).T
        for part in self.parts:
            labels = target[part.rows]
            scores[0, part.members] = part.spend @ part.by_spend.weights(labels)
            weights = part.by_brand.weights(labels)
            weights[:, has] = part.by_brand.without(weights[:, has], own[has])
            scores[2, part.members] = part.bought @ weights
        return np.stack([standardised(match, train) for match in scores])

    @cached_property
    def parts(self) -> tuple[CrossFit, ...]:
        """For each part of the train users and for everybody else, the ridges over train users outside it."""
        train = self.part < CROSS_FITS
        parts = []
        for part in range(CROSS_FITS + 1):
            members = np.flatnonzero(self.part == part)
            rows = np.flatnonzero(train & (self.part != part))
            parts.append(
                CrossFit(
                    members,
                    rows,
                    self.spend[members],
                    self.bought[members],
                    RidgeSystem(self.spend[rows], RIDGE),
                    RidgeSystem(self.bought[rows], RIDGE_ON_BRANDS),
                )
            )
        return tuple(parts)


def items_by_brand(purchases: PurchaseLog, brands: np.ndarray, users: int) -> np.ndarray:
    """log1p of the items bought of each of `brands`, float64 [U, B]."""
    named = only_brands(purchases, brands)
    valid = ~named.cancelled & (named.brand != MISSING)
    cell = named.user[valid] * len(brands) + named.brand[valid]
    counts = np.bincount(cell, minlength=users * len(brands)).reshape(users, len(brands))
    return np.log1p(counts.astype(np.float64))


@dataclass(frozen=True)
class JointLogistic:
    """The fitted models, ready at the as-of date."""

    known: Known
    models: tuple[tuple[float, Logistic], ...]  #: support size (mean over source brands), model

    @classmethod
    def train(
        cls, data: ProfileData, train_users: np.ndarray, source: SourceBrands, *, seed: int = 0
    ) -> JointLogistic:
        """Fit one model a support size on the source brands; features at `source.start_day`."""
        rng = np.random.default_rng(seed)
        log, brands = data.purchases, source.brands
        before = Known.before(log, source.start_day, brands, source.users, _parts(source.users, rng))
        pairs = np.argwhere(source.at_risk)
        if len(pairs) > MOST_PAIRS:
            pairs = pairs[np.sort(rng.choice(len(pairs), MOST_PAIRS, replace=False))]
        brand, user = pairs.T
        bought = source.newcomers[brand, user].astype(np.float64)
        share = (source.newcomers.sum(1) + 0.5) / (source.at_risk.sum(1) + 1.0)
        popularity = (np.log(share) - np.log(share).mean())[brand] if len(brands) else np.zeros(0)
        models = []
        for size in (*SUPPORTS, None):
            support = np.zeros((len(data), len(brands)), dtype=bool)
            support[source.users] = _drawn(source.customers[:, source.users], size, rng).T
            match = before.matches(support, np.arange(len(brands)))[:, user, brand]
            columns = np.concatenate([before.activity[user], match.T, popularity[:, None]], axis=1)
            mean_size = float(support.sum(0).mean()) if len(brands) else float(size or 1)
            models.append((mean_size, fit_logistic(columns, bought, penalty=PENALTY)))
        part = _parts(train_users, rng)
        return cls(Known.before(log, data.as_of_day, brands, train_users, part), tuple(models))

    def score(self, customers: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:  # noqa: ARG002
        """float64 [U], by the model whose support size is nearest."""
        nearest = min(self.models, key=lambda model: abs(np.log(model[0]) - np.log(len(customers))))[1]
        support = np.zeros((len(self.known.part), 1), dtype=bool)
        support[customers] = True
        match = self.known.matches(support, np.array([MISSING]))[:, :, 0]
        columns = [self.known.activity, match.T, np.zeros((len(support), 1))]
        return nearest.log_odds(np.concatenate(columns, axis=1))


def _parts(users: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A cross-fitting part of each of `users` (bool [U]), CROSS_FITS for everybody else: int64 [U]."""
    part = np.full(len(users), CROSS_FITS)
    part[users] = rng.permutation(int(users.sum())) % CROSS_FITS
    return part


def _drawn(customers: np.ndarray, size: int | None, rng: np.random.Generator) -> np.ndarray:
    """At most `size` customers of each brand, bool [B, U]."""
    if size is None:
        return customers
    chance = np.where(customers, rng.random(customers.shape), np.inf)
    size = min(size, customers.shape[1])
    cut = np.partition(chance, size - 1, axis=1)[:, size - 1 : size] if len(chance) else chance[:, :1]
    return customers & (chance <= cut)
