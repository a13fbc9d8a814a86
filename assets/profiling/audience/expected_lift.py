"""What an audience can be expected to be worth, seen with the clock held back by one horizon.

At that earlier date the question is asked again, with a model and data that know nothing later; who became a
customer in the horizon since then is the answer. It is an estimate from the past of the same shop and leans
on no future. What the list's own brand shows is weighed with a pool of brands that were near to it in number
of customers then, with as many of them known: see `models.profiling.pooled_lift`. Who came within the horizon
chooses neither the brands of the pool nor who is ranked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from assets.profiling.audience.requests import AudienceSettings
from assets.profiling.held_back import HeldBack

if TYPE_CHECKING:
    from assets.profiling.profilers import Trainer
    from models.profiling.brands import FirstPurchases
    from models.profiling.data import ProfileData
    from models.profiling.lift import LiftCurve
    from models.profiling.pooled_lift import PooledLift


@dataclass(frozen=True)
class ExpectedLift:
    """A curve, and what it rests on."""

    curve: LiftCurve
    basis: Literal["brand", "like brands"]  #: which of the two counts for more
    brand: str | None  #: of the list, where it is one of the log's
    why: str  #: in words, for the reader
    since: str  #: the held-back date
    until: str  #: the as-of date
    model_as_of: str  #: of the model that ranked at the held-back date
    rate: float | None  #: share of the brand's candidates that became customers; None without a brand
    own_newcomers: int = 0  #: of the list's brand, among the newcomers behind the curve
    own_share: float = 0.0  #: how much they count, beside the pool, 0 to 1


def expected_lift(
    settings: AudienceSettings,
    name: str | None,
    customers: int,
    data: ProfileData,
    first: FirstPurchases,
    trainer: Trainer,
) -> ExpectedLift | str:
    """The expected lift of an audience, or the reason why none can be told.

    Args:
        settings: the request.
        name: brand of the list; None where it is no brand's.
        customers: how many of the list are known.
        data: all known before the as-of date.
        first: the first purchases in it.
        trainer: gives models and data of the held-back date.
    """
    since, until = settings.held_back, settings.as_of
    try:
        trial = HeldBack.at(settings.model, since, data, first, trainer)
    except (LookupError, ValueError, FileNotFoundError) as error:
        return f"nothing can be held back to {since}: {error}"

    period = f"between {since} and {until}"
    brand = None if name is None else data.purchases.brand_names.index(name)
    own, rate, support, said = None, None, customers, "the list is no brand of the log"
    if brand is not None:
        task = trial.task(brand)
        came, before = int(task.newcomers.sum()), len(task.customers)
        rate = came / max(int(task.at_risk.sum()), 1)
        support = min(before, customers) or customers
        own = trial.curve(task, support)
        said = f"{name} had {before:,} customers before {since}, and {came:,} users became one {period}"
    pool = trial.pooled(support, without=brand)
    if pool is None and own is None:
        return f"{said}, and no brand had enough newcomers {period} to see"
    curve, share, why = _weighed(own, pool, said, f"{support:,} customers known of each at most", period)
    basis: Literal["brand", "like brands"] = "brand" if share >= 0.5 else "like brands"
    came = 0 if own is None else own.newcomers
    as_of = trial.model.partition
    return ExpectedLift(curve, basis, name, why, since, until, as_of, rate, came, share)


def _weighed(
    own: LiftCurve | None, pool: PooledLift | None, said: str, given: str, period: str
) -> tuple[LiftCurve, float, str]:
    """The curve, how much the brand's own newcomers count in it, and both in words."""
    if pool is None:
        assert own is not None
        return own, 1.0, f"{said}; nobody became a customer of any brand like it, so they count alone"
    share = pool.share_of(own.newcomers if own is not None else 0)
    silent = f" ({pool.silent} of the brands tried had none)" if pool.silent else ""
    brands = (
        f"the {pool.brands} brands nearest to it in number of customers, with {given} and "
        f"{pool.newcomers:,} newcomers {period}{silent}"
    )
    if own is None:
        return pool.for_brand(None), 0.0, f"{said}, so this is what is seen on {brands}"
    return pool.for_brand(own), share, f"{said}; they count {share:.0%}, the rest is seen on {brands}"
