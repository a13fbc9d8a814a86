"""The frozen protocol of a profile evaluation: dates, targets, test users, labels. Nothing is tuned here.

**Dates.** Features end before the as-of date D, labels are first purchases in `[D, D + horizon)`. D is by
default the latest date that leaves the horizon (92 days; a quarter of a log shorter than a year and a bit)
after it. A development run lies one horizon earlier, so that it never sees a day of the report's labels.

**Targets.** Brands whose customers before D are 12 % to 61 % of the users (300 to 1,499 of the 2,469
households of complete-journey), halved by the SHA-256 of their name into report and development; of each
half the first 39 by that hash are the table of brands, the first 8 of those the studies. A log with too few
such brands has the band widened stepwise, and neither half takes more than a quarter of all brands: the
rest must teach.

**Users.** Those with a purchase before D. A quarter of them, by the SHA-256 of their id, are the test users
of development and never of a report; the others are, in three folds, those of the report. Whatever learns,
learns from the users outside the fold, from purchases before D, and from brands that are target of neither
side.

**Labels.** A test user who never bought the brand before D counts as 1 if the first purchase comes within
the horizon, else 0; those who had bought it are left out.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from assets.experiments.profilers.size_band import TABLE_BRANDS
from models.profiling.brand_counts import customers_by_brand
from models.profiling.data import PurchaseLog

HORIZON = 92  #: days
LEAST_HORIZON = 7  #: days; a log too short for it is refused
BANDS = (  #: shares of the users who are customers already, from at least to below; the next if brands lack
    (300 / 2469, 1500 / 2469),
    (0.06, 0.75),
    (0.03, 0.90),
    (0.015, 1.00),
    (0.01, 1.00),
)
LARGEST_SHARE = 4  #: neither half takes more than one in so many of the brands
ENOUGH_BRANDS = 20  #: of the table in each half: with fewer the band is widened
FOLDS = 3  #: of the report; development has one
PARTS, DEVELOPMENT_PART = 4, 3  #: of the users
FRACTIONS = (1.0, 0.8, 0.6, 0.4, 0.2, 0.05, 0.03, 0.01, 0.005)  #: label masking (Fig. 3)
BUDGETS = (1.0, 0.2, 0.05, 0.01)  #: of the fractions, beside one shot
ONE_SHOT = (1, 8)  #: customers and others
SUPPORTS: tuple[int | None, ...] = (1, 5, 20, None)  #: customers in the table of brands; None: all
RATIOS = tuple(0.5 / 2**step for step in range(7))  #: customers to others (Fig. 4)
IMBALANCE_OTHERS = 256  #: others in the imbalance study, where a brand and its log have so many
WAYS = 9  #: of the OOD study, the target's included
TOP, TOP_SHARE = 300, 0.1  #: of the test users, whichever are fewer: the first of a ranking, for its lift


@dataclass(frozen=True)
class Dates:
    """When features end and how long newcomers are counted; local days since 1970-01-01."""

    as_of_day: int
    horizon: int

    @property
    def end_day(self) -> int:
        """The first day whose purchases no longer count."""
        return self.as_of_day + self.horizon


@dataclass(frozen=True)
class Targets:
    """The target brands of one side, in order of hash, and how they were found."""

    brands: np.ndarray  #: int64 [T] positions in `brand_names`
    band: tuple[float, float]
    eligible: int  #: brands of this half within the band


def dates_of(
    first_day: int, end_day: int, *, as_of_day: int | None, horizon: int | None, development: bool
) -> tuple[Dates, Dates]:
    """The dates of this run, and those of the other side (report ↔ development).

    Args:
        first_day: of the log.
        end_day: the day after its last.
        as_of_day: of the report; None: the latest that leaves the horizon.

    Raises:
        ValueError: the log is too short, or the date leaves no day before or after it.
    """
    chosen = horizon or min(HORIZON, -(-(end_day - first_day) // 4))
    as_of = end_day - chosen if as_of_day is None else as_of_day
    if horizon is None:
        chosen = min(chosen, end_day - as_of)
    if chosen < LEAST_HORIZON or as_of + chosen > end_day:
        raise ValueError(
            f"purchases end {end_day - as_of} days after the as-of date, the horizon needs "
            f"{max(chosen, LEAST_HORIZON)}: name an earlier --as-of or a shorter --horizon"
        )
    report, dev = Dates(as_of, chosen), Dates(as_of - chosen, chosen)
    earliest = dev if development else report
    if earliest.as_of_day - chosen < first_day:
        raise ValueError(
            f"purchases begin {earliest.as_of_day - first_day} days before the as-of date, what learns from "
            f"first purchases needs the horizon's {chosen}: name a later --as-of or a shorter --horizon"
        )
    return (dev, report) if development else (report, dev)


def targets_of(purchases: PurchaseLog, as_of_day: int, half: int, least: int) -> Targets:
    """The targets of one half, chosen from purchases before the as-of date alone.

    Args:
        half: 0 report, 1 development.
        least: targets needed of each half before the band is widened.

    Raises:
        ValueError: no brand at all, or none in the widest band.
    """
    known = purchases.before(as_of_day)
    users = len(np.unique(known.user))
    share = customers_by_brand(known) / max(users, 1)
    bought = int((share > 0).sum())
    if not bought:
        raise ValueError(
            "no purchase before the as-of date has a brand, and profiles are evaluated on new customers of "
            "brands: fill the column `brand` of purchases"
        )
    most = max(1, min(TABLE_BRANDS, bought // LARGEST_SHARE))
    digests = [digest(f"m{name}") for name in purchases.brand_names]
    halves = np.array([value % 2 for value in digests])
    for band in BANDS:
        within = (share >= band[0]) & (share < band[1])
        if all((within & (halves == side)).sum() >= min(least, most) for side in (0, 1)):
            break
    eligible = [int(b) for b in np.flatnonzero(within & (halves == half))]
    if not eligible:
        raise ValueError(
            f"none of {bought} brands of this half has {band[0]:.0%} to {band[1]:.0%} of {users} users as "
            "customers before the as-of date: too few brands or purchases to evaluate on; --size-band asks "
            "for brands of any size"
        )
    ordered = sorted(eligible, key=lambda b: digests[b])
    return Targets(np.array(ordered[:most]), band, len(eligible))


def first_of(asked: int | None, users: int) -> int:
    """How many test users are the first of a ranking: as many as asked for, or by default `TOP`."""
    wished = min(TOP, -(-users * TOP_SHARE // 1)) if asked is None else asked
    return max(1, min(int(wished), users))


def test_folds(user_ids: np.ndarray, known: np.ndarray, development: bool) -> list[np.ndarray]:
    """Test users of each fold, bool [U] each; everybody else who is `known` (bool [U]) trains."""
    part = np.array([digest(f"u{name}") % PARTS for name in user_ids])
    if development:
        return [known & (part == DEVELOPMENT_PART)]
    fold = np.array([digest(f"fold {name}") % FOLDS for name in user_ids])
    return [known & (part != DEVELOPMENT_PART) & (fold == f) for f in range(FOLDS)]


def digest(text: str) -> int:
    """SHA-256 of a text as a number: the same on every machine."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


def generator(*about: object) -> np.random.Generator:
    """Random numbers of their own for whatever is named."""
    return np.random.default_rng(digest("/".join(map(str, about))) % 2**64)
