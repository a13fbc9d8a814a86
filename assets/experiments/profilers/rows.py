"""One scored case as a row of the JSON, and tables of many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

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
    top_lift: float | None = None
    first: int | None = None  #: test users whose lift that is
    base_rate: float | None
    test_users: int
    newcomers: int
    #: the same case as printed, nine ways against each other; unset where it was not asked
    ways_aupr: float | None = None
    ways_auroc: float | None = None
    ways_within_quintiles: float | None = None
    ways_accuracy: float | None = None
    git: str = ""
    failed: str | None = None  #: why the system has no figures; such a row is no case

    @classmethod
    def of_failure(cls, system: str, case: Case, target: str, error: Exception) -> ProfileRow:
        """The row that stands for a system that could not be trained or scored."""
        return cls(
            study=case.study, target=target, system=system, fold=case.fold, seed=case.seed, labels=0,
            customers=0, aupr=None, auroc=None, within_quintiles=None, base_rate=None, test_users=0,
            newcomers=0,
            failed=f"{target}, fold {case.fold}, seed {case.seed}: {error}",
        )  # fmt: skip

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
        return self.model_copy(update=printed | {"top_lift": None})


def case_key(case: Case, target: str) -> tuple[object, ...]:
    """The same of a case that is not scored yet."""
    return (case.study, target, case.fold, case.seed, case.shots, case.fraction, case.ratio, case.draw)


def rows_with(rows: Sequence[ProfileRow], **values: Any) -> list[ProfileRow]:
    """Rows with these values; of the labels study, one shot and fractions never mix."""
    return [row for row in rows if all(getattr(row, name) == value for name, value in values.items())]


def axes_of(rows: Sequence[ProfileRow]) -> tuple[list[str], list[int]]:
    """Targets in order of appearance, and folds."""
    return list(dict.fromkeys(row.target for row in rows)), sorted({row.fold for row in rows})


def table(
    rows: Sequence[ProfileRow], figure: str, axes: tuple[list[str], list[int]] | None = None
) -> np.ndarray:
    """Figure by target and fold, float64 [T, F], averaged over seeds and draws; NaN where there is none."""
    targets, folds = axes or axes_of(rows)
    row_of, column_of = ({name: index for index, name in enumerate(axis)} for axis in (targets, folds))
    total, count = np.zeros((len(targets), len(folds))), np.zeros((len(targets), len(folds)))
    for row in rows:
        value = getattr(row, figure)
        if value is not None:
            cell = row_of[row.target], column_of[row.fold]
            total[cell] += value
            count[cell] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
