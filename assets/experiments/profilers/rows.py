"""One scored case as a row of the JSON."""

from __future__ import annotations

from assets.experiments.profilers.cases import Case
from assets.experiments.record import Record


class ProfileRow(Record):
    """One system on one case: what it was given, and what came of it."""

    study: str
    target: str  #: name of the brand
    system: str
    fold: int
    seed: int
    shots: int | None = None  #: K of the table of brands (None there: all), 1 for one shot and ood
    fraction: float | None = None  #: share of the train users whose labels are given
    ratio: float | None = None  #: customers to others
    draw: int | None = None
    labels: int  #: users whose relation to the brand is given; in the table of brands customers only
    customers: int  #: of them
    aupr: float | None
    auroc: float | None
    within_quintiles: float | None
    base_rate: float | None
    test_users: int
    newcomers: int
    #: the same case as printed, nine ways against each other; unset where it was not asked
    ways_aupr: float | None = None
    ways_auroc: float | None = None
    ways_within_quintiles: float | None = None
    git: str = ""

    @property
    def case(self) -> tuple[object, ...]:
        """What identifies the case among those of all systems."""
        return (
            self.study, self.target, self.fold, self.seed, self.shots, self.fraction, self.ratio, self.draw
        )  # fmt: skip

    @property
    def as_printed(self) -> ProfileRow | None:
        """The row with the figures of nine ways scored against each other; None where that was not asked."""
        if self.ways_auroc is None:
            return None
        printed = {name: getattr(self, f"ways_{name}") for name in ("aupr", "auroc", "within_quintiles")}
        return self.model_copy(update=printed)


def case_key(case: Case, target: str) -> tuple[object, ...]:
    """The same of a case that is not scored yet."""
    return (case.study, target, case.fold, case.seed, case.shots, case.fraction, case.ratio, case.draw)
