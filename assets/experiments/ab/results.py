"""The result of an A/B test: what its JSON holds, and what pictures, pages and MLflow read from it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict

from assets.experiments.ab.settings import ABSettings
from assets.experiments.comparison.parts import Made, ResultPart
from models.metrics.ab import SampleRatio

Metric = Literal["ctr", "acn", "hcr", "dt"]


class ArmFigures(ResultPart):
    """What the users of an arm did; a figure is None where nobody was shown anything."""

    arm: str
    users: int
    exposures: int
    clicks: int
    ctr: float | None
    acn: float | None
    hcr: float | None
    dt: float | None

    def value(self, metric: str) -> float | None:
        """One of the four figures."""
        figure: float | None = getattr(self, metric)
        return figure


class ArmDay(ArmFigures):
    """The same on one day."""

    day: str


class ArmHour(ResultPart):
    """An hour of an arm."""

    day: str
    hour: int
    arm: str
    exposures: int
    clicks: int
    ctr: float | None


class ArmLift(ResultPart):
    """A metric of an arm against that of the base; see `models.metrics.ab.Lift`."""

    arm: str
    base: str
    metric: Metric
    arm_value: float | None
    base_value: float | None
    lift: float | None
    low: float | None
    high: float | None
    p_value: float | None


class Resplits(ResultPart):
    """The test tested: how often random halves of one arm's users differ with p < .05."""

    arm: str
    splits: int
    share_below_05: dict[str, float | None]


class AATest(ResultPart):
    """The base on the users of every arm: no effect may be found. And the arms against it on equal users."""

    arms: tuple[str, ...]
    srm: SampleRatio
    days: tuple[ArmDay, ...]
    pooled: tuple[ArmFigures, ...]
    metrics: tuple[ArmLift, ...]
    paired: tuple[ArmLift, ...]


class TestedWorld(ResultPart):
    """The simulated world of a test."""

    settings_hash: str
    users: int


class TestedSettings(ABSettings):
    """A test's settings, and every setting of its systems."""

    model_config = ConfigDict(extra="ignore")

    of: dict[str, dict[str, str]] = {}  #: system, or the shared graph → setting → value


class ABResult(ResultPart):
    """The result of an A/B test; all its users are simulated."""

    simulated: bool
    source: str
    world: TestedWorld
    git: str
    made: Made | None = None
    seconds: dict[str, float]  #: by arm and its users
    arms: tuple[str, ...]  #: the base first
    base: str
    valid: bool  #: whether the users are split as they should be
    srm: SampleRatio
    days: tuple[ArmDay, ...]
    pooled: tuple[ArmFigures, ...]  #: all days together
    metrics: tuple[ArmLift, ...]
    hours: tuple[ArmHour, ...] = ()
    resplits: Resplits
    aa: AATest | None = None
    bounds: tuple[ArmFigures, ...] = ()  #: rules that learn nothing, on all users
    failed: dict[str, str] = {}  #: arm that could not be played to the end → day and reason
    settings: TestedSettings

    def document(self) -> dict[str, Any]:
        """What the JSON holds: all that was measured, or read from an earlier file."""
        document = self.model_dump(mode="json", exclude_unset=True)
        document["settings"]["test_days"] = list(self.settings.test_days)
        return document

    @property
    def paired(self) -> tuple[ArmLift, ...]:
        """Each arm against the base on the same users, in two worlds: the headline; empty without A/A run."""
        return () if self.aa is None else self.aa.paired

    def lift(self, metric: str, arm: str | None = None, *, paired: bool = False) -> ArmLift:
        """The lift of an arm over the base; of the first arm, if none is named.

        Args:
            paired: on the same users, which needs an A/A run, instead of on the base's own users.

        Raises:
            LookupError: the test has no such arm or metric, or no A/A run.
        """
        arm = arm or self.arms[1]
        for entry in self.paired if paired else self.metrics:
            if (entry.metric, entry.arm) == (metric, arm):
                return entry
        raise LookupError(f"the test has no {'paired ' * paired}{metric} of {arm}")
