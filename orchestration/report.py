"""The figures of a day that was run, as commands print them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assets.common import plots
from assets.common.resources import TrackingResource, WarehouseResource
from assets.ranking.hourly_auc import day_curves
from assets.ranking.live import read_live_day, record_live
from assets.ranking.states import States
from orchestration.session import Session


@dataclass(frozen=True)
class DayReport:
    """A day's figures: by hour, and all hours pooled."""

    day: str
    source: str
    simulated: bool
    base_partitions: dict[str, str]  #: system → day of the base model that it was served from
    auc_by_hour: dict[str, dict[int, float | None]]  #: system → hour of day → AUC; None: one class only
    pooled: dict[str, dict[str, float | None]]  #: system → auc, auc_se, log_loss, gauc, exposures
    plot: Path  #: AUC by hour, PNG


def report_day(session: Session, day: str) -> DayReport:
    """The figures of a day that was run: pooled ones are recorded, the plot goes to the reports folder."""
    deployment, root = session.deployment, str(session.home.root)
    states = States(deployment.paths(session.home).models)
    warehouse, tracking = WarehouseResource(root=root), TrackingResource(root=root).open()
    with warehouse.open() as opened:
        pooled = read_live_day(opened, deployment.service_zone, day, deployment.systems).figures()
        curves = day_curves(opened, "auc", day, deployment.systems)
    record_live(warehouse, tracking, states, day, pooled)
    plot = deployment.paths(session.home).reports / f"auc_by_hour_{day}.png"
    plot.parent.mkdir(parents=True, exist_ok=True)
    simulated = " (simulated)" if tracking.simulated else ""
    plot.write_bytes(plots.by_hour(curves, f"AUC by hour, {day}, {deployment.source}{simulated}", "AUC"))
    return DayReport(
        day=day,
        source=deployment.source,
        simulated=tracking.simulated,
        base_partitions={s: states.served_base(s, day).partition for s in deployment.systems},
        auc_by_hour=curves,
        pooled=pooled,
        plot=plot,
    )
