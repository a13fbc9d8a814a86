"""A small live log and a clock moved by hand: files land, schedules and sensors tick, their runs run."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import dagster as dg
import numpy as np
import pandas as pd
from dagster._core.test_utils import freeze_time

from assets.common.resources import HomeResource, WarehouseResource
from orchestration.build import build
from orchestration.settings import prepare_home
from warehouse.home import Deployment, Home
from warehouse.landing.description import SourceDescription
from warehouse.landing.service_time import HOUR_MS, ServiceZone

ZONE = ServiceZone("UTC")
DAYS = ("2026-03-02", "2026-03-03")
START_MS = ZONE.day_start_ms(DAYS[0])
SYSTEMS = ("item_rate", "deepfm")
USERS, ITEMS, ROWS = 30, 25, 40

WITHOUT_PRINTS = """
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def hour_key(number: int) -> str:
    """The key of an hour counted from the first one."""
    return ZONE.hour_key(START_MS + number * HOUR_MS)


def exposures(hour: str, version: str = "") -> pd.DataFrame:
    """Rows of an hour; another version is another content, and `early` lies in the hour before."""
    random = np.random.default_rng(zlib.crc32(f"{hour} {version}".encode()))
    user, item = random.integers(0, USERS, ROWS), random.integers(0, ITEMS, ROWS)
    shown_at = ZONE.hour_start_ms(hour) + np.sort(random.integers(0, HOUR_MS, ROWS))
    return pd.DataFrame(
        {
            "exposure_id": [f"{hour}{version}#{row}" for row in range(ROWS)],
            "user_id": [f"u{number}" for number in user],
            "item_id": [f"i{number}" for number in item],
            "shown_at": pd.to_datetime(shown_at - HOUR_MS * (version == "early"), unit="ms", utc=True),
            "clicked": random.random(ROWS) < 0.15 + 0.5 * ((user + item) % 3 == 0),
        }
    )


def external_clicks(hour: str) -> pd.DataFrame:
    """Clicks elsewhere, received within the hour."""
    random = np.random.default_rng(zlib.crc32(f"{hour} elsewhere".encode()))
    received_at = ZONE.hour_start_ms(hour) + np.sort(random.integers(0, HOUR_MS, ROWS // 2))
    return pd.DataFrame(
        {
            "user_id": [f"u{number}" for number in random.integers(0, USERS, ROWS // 2)],
            "item_id": [f"i{number}" for number in random.integers(0, ITEMS, ROWS // 2)],
            "domain": "search",
            "occurred_at": pd.to_datetime(received_at - 1000, unit="ms", utc=True),
            "received_at": pd.to_datetime(received_at, unit="ms", utc=True),
        }
    )


def land(landing: Path, table: str, hour: str, version: str = "", name: str = "part-0.parquet") -> None:
    """Let an hour's file come; of the version `cut` only half of it."""
    folder = landing / table / f"date={hour[:10]}" / f"hour={hour[11:13]}"
    folder.mkdir(parents=True, exist_ok=True)
    rows = external_clicks(hour) if table == "external_clicks" else exposures(hour, version)
    rows.to_parquet(folder / name, index=False)
    if version == "cut":
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])


def describe(landing: Path) -> None:
    """`source.json`, users and items, which are there before the first hour."""
    landing.mkdir(parents=True)
    description = SourceDescription(name="live", first_day=DAYS[0], last_day=DAYS[0], user_fields=("city",))
    description.save(landing)
    published_at = pd.Timestamp(DAYS[0], tz="UTC") - pd.Timedelta(days=1)
    described = {
        "users": pd.DataFrame({"user_id": [f"u{n}" for n in range(USERS)], "city": "x"}),
        "items": pd.DataFrame({"item_id": [f"i{n}" for n in range(ITEMS)], "published_at": published_at}),
    }
    for table, rows in described.items():
        (landing / table).mkdir()
        rows.to_csv(landing / table / f"{table}.csv", index=False)


def stored(warehouse: WarehouseResource) -> dict[str, pd.DataFrame]:
    """What a home holds of day two: what was loaded, scores and figures, in a fixed order."""
    with warehouse.open() as opened:
        opened.check_invariant()
        loaded = [
            opened.loaded(t)[["partition", "data_hash", "kept"]] for t in ("exposures", "external_clicks")
        ]
        predictions = opened.read_predictions().sort_values(["system", "exposure_id"], ignore_index=True)
        metrics = opened.read_metrics().sort_values(["name", "system", "partition"], ignore_index=True)
    hourly = metrics[metrics["partition"].str.len() > len(DAYS[0])].reset_index(drop=True)
    return {"exposures": loaded[0], "clicks": loaded[1], "scores": predictions, "figures": hourly}


def deployment(landing: Path) -> Deployment:
    """Two systems of the smallest size, served live."""
    return Deployment(
        source="landing", first_day=DAYS[0], systems=SYSTEMS, size="tiny", landing=str(landing), live=True
    )


@contextmanager
def at(now_ms: int) -> Iterator[None]:
    """The clock of hours, of the gate and of Dagster, set; and no Data Docs, which cost what a gate costs."""
    with (
        patch("assets.logs.ingest.with_data_docs", lambda report, *_: report),
        patch("assets.common.clock.now_ms", lambda: now_ms),
        freeze_time(datetime.fromtimestamp(now_ms / 1000, UTC)),
    ):
        yield


@dataclass
class World:
    """A home on a landing folder, and the runs that its schedules and sensors asked for."""

    landing: Path
    home: Home
    ran: list[tuple[str, str, bool]] = field(default_factory=list)  #: job, first hour, whether it succeeded
    skipped: list[tuple[str, str]] = field(default_factory=list)  #: schedule or sensor, why
    _cursors: dict[str, str | None] = field(default_factory=dict)
    _run_keys: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        prepare_home(self.home)
        # Nobody reads what steps print; Dagster starts two processes a step to keep it.
        with (self.home.dagster / "dagster.yaml").open("a") as settings:
            settings.write(WITHOUT_PRINTS)
        served = deployment(self.landing)
        served.save(self.home)
        self.definitions = build(self.home, served).definitions
        self.repository = self.definitions.get_repository_def()
        self.instance = dg.DagsterInstance.from_config(str(self.home.dagster))
        self.warehouse = WarehouseResource(root=str(self.home.root))

    def tick(self, name: str, now_ms: int) -> None:
        """Evaluate a schedule or a sensor as the daemon would, and run what it asks for, each key once."""
        given = {
            "instance": self.instance,
            "resources": {"home": HomeResource(root=str(self.home.root))},
            "repository_def": self.repository,
        }
        moment = datetime.fromtimestamp(now_ms / 1000, UTC)
        with at(now_ms):
            if self.repository.has_sensor_def(name):
                definition = self.repository.get_sensor_def(name)
                with dg.build_sensor_context(cursor=self._cursors.get(name), **given) as context:
                    result = definition.evaluate_tick(context)
                self._cursors[name] = result.cursor or self._cursors.get(name)
                for event in result.asset_events:
                    self.instance.report_runless_asset_event(event)
            else:
                definition = self.repository.get_schedule_def(name)
                with dg.build_schedule_context(scheduled_execution_time=moment, **given) as context:
                    context._instance = (
                        self.instance
                    )  # one for all ticks, as the daemon's; else it opens another
                    result = definition.evaluate_tick(context)
            if result.skip_message:
                self.skipped.append((name, result.skip_message))
            for request in result.run_requests or []:
                if (name, request.run_key) not in self._run_keys:
                    self._run_keys.add((name, request.run_key))
                    self._run(definition.job_name, request)

    def _run(self, job: str, request: dg.RunRequest) -> None:
        """What the daemon would launch, in this process."""
        result = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=request.partition_key,
            tags=dict(request.tags),
            asset_selection=list(request.asset_selection) if request.asset_selection else None,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        first = request.partition_key or request.tags["dagster/asset_partition_range_start"]
        self.ran.append((job, first, result.success))

    def failed(self, check: str, asset: str = "exposures") -> set[str | None]:
        """Partitions whose newest verdict of a check failed; None would be one without a partition."""
        key = dg.AssetCheckKey(dg.AssetKey(asset), check)
        infos = self.instance.event_log_storage.get_asset_check_partition_info([key])
        return {i.partition_key for i in infos if i.latest_execution_status.value == "FAILED"}

    def times_made(self, asset: str) -> Mapping[str, int]:
        """Partition → how often an asset was materialised."""
        records = self.instance.fetch_materializations(dg.AssetKey(asset), limit=500).records
        return pd.Series([record.partition_key for record in records]).value_counts().to_dict()
