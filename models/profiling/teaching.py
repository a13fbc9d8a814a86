"""What source brands teach before any target is known: the prior of a user, and what a match is worth.

One window that ends at the as-of date: its users are train users who were known when it began, its brands
those with customers enough then, its vectors are fitted on what they had bought by then. Only the labels,
who bought which brand first, are of the window itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from models.profiling.data import ProfileData
from models.profiling.gains import Gains, fit_gains
from models.profiling.logistic import Logistic
from models.profiling.match import MatchSpace
from models.profiling.propensity import Propensity, lookback_of, names_of
from models.profiling.source_brands import SourceBrands, source_brands
from models.progress import Progress
from models.settings import Settings

SHARE_OF_LOG = 3  #: a window is at most one in so many of the log's days, so that features have the others


class TeachingSettings(Settings):
    """How source brands teach."""

    horizon: int = 92  #: days of the label window of source brands; at most a third of the log's days
    supports: tuple[int, ...] = (1, 3, 10, 30, 100, 300, 1_000)  #: numbers of customers to learn the gain at
    shrinkages: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0, 10.0)  #: λ to choose from
    least_at_risk: float = 0.35  #: share of users who are no customers yet, for a brand to teach the gain
    draws: int = 2  #: supports drawn a source brand and K
    most_brands: int = 512  #: source brands to learn the gain from
    most_users: int = 32_768  #: users to learn from; more are drawn from


@dataclass(frozen=True)
class TeachingWindow:
    """When source brands teach, and whom they are watched on."""

    start_day: int  #: features end, labels begin
    teachers: np.ndarray  #: int64 [N] positions of users who were known then, ascending

    @classmethod
    def of(
        cls, settings: TeachingSettings, data: ProfileData, train_users: np.ndarray, seed: int
    ) -> TeachingWindow:
        """The window that ends at the as-of date; of more than `most_users` train users some are drawn."""
        first_day = int(data.purchases.day[0]) if len(data.purchases) else data.as_of_day
        horizon = max(1, min(settings.horizon, (data.as_of_day - first_day) // SHARE_OF_LOG))
        teachers = np.flatnonzero(train_users & data.known_before(data.as_of_day - horizon))
        if len(teachers) > settings.most_users:
            random = np.random.default_rng(seed)
            teachers = np.sort(random.choice(teachers, settings.most_users, replace=False))
        return cls(data.as_of_day - horizon, teachers)


@dataclass(frozen=True)
class Taught:
    """What was learned; without source brands a stand-in by activity."""

    propensity: Propensity
    gains: Gains
    source_brands: int  #: how many taught it


#: the teachers' data before the window → their vectors float32 [N, r] in each space
Embed = Callable[[ProfileData], Sequence[np.ndarray]]


def teach(
    settings: TeachingSettings,
    data: ProfileData,
    window: TeachingWindow,
    embed: Embed,
    *,
    excluded_brands: np.ndarray,
    seed: int,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Taught:
    """Learn prior and gains from the window that ends at the as-of date.

    Args:
        settings: of the teaching.
        data: all before the as-of date.
        window: when, and whom to learn from.
        embed: fits vectors on the teachers' data before the window, and gives them; one array a space.
        excluded_brands: int64 positions in `brand_names` that must not teach (a study's targets).
        seed: draws supports and samples.
        device: of the match.
        progress: told of every step.
    """
    start, taught = window.start_day, data.take(window.teachers)
    everybody = np.ones(len(taught), dtype=bool)
    first_day = int(data.purchases.day[0]) if len(data.purchases) else start
    vectors = embed(taught.held_back(start))
    source = source_brands(taught, everybody, excluded=excluded_brands, horizon=data.as_of_day - start)
    if len(source.brands) == 0:
        return Taught(_by_activity(lookback_of(start, first_day)), _untaught(len(vectors)), 0)
    propensity = Propensity.fit(taught.purchases, source, first_day)
    prior = propensity.log_odds(taught.purchases, start, everybody)
    spaces = [MatchSpace.of(one, everybody, device) for one in vectors]
    gains = _gains(settings, source, spaces, prior, np.random.default_rng(seed), progress)
    return Taught(propensity, gains, len(source.brands))


def _gains(
    settings: TeachingSettings,
    source: SourceBrands,
    spaces: Sequence[MatchSpace],
    prior: np.ndarray,
    rng: np.random.Generator,
    progress: Progress | None,
) -> Gains:
    """What a match is worth, from those source brands that enough users have yet to discover."""
    # Of a brand that nearly everybody buys, the few who do not are no audience that anyone looks for.
    brands = np.flatnonzero(source.at_risk.sum(1) >= settings.least_at_risk * len(prior))
    if not spaces or not (source.customers[brands].sum(1) >= min(settings.supports)).any():
        return _untaught(len(spaces))
    if len(brands) > settings.most_brands:
        brands = np.sort(rng.choice(brands, settings.most_brands, replace=False))
    return fit_gains(
        spaces,
        prior,
        source.customers[brands],
        source.newcomers[brands],
        supports=settings.supports,
        shrinkages=settings.shrinkages,
        draws=settings.draws,
        rng=rng,
        progress=progress,
    )


def _untaught(spaces: int) -> Gains:
    """What a match is taken to be worth where no source brand says it: a log of one brand, or of few days."""
    curve = np.array([1.0 / max(spaces, 1), 10.0, 0.5])
    alike = np.ones((1, spaces))
    return Gains(np.tile(curve, (spaces, 1)), np.ones(1), 0.03 * alike, alike, alike)


def _by_activity(lookback: int) -> Propensity:
    """Order by items bought and by recency, where no source brand has taught anything better."""
    names = names_of(lookback)
    coefficients = np.zeros(len(names))
    coefficients[names.index("items")] = 1.0
    coefficients[names.index("days_since_last")] = -0.5
    return Propensity(lookback, Logistic(coefficients, 0.0))
