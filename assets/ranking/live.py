"""How the systems did live on a day: all hours pooled, on the exposures that every system scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from assets.ranking.reading import loaded_hours, read_hours
from assets.ranking.recording import record_day
from assets.ranking.states import States
from assets.resources import WarehouseResource
from warehouse.service_time import DAY_MS

if TYPE_CHECKING:
    from assets.tracking import Tracking
    from warehouse.service_time import ServiceZone
    from warehouse.store import Warehouse

Figures = dict[str, float | None]


def live_day(warehouse: Warehouse, zone: ServiceZone, day: str, systems: Sequence[str]) -> dict[str, Figures]:
    """Figures of each system over a day: auc, auc_se, log_loss, gauc, exposures. Empty if nothing was scored.

    Only exposures that *all* systems scored count, so that systems are compared on the same ones; an AUC is
    None where one class only occurs.
    """
    from models import evaluation

    start_ms = zone.day_start_ms(day)
    hours = read_hours(warehouse, zone, list(loaded_hours(warehouse, start_ms, start_ms + DAY_MS)))
    clicked, user, scores = [], [], []
    for key, hour in hours.items():
        found = np.column_stack([_scores(warehouse, system, key, hour.exposure_ids) for system in systems])
        scored = ~np.isnan(found).any(axis=1)
        scores.append(found[scored])
        clicked.append(hour.log.exposures.clicked[scored])
        user.append(hour.log.exposures.user[scored])
    if not sum(map(len, clicked)):
        return {}
    labels, users, pooled = np.concatenate(clicked), np.concatenate(user), np.concatenate(scores)
    return {
        system: {
            "auc": evaluation.auc(labels, column),
            "auc_se": evaluation.auc_standard_error(labels, column),
            "log_loss": evaluation.log_loss(labels, column),
            "gauc": evaluation.gauc(labels, column, users),
            "exposures": float(len(labels)),
        }
        for system, column in zip(systems, pooled.T, strict=True)
    }


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
    """Keep a day's figures: in `metrics` under the day's key, and on the day's MLflow runs as `day_auc` and
    so on.
    """
    from warehouse.results import Metric

    if not live:
        return
    with warehouse.open(read_only=False) as opened:
        opened.write_metrics(
            [
                Metric(name, system, day, value)
                for system, values in live.items()
                for name, value in values.items()
            ]
        )
    for system, values in live.items():
        base = states.served_base(system, day)
        record_day(tracking, base, day, metrics={f"day_{name}": value for name, value in values.items()})
