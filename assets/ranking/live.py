"""How the systems did live on a day: all hours pooled, on the exposures that every system scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from assets.common.resources import WarehouseResource
from assets.ranking.figures import Figures, figures_of, metrics_of
from assets.ranking.reading import loaded_hours, read_hours
from assets.ranking.states import States
from assets.ranking.tracking import record_day, record_served
from warehouse.landing.service_time import DAY_MS

if TYPE_CHECKING:
    from assets.common.tracking import Tracking
    from warehouse.landing.service_time import ServiceZone
    from warehouse.store.warehouse import Warehouse


@dataclass(frozen=True)
class LiveDay:
    """A day's exposures that *all* systems scored, so that systems are compared on the same ones."""

    day: str
    clicked: np.ndarray  #: bool [E]
    user: np.ndarray  #: int64 [E]
    scores: dict[str, np.ndarray]  #: system → float64 [E]

    def figures(self) -> dict[str, Figures]:
        """The figures of each system; empty if nothing was scored."""
        if not len(self.clicked):
            return {}
        return {system: figures_of(self.clicked, self.user, scores) for system, scores in self.scores.items()}

    def lead(self, system: str, other: str) -> tuple[float, float] | None:
        """Difference of two systems' AUCs and its paired standard error (DeLong); None where undefined."""
        from models.metrics import auc_difference

        if not len(self.clicked):
            return None
        test = auc_difference(self.clicked, self.scores[system], self.scores[other])
        return test and test[:2]


def read_live_day(warehouse: Warehouse, zone: ServiceZone, day: str, systems: Sequence[str]) -> LiveDay:
    """The stored scores of a day, beside its labels."""
    start_ms = zone.day_start_ms(day)
    hours = read_hours(warehouse, zone, list(loaded_hours(warehouse, start_ms, start_ms + DAY_MS)))
    clicked, user, scores = [np.empty(0, bool)], [np.empty(0, np.int64)], [np.empty((0, len(systems)))]
    for key, hour in hours.items():
        by_system = np.column_stack(
            [_scores(warehouse, system, key, hour.exposure_ids) for system in systems]
        )
        scored = ~np.isnan(by_system).any(axis=1)
        scores.append(by_system[scored])
        clicked.append(hour.log.exposures.clicked[scored])
        user.append(hour.log.exposures.user[scored])
    columns = dict(zip(systems, np.concatenate(scores).T, strict=True))
    return LiveDay(day, np.concatenate(clicked), np.concatenate(user), columns)


def _scores(warehouse: Warehouse, system: str, hour: str, exposure_ids: np.ndarray) -> np.ndarray:
    """Stored scores float64 [E] in the order of `exposure_ids`, NaN where there is none."""
    frame = warehouse.read_predictions(system, hour)
    return frame.set_index("exposure_id")["score"].reindex(exposure_ids).to_numpy(dtype=np.float64)


def record_live(
    warehouse: WarehouseResource,
    tracking: Tracking,
    states: States,
    day: str,
    live: Mapping[str, Figures],
) -> None:
    """Store a day's figures: in `metrics` under the day's key, on the MLflow runs of the day and
    of the training that served it."""
    if not live:
        return
    with warehouse.open(read_only=False) as opened:
        opened.write_metrics(metrics_of(live, day))
    for system, values in live.items():
        base = states.served_base(system, day)
        record_day(tracking, base, day, metrics=values)
        record_served(tracking, base, day, values)
