"""KuaiRand-Pure (Gao et al., CIKM '22, https://kuairand.com, CC BY-SA 4.0): the official files as a landing
folder.

Tab 1, the target recommendation, becomes exposures; clicks in the other tabs are external clicks of the same
accounts, domain `tab_<n>`. The log has no key of a request, and exposures get no `request_id`: of 171,674
moments of an account in tab 1 (25 April to 8 May) 1,328 have two exposures or three, the others one. Days
and hours are those of +08:00. What is known only after an exposure (likes, play and stay times) is never a
field; play time is the exposure's dwell.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from warehouse.landing.contract import PartitionKind
from warehouse.landing.description import SourceDescription
from warehouse.landing.filling import clear, write_file, write_partitions
from warehouse.landing.service_time import HOUR_MS, ServiceZone
from warehouse.sources.kuairand_fields import ITEM_FIELDS, USER_FIELDS, item_rows, user_rows

NAME = "kuairand"
LOG = "log_standard_4_22_to_5_08_pure"
USERS = "user_features_pure"
VIDEOS = "video_features_basic_pure"
HISTORY = "long_views_before_*"
HISTORY_DOMAIN = "long_view_history"
WHERE = "download KuaiRand-Pure from https://kuairand.com and keep its file names"

HOUR = PartitionKind.HOUR
_EXTENSIONS = (".parquet", ".csv", ".csv.gz")
_LOG_COLUMNS = ("user_id", "video_id", "time_ms", "is_click", "play_time_ms", "tab")


class KuaiRandSettings(BaseModel):
    """How the logs are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zone: str = "Etc/GMT-8"  #: in which days and hours are cut
    target_tab: int = 1  #: the scenario that is ranked; clicks in the others are external
    external_delay_hours: float | None = Field(
        default=None,
        ge=0,
        description="hours from an external click to its receipt; None: received at the next midnight. "
        "The log carries no receive time, and a nightly delivery is the cautious reading",
    )


def fill(landing: Path, data: Path, settings: KuaiRandSettings | None = None) -> SourceDescription:
    """Write the official files of the folder `data` as a landing folder, with its `source.json`.

    Each file may be Parquet, CSV or gzipped CSV; the long views before a date are optional. External clicks
    of the last day are received, and land, on the day after `last_day`. What an earlier call wrote is
    replaced. Raises FileNotFoundError naming a missing file and where to get it, ValueError naming a missing
    column, FileExistsError where the folder holds another source.
    """
    settings = settings or KuaiRandSettings()
    zone = ServiceZone(settings.zone)
    paths = {name: official_file(data, name) for name in (LOG, USERS, VIDEOS)}
    log = _read(paths[LOG], _LOG_COLUMNS).drop_duplicates(ignore_index=True)
    log = log.sort_values(["time_ms", "user_id", "video_id"], kind="stable", ignore_index=True)
    target = log["tab"] == settings.target_tab
    exposures = _exposures(log[target].reset_index(drop=True))
    clicks = log[~target & (log["is_click"] == 1)].reset_index(drop=True)
    external = [*_history(data, zone), _external(clicks, settings, zone)]
    external_clicks = pd.concat(external, ignore_index=True)
    clear(landing, NAME)
    write_file(landing / "users" / "users.parquet", user_rows(_read(paths[USERS], ("user_id",))))
    write_file(landing / "items" / "items.parquet", item_rows(_read(paths[VIDEOS], ("video_id",)), zone))
    write_partitions(landing / "exposures", exposures, exposures["shown_at"], zone, HOUR)
    received = external_clicks["received_at"]
    write_partitions(landing / "external_clicks", external_clicks, received, zone, HOUR)
    first = min(int(exposures["shown_at"].min()), int(received.min()))
    description = SourceDescription(
        name=NAME,
        zone=settings.zone,
        first_day=zone.day_key(first),
        last_day=zone.day_key(int(exposures["shown_at"].max())),
        closed=True,
        user_fields=tuple(USER_FIELDS),
        item_fields=tuple(ITEM_FIELDS),
        domains=tuple(sorted(external_clicks["domain"].unique())),
    )
    description.save(landing)
    return description


def describe(landing: Path) -> SourceDescription:
    """The description stored by `fill`."""
    return SourceDescription.load(landing)


def official_file(data: Path, name: str) -> Path:
    """The file of the official base name in `data` or its folder `data/`, as the official archive has it."""
    for path in (
        folder / (name + extension) for folder in (data, data / "data") for extension in _EXTENSIONS
    ):
        if path.exists():
            return path
    raise FileNotFoundError(f"{data / name}{{{','.join(_EXTENSIONS)}}} is missing: {WHERE}")


def _read(path: Path, required: tuple[str, ...]) -> pd.DataFrame:
    frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    missing = [name for name in required if name not in frame]
    if missing:
        raise ValueError(f"{path}: column {missing[0]!r} is missing; {WHERE}")
    return frame


def _exposures(log: pd.DataFrame) -> pd.DataFrame:
    """Exposures of the target tab. A video shown twice to a user in one millisecond gets a second number."""
    key = ["user_id", "time_ms", "video_id"]
    again = log.groupby(key).cumcount()
    names = log["user_id"].astype(str) + "-" + log["time_ms"].astype(str) + "-" + log["video_id"].astype(str)
    return pd.DataFrame(
        {
            "exposure_id": names.where(again == 0, names + "-" + again.astype(str)),
            "user_id": log["user_id"],
            "item_id": log["video_id"],
            "shown_at": log["time_ms"],
            "clicked": log["is_click"] == 1,
            "dwell_seconds": log["play_time_ms"] / 1000,
        }
    )


def _external(clicks: pd.DataFrame, settings: KuaiRandSettings, zone: ServiceZone) -> pd.DataFrame:
    occurred = clicks["time_ms"].to_numpy()
    if settings.external_delay_hours is None:
        received = zone.midnight_after(occurred)
    else:
        received = occurred + round(settings.external_delay_hours * HOUR_MS)
    return pd.DataFrame(
        {
            "user_id": clicks["user_id"],
            "item_id": clicks["video_id"],
            "domain": "tab_" + clicks["tab"].astype(str),
            "occurred_at": occurred,
            "received_at": received,
        }
    )


def _history(data: Path, zone: ServiceZone) -> list[pd.DataFrame]:
    """Long views before the date in a file's name, where there is one: received a millisecond before it."""
    frames = []
    for path in sorted([*data.glob(HISTORY), *data.glob(f"data/{HISTORY}")]):
        date = re.search(r"\d{4}-\d{2}-\d{2}", path.name)
        if date is None or not path.name.endswith(_EXTENSIONS):
            continue
        known_at = zone.day_start_ms(date[0]) - 1
        views = pd.read_parquet(path) if path.suffix == ".parquet" else _views_of_text(pd.read_csv(path))
        sizes = views["video_ids"].map(len).to_numpy()
        frames.append(
            pd.DataFrame(
                {
                    "user_id": np.repeat(views["user_id"].to_numpy(), sizes),
                    "item_id": np.concatenate([np.empty(0, np.int64), *views["video_ids"]]),
                    "domain": HISTORY_DOMAIN,
                    "occurred_at": known_at,
                    "received_at": known_at,
                }
            )
        )
    return frames


def _views_of_text(views: pd.DataFrame) -> pd.DataFrame:
    numbers = views["video_ids"].str.findall(r"\d+").map(lambda texts: np.array(texts, dtype=np.int64))
    return views.assign(video_ids=numbers)
