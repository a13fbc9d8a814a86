"""Whether a day's labels agree with the model that served the day and had not seen them.

A model trained on wrong clicks looks good on the same wrong clicks, so the day's own new model cannot judge
them. The daily model of the evening before can: its unadapted scores of the day are stored already, so that
this look costs no training and no scoring.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from assets.ranking.live import LiveDay
    from warehouse.store.warehouse import Warehouse

MARGIN = 0.05  #: AUC below that of the days before that is borne, beside two standard errors
ERRORS = 2.0  #: standard errors by which a day must be below that
SURE_ERRORS = 4.0  #: by which clicks must be off, or an order below chance: a day has many parts
BAND = 2.5  #: clicks over those that the days before let expect, or the inverse, that is still borne
PART_BAND = 5.0  #: the same of a part, over what the model lets expect of it: news may be liked by surprise
LEAST_EXPECTED = 30.0  #: clicks, and skips, below which no order and no part is judged
DAYS_BEFORE = 7
REMEDY = (
    "look at the clicks of the day where they were made; land its files again corrected, or, if they "
    "are right, promote by hand (hourfold models promote)"
)


@dataclass(frozen=True)
class UsualDay:
    """The last days before a day, at most `DAYS_BEFORE`; None where nothing is known of them."""

    auc: float | None = None  #: median of the champion's system, unadapted
    click_rate: float | None = None  #: of all exposures


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


def judge_labels(live: LiveDay, system: str | None, usual: UsualDay) -> LabelVerdict:
    """Hold a day's clicks against the unadapted scores of `system`, the champion's.

    Args:
        live: the day.
        system: whose scores; None, or one without unadapted scores: nothing but zero clicks can be told.
        usual: the days before.
    """
    clicked = live.clicked
    if len(clicked) and clicked.all() | ~clicked.any():
        text = f"{live.day}: {int(clicked.sum())} of {len(clicked)} exposures clicked"
        return LabelVerdict((text,), len(clicked))
    scores = live.static.get(system or "")
    if scores is None or not len(clicked):
        return LabelVerdict((), 0)
    faults = []
    if usual.click_rate is not None:
        faults += _clicks(live.day, clicked, usual.click_rate * len(clicked), BAND)
    faults += _order(live.day, clicked, scores, live.user, usual.auc)
    # A model's level may be off as a whole, which says nothing of the clicks: parts are held against the day.
    expected = scores * (clicked.sum() / scores.sum())
    for name, rows in _parts(live, expected):
        part = (f"{live.day}{name}", clicked[rows])
        faults += _clicks(*part, float(expected[rows].sum()), PART_BAND)
        faults += _order(*part, scores[rows], live.user[rows], None)
    return LabelVerdict(tuple(faults), len(clicked))


def usual_day(warehouse: Warehouse, system: str | None, day: str) -> UsualDay:
    """The last days before `day`: the system's AUC, as stored, and the click rate of what is loaded."""
    first = (date.fromisoformat(day) - timedelta(DAYS_BEFORE)).isoformat()
    stored = warehouse.read_metrics("auc_static", system=system or "")
    days = stored[(stored["partition"].str.len() == len(day)) & (stored["partition"] < day)]
    values = days.sort_values("partition")["value"].dropna().tail(DAYS_BEFORE)
    (rate,) = warehouse.connection.execute(
        "SELECT avg(clicked::INT) FROM exposures WHERE partition >= ? AND partition < ?", [first, day]
    ).fetchone() or (None,)
    return UsualDay(float(values.median()) if len(values) else None, rate)


def _parts(live: LiveDay, expected: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Rows of each hour, and of the items of each value of each of their fields, that are enough to judge.

    Args:
        live: the day.
        expected: of each exposure, how likely it was clicked.
    """
    columns = [(live.hour, ", hour {:02d}")]
    for field, codes in enumerate(live.item_fields.T):
        columns.append((codes, f", items of category {{}} in field {field}"))
    for codes, name in columns:
        order = np.argsort(codes, kind="stable")
        values, first = np.unique(codes[order], return_index=True)
        clicks = np.add.reduceat(expected[order], first) if len(first) else np.empty(0)
        rows = np.diff(np.append(first, len(order)))
        enough = (values >= 0) & (np.minimum(clicks, rows - clicks) >= LEAST_EXPECTED)
        for part in np.flatnonzero(enough):
            yield name.format(values[part]), order[first[part] : first[part] + rows[part]]


def _clicks(name: str, clicked: np.ndarray, expected: float, band: float) -> list[str]:
    """Whether there are far more or fewer clicks than expected: by the band, and beyond chance."""
    clicks = int(clicked.sum())
    beyond_chance = abs(clicks - expected) > SURE_ERRORS * np.sqrt(max(expected, 1.0))
    if expected / band <= clicks <= expected * band or not beyond_chance:
        return []
    return [f"{name}: {clicks} of {len(clicked)} exposures clicked, {expected:.0f} expected"]


def _order(
    name: str, clicked: np.ndarray, scores: np.ndarray, user: np.ndarray, usual: float | None
) -> list[str]:
    """Whether the model from before orders the clicks worse than chance, or far worse than usual."""
    from models.metrics import clustered_difference

    test = clustered_difference(clicked, scores, np.zeros(len(scores)), user)
    if test is None or min(clicked.sum(), (~clicked).sum()) < LEAST_EXPECTED:
        return []
    area, error = 0.5 + test[0], test[1]
    if area + SURE_ERRORS * error < 0.5:
        return [f"{name}: AUC {area:.3f} of the model before, below chance"]
    if usual is not None and area + ERRORS * error < usual - MARGIN:
        return [f"{name}: AUC {area:.3f} of the model before, usually {usual:.3f}"]
    return []
