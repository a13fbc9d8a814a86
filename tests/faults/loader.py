"""A process that loads hours of logs, to be killed at any point: read, stand-in gate, load.

The gate stands in for the real one, whose import alone takes longer than all ten loads; what is tested is
that the warehouse is whole whenever the process dies.
"""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pandas as pd

from warehouse.home import SourceHome
from warehouse.landing import reading
from warehouse.landing.description import SourceDescription
from warehouse.landing.service_time import HOUR_MS
from warehouse.store.warehouse import Warehouse

DESCRIPTION = SourceDescription(
    name="test",
    first_day="2026-05-01",
    last_day="2026-05-01",
    context_fields=("ctx_device",),
)
HOURS = DESCRIPTION.service_zone.hours_of_day("2026-05-01")[:3]


def write_version(root: Path, version: int, rows: int) -> SourceHome:
    """The landing folder of one version of the hours; versions differ in ids and number of rows."""
    home = SourceHome(root)
    rng = np.random.default_rng(version)
    for number, hour in enumerate(HOURS):
        count = rows + 1000 * version + 10 * number
        start = DESCRIPTION.service_zone.hour_start_ms(hour)
        frame = pd.DataFrame(
            {
                "exposure_id": [f"v{version}-{number}-{i}" for i in range(count)],
                "user_id": rng.integers(0, 500 * (version + 1), count),
                "item_id": rng.integers(0, 300 * (version + 1), count),
                "shown_at": start + rng.integers(0, HOUR_MS, count),
                "clicked": rng.random(count) < 0.3,
                "dwell_seconds": rng.normal(3, 1, count),
                "ctx_device": rng.integers(0, 4, count),
            }
        )
        folder = home.landing / f"version-{version}" / "exposures" / "date=2026-05-01" / f"hour={hour[11:13]}"
        folder.mkdir(parents=True)
        frame.to_parquet(folder / "a.parquet")
    return home


def load(root: Path, version: int, told: Connection | None = None) -> None:
    """Replace all hours by those of a version, saying when the load begins and when it is over."""
    home = SourceHome(root)
    landed = reading.read(home.landing / f"version-{version}", DESCRIPTION, "exposures")
    kept, quarantined = stand_in_gate(landed.frame)
    if told:
        told.send("begins")
    with Warehouse(home.warehouse) as warehouse:
        warehouse.load("exposures", landed.records(), kept, quarantined, description=DESCRIPTION)
    if told:
        told.send("over")


def stand_in_gate(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Quarantines negative dwell, nothing else."""
    bad = (frame["dwell_seconds"] < 0).to_numpy(bool)
    text = ["exposure_id", "user_id", "item_id", "ctx_device"]
    kept = frame[~bad].astype(dict.fromkeys(text, "str"))
    quarantined = frame.loc[bad, ["_partition", "_row", "_file"]].set_axis(
        ["partition", "row", "file"], axis=1
    )
    return kept, quarantined.assign(
        rule="dwell", rules="dwell", column="dwell_seconds", value="<0", row_json="{}"
    )
