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
    git: str = ""

    @property
    def case(self) -> tuple[object, ...]:
        """What identifies the case among those of all systems."""
        return (
            self.study, self.target, self.fold, self.seed, self.shots, self.fraction, self.ratio, self.draw
        )  # fmt: skip


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
