"""The parts of a comparison's result, as its JSON holds them. Definitions of figures: docs/metrics.md."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from assets.experiments.comparison.averages import mean
from assets.experiments.comparison.settings import CompareSettings
from assets.experiments.record import Record
from models.metrics import PERIODS


class ResultPart(Record):
    """A part of the JSON. What earlier versions wrote besides is passed over."""

    model_config = ConfigDict(extra="ignore")


class HourScore(ResultPart):
    """One scored hour."""

    hour: int
    exposures: int | None  #: None in the form that the repository keeps
    auc: float | None  #: None where the hour has one class only
    auc_static: float | None = None  #: of the same daily model without any hourly step
    gate_short: float | None = None  #: mean weight of the short-term representation; None without a gate


class HourRow(HourScore):
    """An hour of a system's day."""

    system: str
    seed: int
    day: str


class PooledPeriods(ResultPart):
    """AUC of a day's three periods, the exposures of each pooled; older results have none."""

    pooled1: float | None = None
    pooled2: float | None = None
    pooled3: float | None = None
    gain1: float | None = None  #: less that of the same daily model without any hourly step
    gain2: float | None = None
    gain3: float | None = None


class WithinFigures(ResultPart):
    """The order within a user's hour and within the lists shown; older results have none of it."""

    gauc_hour: float | None = None
    gauc_request: float | None = None  #: these and the following: None without lists that have both classes
    request_auc: float | None = None
    request_mrr: float | None = None
    request_ndcg5: float | None = None
    request_ndcg10: float | None = None
    requests: float | None = None  #: lists of a day that are known; 0: no exposure has a request


class DayFigures(PooledPeriods, WithinFigures):
    """One system on one day with one seed, the day's exposures pooled."""

    system: str
    seed: int
    day: str
    auc: float | None
    auc_static: float | None = None
    auc_error: float | None = None  #: DeLong standard error of `auc`
    aupr: float | None = None
    log_loss: float | None
    gauc: float | None
    train_seconds: float = 0.0
    hours_seconds: float = 0.0
    git: str = ""


class DayScore(DayFigures):
    """A scored day with its hours, or why there are none: a row of a comparison under way."""

    hours: tuple[HourScore, ...]
    failed: str | None = None  #: the reason; such a day has no figures

    @classmethod
    def of_failure(cls, system: str, seed: int, day: str, error: Exception) -> DayScore:
        """The row of a system that could not be trained, or whose scores are no numbers."""
        key = {"system": system, "seed": seed, "day": day, "failed": f"{day}, seed {seed}: {error}"}
        return cls.model_validate(key | {"hours": (), **dict.fromkeys(("auc", "log_loss", "gauc"))})

    def period(self, name: str) -> float | None:
        """Mean of the hourly AUCs of a period; None where no hour of it has one."""
        return mean(hour.auc for hour in self.hours if hour.hour in PERIODS[name])


class PeriodFigures(PooledPeriods):
    """A day's three periods, pooled and as means of their hourly AUCs."""

    period1: float | None = None
    period2: float | None = None
    period3: float | None = None

    @property
    def periods(self) -> tuple[float | None, ...]:
        """The means, in their order."""
        return self.period1, self.period2, self.period3


class SystemFigures(PeriodFigures, WithinFigures):
    """A system's means over days and seeds."""

    system: str
    auc: float | None
    auc_static: float | None = None
    log_loss: float | None
    gauc: float | None
    auc_std: float | None = None  #: deviation over seeds
    auc_error: float | None = None
    gain_error: float | None = None  #: paired, over users
    aupr: float | None = None
    null_hours: int = 0  #: with one class only
    train_seconds: float = 0.0
    hours_seconds: float = 0.0
    ece: float | None = None  #: of all days and seeds pooled

    @property
    def gain(self) -> float | None:
        """What the hourly step adds to the AUC of the same model left alone."""
        return None if self.auc is None or self.auc_static is None else self.auc - self.auc_static


class FailedSystem(ResultPart):
    """A system that was left out of a comparison, and the first reason."""

    system: str
    reason: str


class SegmentFigures(ResultPart):
    """A system on the exposures of one segment."""

    system: str
    segment: str
    value: str
    exposures: int
    clicks: int
    auc: float | None
    auc_static: float | None
    null_days: int = 0  #: with one class only
    gain_error: float | None = None  #: standard error over users; older results have none

    @property
    def gain(self) -> float | None:
        """As of a system."""
        return None if self.auc is None or self.auc_static is None else self.auc - self.auc_static


class CalibrationBin(ResultPart):
    """Exposures of like predictions."""

    predicted: float
    clicked: float
    exposures: int


class Calibration(ResultPart):
    """A system's predictions against its clicks, lowest first."""

    system: str
    ece: float | None = None
    bins: tuple[CalibrationBin, ...]


class GateWeight(ResultPart):
    """Mean weight of the short-term representation over the exposures of an hour or of a kind of user."""

    system: str
    by: Literal["hour", "activity"]
    value: int | str
    exposures: int
    mean: float


class TruthHour(ResultPart):
    """AUC of the true click probability in an hour."""

    day: str
    hour: int
    auc: float | None


class Truth(PeriodFigures, WithinFigures):
    """The ceiling of a simulated log: figures of the probability that each click was drawn from."""

    rows: tuple[TruthHour, ...]
    auc: float | None
    aupr: float | None = None
    log_loss: float | None
    gauc: float | None


class Made(ResultPart):
    """When a result was made, and on what kind of machine."""

    date: str
    machine: str
    workers: int = 1


class ComparedSettings(CompareSettings):
    """A comparison's settings, and every setting of its systems."""

    model_config = ConfigDict(extra="ignore")

    of: dict[str, dict[str, str]] = {}  #: system, or the shared graph → setting → value
