"""Whether a day's labels agree with the model that served the day and had not seen them.

A model trained on wrong clicks looks good on the same wrong clicks, so the day's own new model cannot judge
them. The daily model of the evening before can: its unadapted scores of the day are stored already, so that
this look costs no training and no scoring.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from assets.ranking.live import LiveDay
    from warehouse.store.warehouse import Warehouse

MARGIN = 0.05  #: AUC below that of the days before that is borne, beside two standard errors
ERRORS = 2.0  #: standard errors of the day as a whole
PART_ERRORS = 4.0  #: of one of its many parts
BAND = 2.5  #: clicks over expected clicks, or the inverse, that is still calibrated
LEAST_EXPECTED = 30.0  #: expected clicks, and expected skips, below which a part is not judged
DAYS_BEFORE = 7
REMEDY = (
    "look at the clicks of the day where they were made; land its files again corrected, or, if they "
    "are right, promote by hand (hourfold models promote)"
)


@dataclass(frozen=True)
class LabelVerdict:
    """What is wrong with a day's labels, and how much of the day could be judged."""

    faults: tuple[str, ...]
    judged: int  #: exposures with scores of a model that had not seen the day; 0: nothing was judged

    @property
    def withheld(self) -> tuple[str, ...]:
        """What each new model of the day is withheld for; empty where nothing is wrong."""
        return (self.reason,) if self.faults else ()

    @property
    def reason(self) -> str:
        """The faults with the remedy; of a day without faults, what was judged."""
        if self.faults:
            return f"labels: {'; '.join(self.faults)}: {REMEDY}"
        if not self.judged:
            return "labels not judged: no model from before the day has scored it"
        return f"labels agree with the model before them on {self.judged} exposures"


def judge_labels(live: LiveDay, system: str | None, usual: float | None) -> LabelVerdict:
    """Hold a day's clicks against the unadapted scores of `system`, the champion's.

    Args:
        live: the day.
        system: whose scores; None, or one without unadapted scores: nothing but zero clicks can be told.
        usual: its unadapted AUC on the days before; None where no day is known.
    """
    clicked = live.clicked
    if len(clicked) and clicked.all() | ~clicked.any():
        text = f"{live.day}: {int(clicked.sum())} of {len(clicked)} exposures clicked"
        return LabelVerdict((text,), len(clicked))
    scores = live.static.get(system or "")
    if scores is None or not len(clicked):
        return LabelVerdict((), 0)
    faults = []
    for name, rows in _parts(live):
        faults += _faults(
            f"{live.day}{name}",
            clicked[rows],
            scores[rows],
            live.user[rows],
            PART_ERRORS if name else ERRORS,
            None if name else usual,
        )
    return LabelVerdict(tuple(faults), len(clicked))


def usual_auc(warehouse: Warehouse, system: str | None, day: str) -> float | None:
    """Median unadapted AUC of a system on its last days before `day`; None where none is stored."""
    if system is None:
        return None
    stored = warehouse.read_metrics("auc_static", system=system)
    days = stored[(stored["partition"].str.len() == len(day)) & (stored["partition"] < day)]
    values = days.sort_values("partition")["value"].dropna().tail(DAYS_BEFORE)
    return float(values.median()) if len(values) else None


def _parts(live: LiveDay) -> Iterator[tuple[str, np.ndarray]]:
    """The whole day, each of its hours, and the items of each value of each of their fields."""
    yield "", np.ones(len(live.clicked), bool)
    for hour in np.unique(live.hour):
        yield f", hour {hour:02d}", live.hour == hour
    for field in range(live.item_fields.shape[1]):
        codes = live.item_fields[:, field]
        for code in np.unique(codes[codes >= 0]):
            yield f", items of category {code} in field {field}", codes == code


def _faults(
    name: str,
    clicked: np.ndarray,
    scores: np.ndarray,
    user: np.ndarray,
    errors: float,
    usual: float | None,
) -> list[str]:
    """What is wrong with one part of a day."""
    from models.metrics import clustered_difference

    clicks, expected = int(clicked.sum()), float(scores.sum())
    if min(expected, len(scores) - expected) < LEAST_EXPECTED:
        return []
    faults = []
    if not expected / BAND <= clicks <= expected * BAND:
        faults.append(f"{name}: {clicks} of {len(clicked)} exposures clicked, {expected:.0f} expected")
    test = clustered_difference(clicked, scores, np.zeros(len(scores)), user)
    if test is not None:
        area, error = 0.5 + test[0], errors * test[1]
        if area + error < 0.5:
            faults.append(f"{name}: AUC {area:.3f} of the model before, below chance")
        elif usual is not None and area + error < usual - MARGIN:
            faults.append(f"{name}: AUC {area:.3f} of the model before, usually {usual:.3f}")
    return faults
