"""A small live log and a clock moved by hand: files land, schedules and sensors tick, their runs run."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from contextlib import ExitStack
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

DAYS = ("2026-03-02", "2026-03-03")
SYSTEMS = ("item_rate", "deepfm")
UTC_ZONE = ServiceZone("UTC")
USERS, ITEMS, ROWS = 30, 25, 40


def hour_key(number: int) -> str:
    """The key of an hour counted from the first one."""
    return UTC_ZONE.hour_key(UTC_ZONE.day_start_ms(DAYS[0]) + number * HOUR_MS)


def exposures(hour: str, version: str = "") -> pd.DataFrame:
    """Rows of an hour; another version is another content."""
    random = np.random.default_rng(zlib.crc32(f"{hour} {version}".encode()))
    user, item = random.integers(0, USERS, ROWS), random.integers(0, ITEMS, ROWS)
    shown_at = UTC_ZONE.hour_start_ms(hour) + np.sort(random.integers(0, HOUR_MS, ROWS))
    return pd.DataFrame(
        {
            "exposure_id": [f"{hour}{version}#{row}" for row in range(ROWS)],
            "user_id": [f"u{number}" for number in user],
            "item_id": [f"i{number}" for number in item],
            "shown_at": pd.to_datetime(shown_at, unit="ms", utc=True),
            "clicked": random.random(ROWS) < 0.15 + 0.5 * ((user + item) % 3 == 0),
        }
    )


def external_clicks(hour: str) -> pd.DataFrame:
    """Clicks elsewhere, received within the hour."""
    random = np.random.default_rng(zlib.crc32(f"{hour} elsewhere".encode()))
    received_at = UTC_ZONE.hour_start_ms(hour) + np.sort(random.integers(0, HOUR_MS, ROWS // 2))
    return pd.DataFrame(
        {
            "user_id": [f"u{number}" for number in random.integers(0, USERS, ROWS // 2)],
            "item_id": [f"i{number}" for number in random.integers(0, ITEMS, ROWS // 2)],
            "domain": "search",
            "occurred_at": pd.to_datetime(received_at - 1000, unit="ms", utc=True),
            "received_at": pd.to_datetime(received_at, unit="ms", utc=True),
        }
    )


@dataclass
class World:
    """A landing folder, a home that reads it, and the runs that its schedules and sensors asked for."""

    root: Path
    live: bool = True
    cursors: dict[str, str | None] = field(default_factory=dict)
    run_keys: set[tuple[str, str]] = field(default_factory=set)
    ran: list[tuple[str, str, bool]] = field(default_factory=list)  #: job, first partition, success
    skipped: list[tuple[str, str]] = field(default_factory=list)  #: schedule or sensor, why

    def __post_init__(self) -> None:
        self.now_ms = UTC_ZONE.day_start_ms(DAYS[0])
        self.landing = self.root / "landing"
        self.landing.mkdir(parents=True)
        SourceDescription(name="live", first_day=DAYS[0], last_day=DAYS[-1], user_fields=("city",)).save(
            self.landing
        )
        self.put(
            "users", "users.csv", pd.DataFrame({"user_id": [f"u{n}" for n in range(USERS)], "city": "x"})
        )
        start = pd.Timestamp(DAYS[0], tz="UTC") - pd.Timedelta(days=1)
        self.put(
            "items",
            "items.csv",
            pd.DataFrame({"item_id": [f"i{n}" for n in range(ITEMS)], "published_at": start}),
        )

    def put(self, folder: str, name: str, rows: pd.DataFrame) -> Path:
        """Write rows as a file of the landing folder."""
        path = self.landing / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.to_parquet(path, index=False) if name.endswith("parquet") else rows.to_csv(path, index=False)
        return path

    def folder(self, table: str, hour: str) -> str:
        return f"{table}/date={hour[:10]}/hour={hour[11:13]}"

    def land(self, table: str, hour: str, version: str = "") -> Path:
        """Let an hour's file come."""
        rows = external_clicks(hour) if table == "external_clicks" else exposures(hour, version)
        return self.put(self.folder(table, hour), "part-0.parquet", rows)

    def open(self) -> None:
        """Make the home and its definitions."""
        self.home = prepare_home(Home(self.root / "home"))
        self.deployment = Deployment(
            source="landing", first_day=DAYS[0], systems=SYSTEMS, size="tiny",
            landing=str(self.landing), live=self.live,
        )  # fmt: skip
        self.deployment.save(self.home)
        self.definitions = build(self.home, self.deployment).definitions
        self.repository = self.definitions.get_repository_def()
        self.instance = dg.DagsterInstance.from_config(str(self.home.dagster))
        self.resource = HomeResource(root=str(self.home.root))
        self.warehouse = WarehouseResource(root=str(self.home.root))

    def at(self, now_ms: int) -> ExitStack:
        """The clock of everything, set."""
        self.now_ms = now_ms
        stack = ExitStack()
        stack.enter_context(patch("assets.common.clock.now_ms", lambda: now_ms))
        return stack

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.now_ms / 1000, UTC)

    def tick(self, name: str) -> int:
        """Evaluate a schedule or sensor, and run what it asks for; returns how many runs that were."""
        given = {
            "instance": self.instance,
            "resources": {"home": self.resource},
            "repository_def": self.repository,
        }
        with freeze_time(self.moment):
            if self.repository.has_sensor_def(name):
                definition = self.repository.get_sensor_def(name)
                with dg.build_sensor_context(cursor=self.cursors.get(name), **given) as context:
                    result = definition.evaluate_tick(context)
                self.cursors[name] = result.cursor or self.cursors.get(name)
                for event in result.asset_events:
                    self.instance.report_runless_asset_event(event)
            else:
                definition = self.repository.get_schedule_def(name)
                with dg.build_schedule_context(scheduled_execution_time=self.moment, **given) as context:
                    result = definition.evaluate_tick(context)
        if result.skip_message:
            self.skipped.append((name, result.skip_message))
        requests = [r for r in result.run_requests or [] if (name, r.run_key) not in self.run_keys]
        for request in requests:
            self.run_keys.add((name, request.run_key))
            self.run(definition.job_name, request)
        return len(requests)

    def run(self, job: str, request: dg.RunRequest) -> None:
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

    def verdicts(self, check: str, asset: str = "exposures") -> Mapping[str, bool]:
        """Partition → whether its newest verdict passed."""
        key = dg.AssetCheckKey(dg.AssetKey(asset), check)
        infos = self.instance.event_log_storage.get_asset_check_partition_info([key])
        return {info.partition_key: info.latest_execution_status.value == "SUCCEEDED" for info in infos}
