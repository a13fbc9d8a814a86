"""Which brands are targets: those of the protocol's halves, those of a size, or those that a person names.

Brands that are asked for are all evaluated: there are no halves by hash, and a development run has the same
ones, at its earlier date and on its own test users. Sizes are counted before the as-of date D alone, and no
target teaches, however it was chosen. Of a band that holds more than half of the brands that could teach, the
first half by hash are targets and the others teach, unless `brands` says how many.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from assets.experiments.profilers import protocol
from assets.experiments.profilers.brand_list import named_brands
from assets.experiments.profilers.protocol import Dates
from assets.experiments.profilers.settings import ProfileEvalSettings
from assets.experiments.profilers.size_band import TABLE_BRANDS, SizeBand
from models.profiling.brand_counts import customers_by_brand
from models.profiling.data import PurchaseLog
from models.profiling.source_brands import CUSTOMERS


@dataclass(frozen=True)
class ChosenTargets:
    """The brands of an evaluation."""

    brands: np.ndarray  #: int64 [T] positions in the log's `brand_names`
    no_teachers: np.ndarray  #: int64, positions of the targets of both sides
    how: str  #: a sentence: which brands, and how large they are
    remarks: tuple[str, ...] = ()


def chosen_targets(
    log: PurchaseLog, dates: Dates, other: Dates, settings: ProfileEvalSettings
) -> ChosenTargets:
    """The targets that the settings ask for, by purchases before the as-of date alone.

    Args:
        other: dates of the side that is not run, whose targets of the protocol's halves do not teach either.

    Raises:
        ValueError: none can be chosen; the message says what to ask for instead.
    """
    known = log.before(dates.as_of_day)
    users, customers = len(np.unique(known.user[~known.cancelled])), customers_by_brand(known)
    if settings.named:
        chosen = _named(log, settings, customers)
    elif settings.size_band is not None:
        chosen = _of_size(log, settings, customers, users)
    else:
        chosen = _of_half(log, dates, other, settings)
    able = np.flatnonzero(customers >= CUSTOMERS * users)
    if settings.asked and not len(np.setdiff1d(able, chosen.no_teachers)):
        raise ValueError(
            f"no brand is left to learn from: all {len(able)} brands that {CUSTOMERS:.1%} of the users "
            "bought are targets; ask for fewer"
        )
    of_targets = customers[chosen.brands]
    how = (
        f"{len(chosen.brands)} target brands, {chosen.how}; {of_targets.min():,} to {of_targets.max():,} "
        f"({of_targets.min() / users:.1%} to {of_targets.max() / users:.1%}) of {users:,} users are customers"
    )
    return ChosenTargets(chosen.brands, chosen.no_teachers, how, chosen.remarks)


def _named(log: PurchaseLog, settings: ProfileEvalSettings, customers: np.ndarray) -> ChosenTargets:
    listed = named_brands(settings.named, log.brand_names)
    brands, remarks = np.array(listed.brands), list(listed.remarks)
    bare = brands[customers[brands] == 0]
    brands = brands[customers[brands] > 0]
    if not len(brands):
        raise ValueError("no brand of the list has a customer before the as-of date: name others")
    if len(bare):
        names = ", ".join(repr(log.brand_names[brand]) for brand in bare)
        remarks.append(f"brands of the list without a customer before the as-of date are left out: {names}")
    return ChosenTargets(brands, brands, "all that were named", (*remarks, _no_halves("named")))


def _of_size(
    log: PurchaseLog, settings: ProfileEvalSettings, customers: np.ndarray, users: int
) -> ChosenTargets:
    band = SizeBand.read(str(settings.size_band))
    low, high = band.customers(users)
    inside = np.flatnonzero((customers >= max(low, 1)) & (customers <= high))
    if not len(inside):
        largest = int(customers.max(initial=0))
        raise ValueError(
            f"no brand has {settings.size_band} of {users:,} users as customers before the as-of date; the "
            f"largest has {largest:,} ({largest / max(users, 1):.1%}): ask for another --size-band"
        )
    ordered = np.array(sorted(inside, key=lambda b: protocol.digest(f"m{log.brand_names[b]}")))
    able = customers >= CUSTOMERS * users
    spared = ~able[ordered] | (np.cumsum(able[ordered]) <= max(1, able.sum() // 2))
    brands = ordered[spared] if settings.brands is None else ordered[: settings.brands]
    remarks = [_no_halves("asked for by size")]
    if len(brands) < len(inside):
        why = "the others teach" if settings.brands is None else f"--brands {settings.brands}"
        remarks.append(
            f"{len(inside)} brands lie in the band, {len(brands)} of them are targets, the first by the "
            f"hash of their names ({why}); --brands {len(inside)} asks for all"
        )
    how = f"of {settings.size_band} {'of the users' if band.of_users else 'customers'}"
    return ChosenTargets(brands, brands, how, tuple(remarks))


def _no_halves(asked: str) -> str:
    return (
        f"brands were {asked}: they are not halved by hash into report and development, and none of them "
        "teaches; development differs by its date and its test users alone"
    )


def _of_half(log: PurchaseLog, dates: Dates, other: Dates, settings: ProfileEvalSettings) -> ChosenTargets:
    """The protocol's own: a half by hash, of middling size where the log has enough such brands."""
    half = int(settings.development)
    wished = settings.brands or TABLE_BRANDS
    in_table = "brands" in settings.studies
    least = min(wished, protocol.ENOUGH_BRANDS) if in_table else settings.studied
    chosen = protocol.targets_of(log, dates.as_of_day, half, least)
    brands = chosen.brands[:wished]
    planned = wished if in_table else settings.studied
    (low, high), remarks = chosen.band, []
    if chosen.band != protocol.BANDS[0]:
        remarks.append(f"few brands of middling size: targets have {low:.1%} to {high:.0%} of the users")
    if len(brands) < planned:
        remarks.append(f"{len(brands)} target brands, {planned} were asked for")
    if half:
        remarks.append(
            "the names of the report's targets, chosen at its later date, are the only thing known here from "
            "after this as-of date: those brands do not teach"
        )
    side = "development" if half else "report"
    sizes = f"{low:.1%} to {high:.0%} of the users"
    how = f"the first by hash of {chosen.eligible} of the {side}'s half, of {sizes}"
    both = np.union1d(chosen.brands, _of_other_side(log, other, 1 - half, least))
    return ChosenTargets(brands, both, how, tuple(remarks))


def _of_other_side(log: PurchaseLog, dates: Dates, half: int, least: int) -> np.ndarray:
    """Targets of the side that is not run, to be kept out of training; none where its date lies too early."""
    try:
        return protocol.targets_of(log, dates.as_of_day, half, least).brands
    except ValueError:
        return np.array([], dtype=np.int64)
