"""The figures of a day that was run, as commands print them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assets.common.resources import TrackingResource, WarehouseResource
from assets.ranking.hourly_auc import CURVES, auc_picture, day_curves
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
    #: system → auc, auc_se, auc_static, gain, gain_error, aupr, log_loss, gauc, exposures; by period
    #: pooled1 … and gain1 …
    pooled: dict[str, dict[str, float | None]]
    failed: dict[str, str]  #: system without figures → hour and reason
    plot: Path  #: AUC by hour, SVG


def report_day(session: Session, day: str) -> DayReport:
    """The figures of a day that was run: pooled ones are recorded, the plot goes to the reports folder."""
    deployment, root = session.deployment, str(session.home.root)
    states = States(deployment.paths(session.home).models)
    warehouse, tracking = WarehouseResource(root=root), TrackingResource(root=root).open()
    with warehouse.open() as opened:
        live = read_live_day(opened, deployment.service_zone, day, deployment.systems)
        curves = {name: day_curves(opened, name, day, list(live.scores)) for name in CURVES}
    pooled = live.figures()
    record_live(warehouse, tracking, states, day, pooled)
    plot = deployment.paths(session.home).reports / f"auc_by_hour_{day}.svg"
    plot.parent.mkdir(parents=True, exist_ok=True)
    simulated = " (simulated)" if tracking.simulated else ""
    plot.write_text(auc_picture(curves, f"AUC by hour, {day}, {deployment.source}{simulated}"))
    return DayReport(
        day=day,
        source=deployment.source,
        simulated=tracking.simulated,
        base_partitions={s: states.served_base(s, day).partition for s in live.scores},
        auc_by_hour=curves["auc"],
        pooled=pooled,
        failed=dict(live.failed),
        plot=plot,
    )
