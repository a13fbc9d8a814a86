"""A source as the profiler sees it: loaded if it was not, and read as it was known before an as-of date."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from assets.common.faults import NoPurchases
from assets.profiling.audience.requests import as_day
from assets.profiling.profilers import Trainer
from assets.profiling.states import ProfileStates
from models.progress import Progress
from warehouse.home import Home, same_accounts

if TYPE_CHECKING:
    from assets.common.tracking import Tracking
    from models.profiling.data import ProfileData
    from warehouse.home import SourceHome
    from warehouse.landing.description import SourceDescription

MOST_KEPT = 2  #: readings held in memory: the as-of date's and the held-back one's


@dataclass(frozen=True)
class ProfileSource:
    """One source with its folders."""

    name: str
    home: SourceHome
    description: SourceDescription
    clicks: bool = False  #: whether what users click is read as well (`one_account` of the deployment)
    _kept: dict[tuple[str, str], ProfileData] = field(default_factory=dict, compare=False, repr=False)
    _fitted: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def opened(
        cls, home: Home, name: str, data: Path | None = None, *, progress: Progress | None = None
    ) -> ProfileSource:
        """The source; one that was never loaded under this home is filled, gated and loaded first.

        Raises:
            ValueError: an unknown source, or one that needs `data` without it.
            BatchRejected: a batch rule stopped a partition while loading.
        """
        from assets.logs.sources import open_source
        from warehouse.landing.contract import PROFILING_TABLES

        source = open_source(name, home, data, progress=progress)
        if not source.home.warehouse.exists():
            source.load(PROFILING_TABLES, progress)
        return cls(name, source.home, source.description, same_accounts(home, name))

    def read(self, as_of: str, fitted_at: str | None = None) -> ProfileData:
        """All that was known before an as-of date; the last readings are kept.

        Args:
            as_of: date, itself not included.
            fitted_at: when the channels of the heatmaps were fixed; default: the newest ones in use by then.

        Raises:
            NoPurchases: no purchases are loaded, or none before the date, or the date lies after them.
        """
        from assets.profiling.reading import profile_data

        if fitted_at is None:
            fitted_at = self._fitted.get(as_of)
        if fitted_at is None or (as_of, fitted_at) not in self._kept:
            self._check(as_of)
            while len(self._kept) >= MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
            data = profile_data(self.home, self.description, as_of, fitted_at=fitted_at, clicks=self.clicks)
            if fitted_at is None:
                fitted_at = self._fitted[as_of] = channels_fitted_at(self.home.heatmaps, as_of)
            self._kept[as_of, fitted_at] = data
        return self._kept[as_of, fitted_at]

    def fitted_at(self, as_of: str) -> str:
        """When the channels were fixed that `read` of the date has by default."""
        if as_of not in self._fitted:
            self.read(as_of)
        return self._fitted[as_of]

    def _check(self, as_of: str) -> None:
        first, last = self.days()
        latest = (as_day(last) + timedelta(days=1)).isoformat()
        if not first < as_of <= latest:
            raise NoPurchases(
                f"{self.name} has purchases of {first} to {last}: nothing can be said as of {as_of}; "
                f"choose an as-of date after {first} and not after {latest}, or ingest the missing days"
            )

    def days(self) -> tuple[str, str]:
        """The first and the last day of purchases that are loaded. Raises NoPurchases where none are."""
        from warehouse.store.warehouse import Warehouse

        with Warehouse(self.home.warehouse, read_only=True) as warehouse:
            loaded = warehouse.loaded("purchases")
        days = sorted(loaded.loc[loaded["kept"] > 0, "partition"])
        if not days:
            raise NoPurchases(
                f"{self.home.warehouse} holds no purchases: put purchases/date=YYYY-MM-DD/ files into the "
                "landing folder and ingest them (docs/bring-your-own-logs.md)"
            )
        return days[0], days[-1]

    def days_without_purchases(self, first: str, end: str) -> tuple[str, ...]:
        """Days from `first` to before `end` of which no purchases are loaded."""
        from warehouse.store.warehouse import Warehouse

        with Warehouse(self.home.warehouse, read_only=True) as warehouse:
            loaded = warehouse.loaded("purchases")
        days = set(loaded.loc[loaded["kept"] > 0, "partition"])
        dates = (as_day(first) + timedelta(days=n) for n in range((as_day(end) - as_day(first)).days))
        return tuple(date for day in dates if (date := day.isoformat()) not in days)

    def trainer(
        self,
        size: str = "real",
        seed: int = 0,
        device: str = "cpu",
        progress: Progress | None = None,
        tracking: Tracking | None = None,
    ) -> Trainer:
        """Finds and trains profilers on this source; trainings are recorded where `tracking` is given."""
        from assets.profiling.tracking import record_model

        states = ProfileStates(self.home.models)
        listener = None if tracking is None else partial(record_model, tracking, states)
        return Trainer(states, self, size, seed, device, progress, listener)


def channels_fitted_at(heatmaps: Path, as_of: str) -> str:
    """When the channels of the stored heatmaps of a date were fixed."""
    from warehouse.heatmaps.manifest import Manifest, vocabularies

    used = Manifest.load(heatmaps, as_of).vocabulary
    return next(vocabulary.fitted_at for vocabulary in vocabularies(heatmaps) if vocabulary.digest == used)
