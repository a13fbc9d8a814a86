"""What an audience can be expected to be worth, seen with the clock held back by one horizon.

At that earlier date the question is asked again, with a model and data that know nothing later; who became a
customer in the horizon since then is the answer. It is an estimate from the past of the same shop and leans
on no future. The curve is the brand's own where the list is a brand of the log with enough newcomers, else
the mean over brands that are near to it in number of customers, with as many of them known.
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


@dataclass(frozen=True)
class ExpectedLift:
    """A curve, and what it rests on."""

    curve: LiftCurve
    basis: Literal["brand", "like brands"]
    brand: str | None  #: of the list, where it is one of the log's
    why: str  #: in words, for the reader
    since: str  #: the held-back date
    until: str  #: the as-of date
    model_as_of: str  #: of the model that ranked at the held-back date
    rate: float | None  #: share of the brand's candidates that became customers; None without a brand


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
    why, rate = "the list is no brand of the log", None
    if name is not None:
        brand = data.purchases.brand_names.index(name)
        own, came = trial.curve(brand)
        before = int(first.customers(trial.start)[brand].sum())
        rate = came / max(len(trial.then) - before, 1)
        if own is not None:
            why = f"{came} users became customers of {name} {period}; the ranking is tried on them"
            return ExpectedLift(own, "brand", name, why, since, until, trial.model.partition, rate)
        why = f"{name} had {before} customers before {since} and {came} newcomers {period}, too few to see"
    mean = trial.mean_of_like_brands(customers)
    if mean is None:
        return f"{why}, and no brand had enough newcomers {period}"
    why = (
        f"{why}, so this is the mean over the {mean.brands} brands nearest to it in number of customers, "
        f"with {customers} customers known of each at most and {mean.newcomers} newcomers {period}"
    )
    return ExpectedLift(mean, "like brands", name, why, since, until, trial.model.partition, rate)
