"""What an audience can be expected to be worth, seen with the clock held back by one horizon.

At that earlier date the question is asked again, with a model and data that know nothing later; who became a
customer in the horizon since then is the answer. It is an estimate from the past of the same shop and leans
on no future. The curve is the brand's own where the list is a brand of the log with enough newcomers, else
the mean over brands that are near to it in number of customers, with as many of them known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from assets.common.faults import BadRequest
from assets.profiling.audience.requests import AudienceSettings, day_number

if TYPE_CHECKING:
    import numpy as np

    from assets.profiling.profilers import Trainer
    from models.profiling.brands import FirstPurchases
    from models.profiling.data import ProfileData
    from models.profiling.lift import LiftCurve
    from models.profiling.profiler import Scorer


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
    settings: AudienceSettings, customers: np.ndarray, data: ProfileData, trainer: Trainer
) -> ExpectedLift | str:
    """The expected lift of an audience, or the reason why none can be told.

    Args:
        settings: the request.
        customers: int64 [K] positions in `data`.
        data: all known before the as-of date.
        trainer: gives models and data of the held-back date.

    Raises:
        BadRequest: the brand that the request names is not in the log.
    """
    from models.profiling.brands import FirstPurchases
    from models.profiling.data import MISSING

    since, until = settings.held_back, settings.as_of
    start, end = day_number(since), day_number(until)
    first = FirstPurchases.of(data.purchases, len(data))
    brand = _brand(settings, first, customers, data)
    try:
        model = trainer.at(settings.model, since)
        then = trainer.source.read(since, model.fitted_at)
        trial = _Trial(model.profiler.ready(then), then, data, first, start, end)
    except (LookupError, ValueError, FileNotFoundError) as error:
        return f"nothing can be held back to {since}: {error}"

    name = None if brand == MISSING else data.purchases.brand_names[brand]
    period = f"between {since} and {until}"
    why, rate = "the list is no brand of the log", None
    if brand != MISSING:
        own, came = trial.curve(brand)
        before = int(first.customers(start)[brand].sum())
        rate = came / max(len(then) - before, 1)
        if own is not None:
            why = f"{came} users became customers of {name} {period}; the ranking is tried on them"
            return ExpectedLift(own, "brand", name, why, since, until, model.record.partition, rate)
        why = f"{name} had {before} customers before {since} and {came} newcomers {period}, too few to see"
    mean = trial.mean_of_like_brands(len(customers))
    if mean is None:
        return f"{why}, and no brand had enough newcomers {period}"
    why = (
        f"{why}, so this is the mean over the {mean.brands} brands nearest to it in number of customers, "
        f"with {len(customers)} customers known of each at most and {mean.newcomers} newcomers {period}"
    )
    return ExpectedLift(mean, "like brands", name, why, since, until, model.record.partition, rate)


def _brand(
    settings: AudienceSettings, first: FirstPurchases, customers: np.ndarray, data: ProfileData
) -> int:
    from models.profiling.lift import brand_of

    names = data.purchases.brand_names
    if settings.brand is None:
        return brand_of(first, customers, data.as_of_day)
    if settings.brand not in names:
        raise BadRequest(
            f"brand {settings.brand!r} is not in the log before {settings.as_of}; there are {len(names)}, "
            f"such as {', '.join(names[:5]) or 'none'}"
        )
    return names.index(settings.brand)


@dataclass(frozen=True)
class _Trial:
    """A ranking at the held-back date, and what the days `[start, end)` since then made of it."""

    scorer: Scorer
    then: ProfileData  #: known at the held-back date
    data: ProfileData  #: known at the as-of date
    first: FirstPurchases  #: of the users of `data`
    start: int
    end: int

    def curve(self, brand: int, known: int | None = None) -> tuple[LiftCurve | None, int]:
        """Of one brand, `known` of its customers told to the ranking, and its newcomers: see `held_back`."""
        import numpy as np

        from models.profiling.lift import held_back

        day = self.first.day[brand]
        newcomers = np.zeros(len(self.then), dtype=bool)
        newcomers[self._positions((day >= self.start) & (day < self.end))] = True
        customers = self._positions(day < self.start)
        return held_back(self.scorer, customers, newcomers, len(self.then), known)

    def mean_of_like_brands(self, customers: int) -> LiftCurve | None:
        """The mean curve of brands near to so many customers; None where none had enough newcomers."""
        from models.profiling.lift import like_brands, mean_curve

        like = like_brands(self.first, self.start, self.end, customers)
        curves = [curve for brand in like if (curve := self.curve(brand, customers)[0]) is not None]
        return mean_curve(curves) if curves else None

    def _positions(self, users: np.ndarray) -> np.ndarray:
        """Users (bool, of the later date) as positions of the earlier one; who was unknown is left out."""
        from models.profiling.data import MISSING

        positions = self.then.positions(self.data.user_ids[users])
        return positions[positions != MISSING]
