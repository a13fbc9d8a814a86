"""The ceiling of a simulated log: AUC of the probability that each click was drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from assets.experiments.comparison.averages import mean
from assets.experiments.comparison.parts import Truth, TruthHour, WithinFigures

if TYPE_CHECKING:
    from assets.experiments.source_logs import Logs


def truth(logs: Logs, days: Sequence[str]) -> Truth:
    """AUC of the true click probability by day and hour, and averaged as a system's is."""
    from models.metrics import PERIODS, POOLED, auc, auc_by_period, ranking_figures

    rows: list[TruthHour] = []
    pooled = []
    for day in days:
        columns = day_columns(logs, day)
        chance = probabilities(logs, day, columns["exposure_id"])
        clicked = columns["clicked"]
        rows += [
            TruthHour(day=day, hour=hour, auc=auc(clicked[at], chance[at]))
            for hour in range(24)
            for at in [columns["hour"] == hour]
        ]
        of_periods = auc_by_period(clicked, chance, columns["hour"])
        whole_day = ranking_figures(clicked, chance, columns["user"], columns["hour"], columns.get("request"))
        pooled.append(whole_day | of_periods)
    by_period = {name: mean(row.auc for row in rows if row.hour in hours) for name, hours in PERIODS.items()}
    whole = ("auc", "aupr", "log_loss", "gauc", *POOLED, *WithinFigures.model_fields)
    over_days = {name: mean(figures.get(name) for figures in pooled) for name in whole}
    return Truth(rows=tuple(rows), **by_period, **over_days)


def day_columns(logs: Logs, day: str) -> dict[str, np.ndarray]:
    """Exposures of a day as the warehouse has them: exposure_id, user, clicked, hour 0 … 23, each [E].

    `request` is among them where the warehouse has it.
    """
    from warehouse.landing.service_time import DAY_MS, HOUR_MS, ServiceZone
    from warehouse.store.warehouse import Warehouse

    start = ServiceZone(logs.zone).day_start_ms(day)
    with Warehouse(logs.warehouse, read_only=True) as warehouse:
        events = warehouse.events(start, start + DAY_MS, "mentioned")
    requests = {"request": events["exposures.request"]} if "exposures.request" in events else {}
    return requests | {
        "exposure_id": events["exposures.exposure_id"],
        "user": events["exposures.user"],
        "clicked": events["exposures.clicked"],
        "hour": (events["exposures.shown_at"] - start) // HOUR_MS,
    }


def probabilities(logs: Logs, day: str, exposure_ids: np.ndarray) -> np.ndarray:
    """True click probability of exposures of a day, float64 [E].

    Raises:
        FileNotFoundError: the simulator left no truth for the day.
        KeyError: an exposure is not in the truth.
    """
    import pandas as pd
    import pyarrow.parquet as pq

    folder = logs.landing / "truth" / f"date={day}"
    files = sorted(folder.rglob("*.parquet"))
    if not files:
        raise FileNotFoundError(f"{folder} has no Parquet file: simulate the day again")
    tables = [pq.ParquetFile(file).read().to_pandas() for file in files]
    known = pd.concat(tables, ignore_index=True)
    chance = pd.Series(known["probability"].to_numpy(), index=known["exposure_id"].astype(str))
    matched = chance.reindex(exposure_ids.astype(str)).to_numpy(dtype=np.float64)
    unknown = np.isnan(matched)
    if unknown.any():
        raise KeyError(
            f"{folder} does not know {unknown.sum()} exposures, such as {list(exposure_ids[unknown][:3])}"
        )
    return matched
