"""The result of a profile evaluation: what its JSON holds, and what page, pictures and MLflow read."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, ValidationInfo, field_validator

from assets.experiments.comparison.parts import FailedSystem, ResultPart
from assets.experiments.profilers.figured import Difference, Ends, Figured
from assets.experiments.profilers.rows import ProfileRow
from assets.experiments.profilers.settings import ProfileEvalSettings


class Means(Figured):
    """Means over targets and folds, seeds and draws averaged first."""

    targets: int
    labels: float | None
    customers: float | None
    base_rate: float | None
    without_newcomers: int  #: rows that have no figure
    aupr: float | None
    aupr_interval: Ends
    aupr_by_fold: tuple[float | None, ...]
    aupr_fold_spread: float | None
    auroc: float | None
    auroc_interval: Ends
    auroc_by_fold: tuple[float | None, ...]
    auroc_fold_spread: float | None
    within_quintiles: float | None
    within_quintiles_interval: Ends
    within_quintiles_by_fold: tuple[float | None, ...]
    within_quintiles_fold_spread: float | None
    top_lift: float | None = None
    top_lift_interval: Ends = None
    top_lift_by_fold: tuple[float | None, ...] = ()
    top_lift_fold_spread: float | None = None


class GainsOverNormal(ResultPart):
    """Over normal training on the same labels; unset without it."""

    wins_aupr: int | None = None
    growth_aupr: float | None = None
    growth_aupr_interval: Ends = None
    p_aupr: float | None = None
    wins_auroc: int | None = None
    growth_auroc: float | None = None
    growth_auroc_interval: Ends = None
    p_auroc: float | None = None
    of_targets: int | None = None
    p: float | None = None  #: the larger of both
    #: whether normal training itself is better than chance; without that no growth is quoted
    over_chance: bool | None = None


class SupportPoint(Means):
    """The table of brands at a support size."""

    shots: int | None  #: customers given; None: all


class LabelPoint(Means, GainsOverNormal):
    """A label budget."""

    fraction: float | None = None  #: of the train users; unset for one shot


class RatioPoint(Means, GainsOverNormal):
    """A class imbalance."""

    ratio: float  #: customers to others
    aupr_moving: float | None = None  #: 2-period moving average


class WayAccuracy(Figured):
    """Accuracy among nine ways (`models.profiling.nine_ways`), and over that of normal training."""

    accuracy: float | None = None
    difference_accuracy: float | None = None
    growth_accuracy: float | None = None
    #: whether normal training's accuracy is better than chance; without that no growth is quoted
    accuracy_over_chance: bool | None = None


class TargetFigures(WayAccuracy):
    """A target of the 9-way 1-shot study."""

    target: str
    draws: int
    base_rate: float | None
    aupr: float | None
    aupr_draws_interval: Ends
    difference_aupr: float | None = None
    growth_aupr: float | None = None
    auroc: float | None
    auroc_draws_interval: Ends
    accuracy_draws_interval: Ends = None
    difference_auroc: float | None = None
    growth_auroc: float | None = None
    over_chance: bool | None = None  #: as in `GainsOverNormal`, over folds

    def ends(self, figure: str) -> Ends:
        """The 95 % interval of a figure, over support draws."""
        ends: Ends = getattr(self, f"{figure}_draws_interval")
        return ends


class NineWay(Means, GainsOverNormal, WayAccuracy):
    """Table 3: over all targets, and by target."""

    accuracy_interval: Ends = None
    difference_accuracy_interval: Ends = None

    by_target: tuple[TargetFigures, ...]


class ProfilerSummary(Figured):
    """A system; its headline is the table of brands with all customers, else the labels study at 100 %."""

    system: str
    aupr: float | None = None
    auroc: float | None = None
    within_quintiles: float | None = None
    top_lift: float | None = None
    aupr_interval: Ends = None
    auroc_interval: Ends = None
    within_quintiles_interval: Ends = None
    top_lift_interval: Ends = None
    base_rate: float | None = None
    of: str | None = None  #: what the headline is of; None without one
    brands: tuple[SupportPoint, ...] = ()
    against: tuple[Difference, ...] = ()
    budgets: dict[str, LabelPoint] = {}
    masking: tuple[LabelPoint, ...] = ()
    imbalance: tuple[RatioPoint, ...] = ()
    ood: NineWay | None = None
    ood_as_printed: NineWay | None = None  #: nine ways scored against each other

    def at(self, shots: int | None) -> SupportPoint | None:
        """The table of brands at a support size; None where the system was not asked."""
        return next((point for point in self.brands if point.shots == shots), None)


class NineLabels(ResultPart):
    """The nine labels of the 9-way study: how often the customer bought more than a user who is none."""

    ahead_of_others: float  #: than one of the eight others, members of source ways
    ahead_of_anybody: float  #: than a train user who is no customer of the target


class EvaluationFacts(ResultPart):
    """Dates, targets and users as the protocol chose them."""

    as_of: str
    labels_until: str
    horizon_days: int
    targets: tuple[str, ...]
    users: int
    train_users: tuple[int, ...]  #: by fold
    test_users: tuple[int, ...]
    excluded_brands: int
    remarks: tuple[str, ...]
    chosen: str = ""  #: which brands are targets, and how large they are, as a sentence
    having: dict[str, int] = {}  #: what is known of users → how many of them it is known of
    nine_labels: NineLabels | None = None  #: of the 9-way study
    first: tuple[int, int] | None = None  #: least and most test users whose lift is told

    @property
    def top(self) -> str:
        """`first 300`, or `first 58–61` where brands and folds differ."""
        if self.first is None:
            return "first"
        least, most = self.first
        return f"first {least:,}" + (f"–{most:,}" if most > least else "")


class EvaluatedSettings(ProfileEvalSettings):
    """An evaluation's settings, and every setting of its systems."""

    model_config = ConfigDict(extra="ignore")

    of: dict[str, dict[str, str]] = {}  #: system → setting → value

    @field_validator("systems")
    @classmethod
    def _known(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:  # noqa: ARG003
        """What was evaluated stays readable after a system has another name."""
        return value


class ProfileResult(ResultPart):
    """The result of a profile evaluation."""

    source: str
    simulated: bool
    settings: EvaluatedSettings
    protocol: EvaluationFacts
    git: str
    data_hash: str
    rows: tuple[ProfileRow, ...]
    summary: tuple[ProfilerSummary, ...]
    failed: tuple[FailedSystem, ...] = ()  #: systems without figures; the others are compared without them

    def entry(self, system: str) -> ProfilerSummary:
        """A system's entry of the summary.

        Raises:
            KeyError: it has none.
        """
        return {entry.system: entry for entry in self.summary}[system]

    def document(self) -> dict[str, Any]:
        """What the JSON holds: all that was measured."""
        return self.model_dump(mode="json", exclude_unset=True, exclude={"rows": {"__all__": {"git"}}})
