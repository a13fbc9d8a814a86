"""How an audience of its size is expected to do against a random one, and whether chance would do as well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from assets.profiling.audience.make import AudienceResult
    from models.profiling.lift import LiftCurve

ERRORS = 1.96  #: standard errors on each side of a figure, for 95 %
MARKED_FROM = 1.2  #: times; where the whole interval is above, a lift is marked as good

Told = Literal["better", "worse", "not told apart"]
LABELS: dict[Told, str] = {
    "better": "Told apart from chance",
    "worse": "Worse than chance",
    "not told apart": "Not told apart from chance",
}


@dataclass(frozen=True)
class LiftVerdict:
    """Of the future customers, how many the first `share` of a ranking holds, with a 95 % interval."""

    share: float  #: of the candidates, 0 to 1; what a random audience of the size holds, too
    reached: float  #: of the future customers, 0 to 1
    low: float
    high: float

    @classmethod
    def of(cls, curve: LiftCurve, share: float) -> LiftVerdict:
        """From a curve with its error; nothing can be told of an audience of all candidates."""
        if share >= 1:
            return cls(1.0, 1.0, 1.0, 1.0)
        reached, error = curve.at(share)
        # No ranking holds more future customers than there are.
        return cls(share, reached, max(reached - ERRORS * error, 0.0), min(reached + ERRORS * error, 1.0))

    @property
    def times(self) -> float:
        """As many future customers as in a random audience of the size."""
        return self.reached / self.share

    @property
    def least_times(self) -> float:
        """Lower end of the interval of `times`."""
        return self.low / self.share

    @property
    def most_times(self) -> float:
        """Upper end of the interval of `times`."""
        return self.high / self.share

    @property
    def told(self) -> Told:
        """Whether the interval leaves out what a random audience holds, and on which side."""
        if self.low > self.share:
            return "better"
        return "worse" if self.high < self.share else "not told apart"

    @property
    def marked(self) -> bool:
        """Whether the whole interval is better than chance by a margin: only then the page shows it green."""
        return self.least_times >= MARKED_FROM


def verdict(result: AudienceResult) -> LiftVerdict | None:
    """Of an audience; None where no lift can be told."""
    return None if result.lift is None else LiftVerdict.of(result.lift.curve, result.share)
