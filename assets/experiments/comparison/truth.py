"""The ceiling of a simulated log: AUC of the probability that each click was drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from assets.experiments.comparison.summary import PERIODS, mean

if TYPE_CHECKING:
    from assets.experiments.source_logs import Logs


def truth(logs: Logs, days: Sequence[str]) -> dict[str, Any]:
    """AUC of the true click probability by day and hour, and averaged as a system's is.

    Returns:
        `rows` (day, hour, auc), and `period1`, `period2`, `period3`, `auc`, `log_loss`, `gauc`.
    """
    from models.metrics import auc, gauc, log_loss

    rows: list[dict[str, Any]] = []
    pooled: list[dict[str, float | None]] = []
    for day in days:
        columns = day_columns(logs, day)
        chance = probabilities(logs, day, columns["exposure_id"])
        clicked = columns["clicked"]
        rows += [
            {"day": day, "hour": hour, "auc": auc(clicked[at], chance[at])}
            for hour in range(24)
            for at in [columns["hour"] == hour]
        ]
        pooled.append(
            {
                "auc": auc(clicked, chance),
                "log_loss": log_loss(clicked, chance),
                "gauc": gauc(clicked, chance, columns["user"]),
            }
        )
    by_period = {
        name: mean(row["auc"] for row in rows if row["hour"] in hours) for name, hours in PERIODS.items()
    }
    return {"rows": rows, **by_period, **{name: mean(day[name] for day in pooled) for name in pooled[0]}}


def day_columns(logs: Logs, day: str) -> dict[str, np.ndarray]:
    """Exposures of a day as they were kept: exposure_id, user, clicked, and hour 0 … 23, each [E]."""
    from warehouse.landing.service_time import DAY_MS, HOUR_MS, ServiceZone
    from warehouse.store.warehouse import Warehouse

    start = ServiceZone(logs.zone).day_start_ms(day)
    with Warehouse(logs.warehouse, read_only=True) as warehouse:
        found = warehouse.events(start, start + DAY_MS, "mentioned")
    return {
        "exposure_id": found["exposures.exposure_id"],
        "user": found["exposures.user"],
        "clicked": found["exposures.clicked"],
        "hour": (found["exposures.shown_at"] - start) // HOUR_MS,
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
    found = chance.reindex(exposure_ids.astype(str)).to_numpy(dtype=np.float64)
    if np.isnan(found).any():
        missing = exposure_ids[np.isnan(found)][:3]
        raise KeyError(f"{folder} does not know {np.isnan(found).sum()} exposures, such as {list(missing)}")
    return found
