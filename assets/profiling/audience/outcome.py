"""What became of an audience, where the log goes on after its as-of date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.profiling.audience.requests import day_number

if TYPE_CHECKING:
    import numpy as np

    from assets.profiling.audience.make import AudienceResult
    from assets.profiling.sources import ProfileSource
    from models.profiling.data import ProfileData


@dataclass(frozen=True)
class Outcome:
    """The days after an as-of date, seen from its audience."""

    newcomers: int  #: candidates who became customers of the brand
    reached: int  #: of them, those in the audience
    candidates: int
    audience: int

    @property
    def share(self) -> float:
        """Of the newcomers, how many stood in the audience; NaN where nobody came."""
        return self.reached / self.newcomers if self.newcomers else float("nan")

    @property
    def lift(self) -> float:
        """Times as many as in a random audience of the same size."""
        return self.share * self.candidates / self.audience


def outcome(result: AudienceResult, source: ProfileSource, brand: str) -> Outcome:
    """How many became customers of `brand` in the horizon from the as-of date, as the log tells afterwards.

    Nothing of it was known to the ranking. Users who came to the log only later are no candidates.
    """
    import numpy as np

    from assets.profiling.reading import purchase_log

    ids, log = purchase_log(source.home, source.description)
    start = day_number(result.settings.as_of)
    log = log.before(start + result.settings.horizon_days)
    of_brand = ~log.cancelled & (log.brand == log.brand_names.index(brand))
    before = np.unique(log.user[of_brand & (log.day < start)])
    came = np.setdiff1d(log.user[of_brand & (log.day >= start)], before)
    known = np.unique(log.user[log.day < start])
    newcomers = ids[np.intersect1d(came, known)]
    return Outcome(
        newcomers=len(newcomers),
        reached=int(np.isin(result.user_ids, newcomers).sum()),
        candidates=result.audience.candidates,
        audience=len(result.audience),
    )


def busiest_brand(data: ProfileData, horizon: int, least: int, most: int) -> tuple[str, np.ndarray]:
    """The brand with the most newcomers in the horizon before the as-of date, and its customers' ids.

    Only brands with `least` to `most` customers before that horizon are looked at. Raises LookupError where
    there is none.
    """
    import numpy as np

    from models.profiling.brands import FirstPurchases

    first = FirstPurchases.of(data.purchases, len(data))
    start = data.as_of_day - horizon
    had = first.customers(start).sum(axis=1)
    came = np.where((had >= least) & (had <= most), first.newcomers(start, data.as_of_day).sum(axis=1), 0)
    if not came.any():
        raise LookupError(f"no brand has {least} to {most} customers and newcomers in {horizon} days")
    brand = int(came.argmax())
    return data.purchases.brand_names[brand], data.user_ids[first.customers(data.as_of_day)[brand]]
