"""What a ranker does on a day, looked at from inside: gate, hourly step, new items.

A day is lived through twice, by the daily model as it is and by its hourly adapted copy. Hours come in order
and are scored before their labels are used, as in production. What one inner step does is in
`models.ranking.lsttm.inner_curve`; the command is `python -m benchmarks.lsttm_diagnosis`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from torch import Tensor

from models.metrics import auc, auc_difference
from models.ranking.features.count_columns import SHOWN
from models.ranking.features.event_log import EventLog
from models.ranking.lsttm.gate_probe import gate_columns
from models.ranking.lsttm.model import dense_group
from models.ranking.ranker import Ranker
from models.ranking.training.learner import Learner
from models.ranking.training.rates import GROUPS

AGE_EDGES = (0, 1, 4, 24)  #: hours since an item's first exposure; before 0: never shown
ACTIVITY_EDGES = (1, 4, 16)  #: a user's exposures before the hour


@dataclass(frozen=True)
class Walk:
    """Columns over the day's exposures, and one record for each hour and parameter group that moved."""

    columns: dict[str, np.ndarray]
    moved: list[dict[str, float | str]]

    def gains(self, by: str, edges: Sequence[int] = ()) -> list[dict[str, float | str | None]]:
        """AUC of the still and the adapted model, and their difference, by a column (cut at `edges`)."""
        c = self.columns
        out: list[dict[str, float | str | None]] = []
        for name, part in _parts(c[by], edges):
            labels = c["clicked"][part]
            test = auc_difference(labels, c["adapted"][part], c["still"][part])
            out.append(
                {
                    by: name,
                    "exposures": int(part.sum()),
                    "still": auc(labels, c["still"][part]),
                    "adapted": auc(labels, c["adapted"][part]),
                    "gain": None if test is None else test[0],
                    "error": None if test is None else test[1],
                }
            )
        return out

    def gate(self, by: str, edges: Sequence[int] = ()) -> list[dict[str, float | str | None]]:
        """The short term's share, its spread, and how hard the loss pulls at it, by a column."""
        c = self.columns
        if "gate_short" not in c:
            return []
        return [
            {
                by: name,
                "exposures": int(part.sum()),
                "mean": float(c["gate_short"][part].mean()),
                "spread": float(c["gate_short"][part].std()),
                "pull": float(np.abs(c["gate_pull"][part]).mean()),
                "net_pull": float(c["gate_pull"][part].mean()),
            }
            for name, part in _parts(c[by], edges)
        ]

    def fixed_gates(self) -> dict[str, float | None]:
        """Day AUC of the daily model, its gate as it is and held at fixed shares of the short term."""
        c = self.columns
        own = {"own": auc(c["clicked"], c["still"])}
        names = [name for name in c if name.startswith("share_")]
        return own | {name: auc(c["clicked"], c[name]) for name in names}


def walk(still: Ranker, adapted: Ranker, hours: Sequence[EventLog]) -> Walk:
    """Live through a day.

    Args:
        still, adapted: two rankers of one daily model, at the day's start; the second one adapts.
        hours: the day's hours, in order.
    """
    parts: list[dict[str, np.ndarray]] = []
    moved: list[dict[str, float | str]] = []
    for number, hour in enumerate(hours):
        e = hour.exposures
        columns = {
            "hour": np.full(len(e), number),
            "age": _item_age(still, hour),
            "activity": _activity(still, hour),
            "clicked": np.asarray(e.clicked, bool),
            "adapted": adapted.score(hour),
            "still": still.score(hour),
        }
        parts.append(columns | gate_columns(still, hour))
        before = _weights(adapted.learner)
        adapted.adapt(hour)
        moved += [{"hour": number} | record for record in _movement(before, adapted.learner)]
        still.receive(hour)
    names = parts[0].keys()
    return Walk({name: np.concatenate([part[name] for part in parts]) for name in names}, moved)


def _weights(learner: Learner) -> tuple[Tensor, dict[str, Tensor]]:
    return learner.table.merged().clone(), {
        n: p.detach().clone() for n, p in learner.module.named_parameters()
    }


def _movement(before: tuple[Tensor, dict[str, Tensor]], learner: Learner) -> list[dict[str, float | str]]:
    """Rows that moved since, or share of the norm that moved, by parameter group."""
    old, new = before[0], learner.table.merged()
    shift = (new[: len(old)] - old).norm(dim=1)
    moved = (shift > 0).nonzero().squeeze(1)
    groups = learner.row_groups(moved)
    out: list[dict[str, float | str]] = []
    for number, group in enumerate(GROUPS[:3]):
        rows = moved[groups == number]
        out.append(
            {
                "group": group,
                "rows": len(rows),
                "step": float(shift[rows].norm()) if len(rows) else 0.0,
                "of": float(old[rows].norm()) if len(rows) else 0.0,
            }
        )
    squares: dict[str, list[float]] = {}
    for name, value in learner.module.named_parameters():
        step, norm = float((value.detach() - before[1][name]).norm()), float(before[1][name].norm())
        total = squares.setdefault(dense_group(name), [0.0, 0.0])
        total[0], total[1] = total[0] + step**2, total[1] + norm**2
    out += [{"group": g, "rows": 0, "step": a**0.5, "of": b**0.5} for g, (a, b) in squares.items()]
    return out


def _item_age(ranker: Ranker, hour: EventLog) -> np.ndarray:
    counts, e = ranker.features.counts, hour.exposures
    periods = counts.period(e.shown_at)
    first, _ = counts.dense["item"].met(e.item, periods)
    return np.where(first < 0, -1, periods - first)


def _activity(ranker: Ranker, hour: EventLog) -> np.ndarray:
    counts, e = ranker.features.counts, hour.exposures
    return counts.dense["user"].query(e.user, counts.period(e.shown_at), (None,))[0][:, SHOWN]


def _parts(column: np.ndarray, edges: Sequence[int]) -> Iterator[tuple[str, np.ndarray]]:
    """Each value of a column, or each range between edges, with a mask of where it is."""
    if not edges:
        yield from ((str(int(value)), column == value) for value in np.unique(column))
        return
    part = np.searchsorted(edges, column, side="right")
    names = [
        f"< {edges[0]}",
        *(f"{a} – {b - 1}" for a, b in pairwise(edges)),
        f"≥ {edges[-1]}",
    ]
    yield from ((name, part == n) for n, name in enumerate(names) if (part == n).any())
