"""Small logs for the warehouse's tests: rows as the gate would hand them on, and their load records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from warehouse.landing.description import SourceDescription
from warehouse.landing.records import PartitionLoad, SourceFile
from warehouse.landing.service_time import HOUR_MS

DAY = "2026-05-01"
DESCRIPTION = SourceDescription(
    name="test",
    first_day=DAY,
    last_day="2026-05-09",
    user_fields=("age", "region"),
    item_fields=("topic",),
    context_fields=("ctx_device",),
    domains=("video", "shop"),
)
ZONE = DESCRIPTION.service_zone
START = ZONE.day_start_ms(DAY)
HOURS = ZONE.hours_between(START, START + 9 * 24 * HOUR_MS)
NO_QUARANTINE = pd.DataFrame(
    columns=["partition", "row", "rule", "rules", "column", "value", "remedy", "row_json"]
)


def exposures(hour: str, count: int, seed: int = 0, prefix: str = "e") -> pd.DataFrame:
    """Kept exposures of an hour; rows are not in order of time."""
    rng = np.random.default_rng([seed, HOURS.index(hour)])
    devices = np.array(["phone", "tablet", None], dtype=object)
    return pd.DataFrame(
        {
            "_partition": pd.Series([hour] * count, dtype="str"),
            "_row": np.arange(count),
            "exposure_id": pd.Series([f"{prefix}-{hour}-{i}" for i in range(count)], dtype="str"),
            "user_id": rng.integers(0, 20, count).astype(str),
            "item_id": rng.integers(100, 130, count).astype(str),
            "shown_at": ZONE.hour_start_ms(hour) + rng.integers(0, 50, count) * 1000,
            "clicked": rng.random(count) < 0.3,
            "dwell_seconds": np.where(rng.random(count) < 0.5, np.nan, rng.random(count) * 60),
            "ctx_device": pd.Series(devices[rng.integers(0, 3, count)], dtype="str"),
        }
    )


def external_clicks(hour: str, count: int, seed: int = 0) -> pd.DataFrame:
    """Kept external clicks received in an hour."""
    rng = np.random.default_rng([seed, HOURS.index(hour), 1])
    received = ZONE.hour_start_ms(hour) + rng.integers(0, 50, count) * 1000
    return pd.DataFrame(
        {
            "_partition": pd.Series([hour] * count, dtype="str"),
            "_row": np.arange(count),
            "user_id": rng.integers(0, 25, count).astype(str),
            "item_id": rng.integers(120, 150, count).astype(str),
            "domain": pd.Series(
                np.array(["video", "shop"], dtype=object)[rng.integers(0, 2, count)], dtype="str"
            ),
            "occurred_at": received - rng.integers(0, 10**7, count),
            "received_at": received,
        }
    )


def quarantined(hour: str, rows: Sequence[int], rule: str = "dwell_range") -> pd.DataFrame:
    """Quarantined rows of an hour at these positions."""
    return pd.DataFrame(
        {
            "partition": hour,
            "row": list(rows),
            "rule": rule,
            "rules": f"{rule},user_known",
            "column": "dwell_seconds",
            "value": "-1",
            "remedy": "mend it",
            "row_json": [f'{{"exposure_id":"bad-{row}"}}' for row in rows],
            "file": f"exposures/{hour}.parquet",
        }
    )


def record(hour: str, rows_in: int, content: str = "a") -> PartitionLoad:
    """The load record of an hour."""
    file = SourceFile(f"exposures/{hour}.parquet", 10 * rows_in, content)
    return PartitionLoad(
        hour, ZONE.hour_start_ms(hour), (file,), rows_in, statistics={"rows": rows_in, "rate": np.nan}
    )
