"""A small landing folder for the tests of ingest and replay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from warehouse.home import Deployment, Home, SourceHome
from warehouse.landing import layout
from warehouse.landing.description import SourceDescription
from warehouse.landing.service_time import HOUR_MS

DESCRIPTION = SourceDescription(
    name="test",
    first_day="2026-05-01",
    last_day="2026-05-02",
    user_fields=("age",),
    item_fields=("topic",),
    context_fields=("ctx_device",),
    domains=("video",),
)
ZONE = DESCRIPTION.service_zone
HOURS = ZONE.hours_of_day("2026-05-01")
NOW = ZONE.day_start_ms("2026-06-01")
USERS, ITEMS, COUNT = 20, 15, 60
EARLY, CLICKS = "2026-04-30", 12  #: a day before the feed; external clicks of an hour


def exposures(hour: str, count: int = COUNT) -> pd.DataFrame:
    """Sound exposures of an hour; of ids that the dimension files know."""
    rng = np.random.default_rng(HOURS.index(hour))
    return pd.DataFrame(
        {
            "exposure_id": [f"{hour}/{i}" for i in range(count)],
            "user_id": rng.integers(0, USERS, count),
            "item_id": [f"i{i}" for i in rng.integers(0, ITEMS, count)],
            "shown_at": ZONE.hour_start_ms(hour) + np.sort(rng.integers(0, HOUR_MS, count)),
            "clicked": rng.random(count) < 0.4,
            "dwell_seconds": rng.random(count) * 30,
            "ctx_device": np.array(["phone", "tablet"])[rng.integers(0, 2, count)],
        }
    )


def put(landing: Path, table: str, hour: str, frame: pd.DataFrame, name: str = "a.parquet") -> None:
    """Write an hour's file."""
    day, clock = layout.split_hour(hour)
    folder = landing / table / f"date={day}" / f"hour={clock}"
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(folder / name)


def make(root: Path, hours: int = 2, bad: dict[int, dict[str, object]] | None = None) -> SourceHome:
    """A source home whose landing folder has users, items and some hours; `bad`: row → values, in hour 0."""
    home = SourceHome(root)
    DESCRIPTION.save(home.landing)
    for table, frame in (
        ("users", pd.DataFrame({"user_id": range(USERS), "age": [f"{10 * (i % 5)}s" for i in range(USERS)]})),
        ("items", pd.DataFrame({"item_id": [f"i{i}" for i in range(ITEMS)], "topic": ["a", "b", "c"] * 5})),
    ):
        (home.landing / table).mkdir()
        frame.to_csv(home.landing / table / "all.csv", index=False)
    for hour in HOURS[:hours]:
        frame = exposures(hour)
        if hour == HOURS[0]:
            for row, values in (bad or {}).items():
                for column, value in values.items():
                    frame[column] = frame[column].astype(object) if isinstance(value, str) else frame[column]
                    frame.loc[row, column] = value
        put(home.landing, "exposures", hour, frame)
    return home


def external_clicks(hour: str) -> pd.DataFrame:
    """Sound external clicks of an hour, received at its end."""
    rng = np.random.default_rng(int(hour[11:13]))
    start = ZONE.hour_start_ms(hour)
    return pd.DataFrame(
        {
            "user_id": rng.integers(0, USERS, CLICKS),
            "item_id": [f"i{i}" for i in rng.integers(0, ITEMS, CLICKS)],
            "domain": "video",
            "occurred_at": start + np.sort(rng.integers(0, HOUR_MS, CLICKS)),
            "received_at": start + HOUR_MS - 1,
        }
    )


def with_history(root: Path, hours: list[str]) -> Home:
    """A deployment whose external clicks begin on the day before its exposures, with files of `hours`."""
    home = Home(root)
    deployment = Deployment(
        source="test", first_day=DESCRIPTION.first_day, external_first_day=EARLY, size="tiny"
    )
    paths = deployment.paths(home)
    make(paths.root)
    for hour in (*hours, HOURS[0]):
        put(paths.landing, "external_clicks", hour, external_clicks(hour))
    DESCRIPTION.model_copy(update={"external_first_day": EARLY}).save(paths.landing)
    deployment.save(home)
    return home
