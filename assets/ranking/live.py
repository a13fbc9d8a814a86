"""How the systems did live on a day: all hours pooled, on the exposures that every sound system scored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from assets.common.resources import WarehouseResource
from assets.ranking.figures import FAILED, Figures, figures_of, metrics_of, static_name
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
    """A day's exposures that all sound systems scored, so that systems are compared on the same ones."""

    day: str
    clicked: np.ndarray  #: bool [E]
    user: np.ndarray  #: int64 [E]
    hour: np.ndarray  #: int64 [E], of the day
    request: np.ndarray  #: int64 [E], number of the list; below 0 where unknown
    scores: Mapping[str, np.ndarray]  #: system → float64 [E]
    #: the same of each daily model left as it was trained; of systems for which every hour has them
    static: Mapping[str, np.ndarray] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)  #: systems without figures → hour and reason
    #: int64 [E, F], category codes of the items; no columns where they are not read
    item_fields: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.int64))

    def figures(self) -> dict[str, Figures]:
        """The figures of each system, and its gain over the static one; empty if nothing was scored.

        `gain` is AUC less `auc_static`, `gain_error` its paired standard error over users; `pooled1` to
        `pooled3` and `gain1` to `gain3` are those of each third of the day. Where requests are known, the
        figures within lists are there too.
        """
        if not len(self.clicked):
            return {}
        return {system: self._figures(system) for system in self.scores}

    def lead(self, system: str, other: str) -> tuple[float, float] | None:
        """Difference of two systems' AUCs and its paired error over users; None where undefined."""
        if not len(self.clicked) or not {system, other} <= set(self.scores):
            return None
        return self._difference(self.scores[system], self.scores[other])

    def _figures(self, system: str) -> Figures:
        from models.metrics import auc, auc_by_period

        scores, static = self.scores[system], self.static.get(system)
        figures = figures_of(self.clicked, self.user, scores, self.request, self.hour)
        figures |= auc_by_period(self.clicked, scores, self.hour, static)
        if static is not None:
            still = figures["auc_static"] = auc(self.clicked, static)
            test = self._difference(scores, static)
            area = figures["auc"]
            figures["gain"] = None if area is None or still is None else area - still
            figures["gain_error"] = test and test[1]
        return figures

    def _difference(self, one: np.ndarray, other: np.ndarray) -> tuple[float, float] | None:
        from models.metrics import clustered_difference

        test = clustered_difference(self.clicked, one, other, self.user)
        return test and test[:2]


def read_live_day(warehouse: Warehouse, zone: ServiceZone, day: str, systems: Sequence[str]) -> LiveDay:
    """The stored scores of a day, beside its labels; systems that failed in an hour are left out."""
    start_ms = zone.day_start_ms(day)
    hours = read_hours(warehouse, zone, list(loaded_hours(warehouse, start_ms, start_ms + DAY_MS)))
    failed = _failures(warehouse, day, hours, systems)
    sound = [system for system in systems if system not in failed]
    names = [*sound, *map(static_name, sound)]
    clicked = [np.empty(0, bool)]
    user, of_day, request = ([np.empty(0, np.int64)] for _ in range(3))
    scores = [np.empty((0, len(names)))]
    fields: list[np.ndarray] = []
    for key, hour in hours.items() if sound else ():
        by_name = np.column_stack([_scores(warehouse, name, key, hour.exposure_ids) for name in names])
        scored = ~np.isnan(by_name[:, : len(sound)]).any(axis=1)
        scores.append(by_name[scored])
        clicked.append(hour.log.exposures.clicked[scored])
        user.append(hour.log.exposures.user[scored])
        request.append(hour.log.exposures.request[scored])
        items = hour.log.items
        fields.append(items.fields[np.searchsorted(items.index, hour.log.exposures.item[scored])])
        of_day.append(np.full(int(scored.sum()), int(key[11:13])))
    columns = dict(zip(names, np.concatenate(scores).T, strict=True))
    static = {system: columns[static_name(system)] for system in sound}
    return LiveDay(
        day,
        np.concatenate(clicked),
        np.concatenate(user),
        np.concatenate(of_day),
        np.concatenate(request),
        scores={system: columns[system] for system in sound},
        # Hours that an earlier version scored have none.
        static={system: values for system, values in static.items() if np.isfinite(values).all()},
        failed=failed,
        item_fields=np.concatenate(fields) if fields else np.empty((0, 0), np.int64),
    )


def _failures(warehouse: Warehouse, day: str, hours: Iterable[str], systems: Sequence[str]) -> dict[str, str]:
    """System → the first hour of these in which it failed, and why."""
    within = set(hours)
    failed: dict[str, str] = {}
    for row in warehouse.read_metrics(FAILED, day=day).itertuples():
        if row.value and row.partition in within and row.system in systems:
            failed.setdefault(row.system, f"{row.partition}: {row.extra['reason']}")
    return failed


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
