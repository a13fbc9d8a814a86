"""A source with the clock held back: a ranking of an earlier date, and what the days since then made of it.

The model that ranks and all that it reads are of the earlier date, so that nothing of the days after it is
known to the ranking; which brands are tried, and who is ranked, follows from what was known then too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from assets.profiling.audience.requests import HORIZON_DAYS, as_day, day_number

if TYPE_CHECKING:
    import numpy as np

    from assets.profiling.profilers import Trainer
    from assets.ranking.states import StateRecord
    from models.profiling.backtest import BacktestFigures, BrandTask
    from models.profiling.brands import FirstPurchases
    from models.profiling.data import ProfileData
    from models.profiling.lift import LiftCurve
    from models.profiling.pooled_lift import PooledLift
    from models.profiling.profiler import Scorer

LEAST_HORIZON = 7  #: days; in fewer nobody can be seen to become a customer


@dataclass(frozen=True)
class Backtest:
    """Figures of a profiler with the clock held back, and the days they are of."""

    figures: BacktestFigures
    since: str  #: the held-back date
    until: str  #: the first day whose newcomers do not count
    model_as_of: str  #: of the model that ranked


def backtest(system: str, as_of: str, data: ProfileData, first_day: str, trainer: Trainer) -> Backtest | str:
    """AUPR and AUROC of a system over brands of all sizes, or the reason why there are none.

    The clock is held back by the usual horizon, or by a third of a log that is too short for it.

    Args:
        system: which profiler.
        as_of: date of the data.
        data: all known before it.
        first_day: of purchases.
        trainer: gives models and data of the held-back date.
    """
    from models.profiling.brands import FirstPurchases

    days = (as_day(as_of) - as_day(first_day)).days
    horizon = min(HORIZON_DAYS, days // 3)
    if horizon < LEAST_HORIZON:
        return (
            f"the log has {days} days before {as_of}, a third of which is less than the {LEAST_HORIZON} days "
            "in which newcomers are counted"
        )
    since = (as_day(as_of) - timedelta(days=horizon)).isoformat()
    try:
        ranking = HeldBack.at(system, since, data, FirstPurchases.of(data.purchases, len(data)), trainer)
        figures = ranking.figures()
    except (LookupError, ValueError, FileNotFoundError) as error:
        return f"nothing can be held back to {since}: {error}"
    if figures is None:
        return (
            f"no brand had enough newcomers: none of those that had any in the {horizon} days before {since} "
            f"had one between {since} and {as_of}"
        )
    return Backtest(figures, since, as_of, ranking.model.partition)


@dataclass(frozen=True)
class HeldBack:
    """A ranking at the held-back date, and the first purchases of the days since."""

    scorer: Scorer
    model: StateRecord  #: of the model that ranks
    then: ProfileData  #: known at the held-back date
    data: ProfileData  #: known at the as-of date
    first: FirstPurchases  #: of the users of `data`
    start: int  #: local day of the held-back date
    end: int  #: local day of the as-of date

    @classmethod
    def at(
        cls, system: str, since: str, data: ProfileData, first: FirstPurchases, trainer: Trainer
    ) -> HeldBack:
        """The newest model of a system that the date `since` may use (trained where there is none).

        `first` are the first purchases of `data`, which is known at the as-of date. Raises LookupError,
        ValueError or FileNotFoundError where the log does not reach back so far.
        """
        model = trainer.at(system, since)
        then = trainer.source.read(since, model.fitted_at)
        return cls(
            scorer=model.profiler.ready(then),
            model=model.record,
            then=then,
            data=data,
            first=first,
            start=day_number(since),
            end=data.as_of_day,
        )

    @property
    def horizon(self) -> int:
        """Days from the held-back date to the as-of date."""
        return self.end - self.start

    @cached_property
    def known(self) -> np.ndarray:
        """Who had done something before the held-back date, bool [U] of `then`.

        A row of demographics or a label alone makes nobody known: undated ones count from the beginning,
        whenever the account was opened.
        """
        return self.then.known_before(self.start)

    def task(self, brand: int) -> BrandTask:
        """A brand's customers at the held-back date, who was at risk, and who became a customer since."""
        import numpy as np

        from models.profiling.backtest import BrandTask

        day = self.first.day[brand]
        customers = self._positions(day < self.start)
        at_risk = self.known.copy()
        at_risk[customers] = False
        newcomers = np.zeros(len(self.then), dtype=bool)
        newcomers[self._positions((day >= self.start) & (day < self.end))] = True
        return BrandTask(customers, newcomers & at_risk, at_risk)

    def curve(self, task: BrandTask, support: int | None = None) -> LiftCurve | None:
        """Of one brand, `support` of its customers given to the ranking; None where it shows nothing."""
        from models.profiling.lift import held_back

        return held_back(self.scorer, task.customers, task.newcomers, task.at_risk, support)

    def pooled(self, customers: int, without: int | None = None) -> PooledLift | None:
        """The pool of brands near to so many customers, as many given of each; None where nobody came to any.

        `without` is a brand that is left out: it speaks for itself.
        """
        from models.profiling.pooled_lift import MOST_BRANDS, PooledLift, like_brands

        like = like_brands(self.first, self.start, self.horizon, customers, MOST_BRANDS + 1)
        tried = [brand for brand in like.tolist() if brand != without][:MOST_BRANDS]
        curves = [curve for brand in tried if (curve := self.curve(self.task(brand), customers)) is not None]
        return PooledLift.of(curves, silent=len(tried) - len(curves)) if curves else None

    def figures(self) -> BacktestFigures | None:
        """AUPR and AUROC over brands of all sizes; None where none had customers and newcomers."""
        from models.profiling.backtest import backtest_figures
        from models.profiling.pooled_lift import brands_of_all_sizes

        brands = brands_of_all_sizes(self.first, self.start, self.horizon)
        return backtest_figures(self.scorer, map(self.task, brands.tolist()))

    def _positions(self, users: np.ndarray) -> np.ndarray:
        """Users (bool, of the later date) as positions of the earlier one; who was unknown is left out."""
        from models.profiling.data import MISSING

        positions = self.then.positions(self.data.user_ids[users])
        return positions[positions != MISSING]
