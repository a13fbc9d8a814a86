"""The parts of a comparison's result that set systems against each other. Definitions: docs/metrics.md."""

from __future__ import annotations

from typing import Literal

from assets.experiments.comparison.parts import ResultPart


class PairDifference(ResultPart):
    """Mean over (day, seed) of the difference of two systems' day AUCs."""

    first: str
    second: str
    difference: float
    standard_error: float | None
    pairs: int


class DayTest(ResultPart):
    """DeLong's test of two systems on one day with one seed."""

    first: str
    second: str
    day: str
    seed: int
    difference: float
    standard_error: float
    p_value: float


class PairTest(ResultPart):
    """The test of `first` less `second` on the mean over days and seeds; users are independent."""

    figure: str = "auc"
    first: str
    second: str
    difference: float
    error: float | None = None  #: standard error over users
    low: float | None = None  #: 95 % interval: of AUC a bootstrap over users, of other figures 1.96 errors
    high: float | None = None
    p: float | None = None  #: two-sided, over users
    p_holm: float | None = None  #: the same, corrected over all pairs of the figure
    p_delong: float | None = None  #: of AUC: plain DeLong's, which takes exposures for independent
    #: whether error and p come from the width of the interval: results that have no more than that
    of_interval: bool = False

    def turned(self) -> PairTest:
        """The same test of `second` less `first`."""
        return self.model_copy(
            update={
                "first": self.second,
                "second": self.first,
                "difference": -self.difference,
                "low": None if self.high is None else -self.high,
                "high": None if self.low is None else -self.low,
            }
        )


class PairLevel(ResultPart):
    """A system's AUC over one kind of pairs of a click and a skip, means over days and seeds."""

    system: str
    level: Literal["list", "hour", "user", "others"]  #: of one list, one user's hour, one user, two users
    share: float  #: of all pairs
    auc: float | None
    lift: float  #: share × (AUC − .5): those of all levels add up to the pooled AUC less .5
