"""The toy shop as a landing folder of purchases alone, loaded through the gate."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock

from assets.common.tracking import PROFILING, Tracking
from assets.logs.sources import open_source
from tests.models.profiling.toy import AS_OF, toy_log
from warehouse.home import Deployment, Home
from warehouse.landing.contract import PROFILING_TABLES

USERS, DAYS = 150, 150
FIRST_DAY, LAST_DAY = (str(np.datetime64(AS_OF + 60 - back, "D")) for back in (DAYS, 1))


def purchases() -> pd.DataFrame:
    """Rows of the landing contract, with the day that they belong to."""
    log = toy_log(users=USERS, days=DAYS, per_user=40)
    brands = np.array([*log.brand_names, None], dtype=object)
    return pd.DataFrame(
        {
            "user_id": [f"u{user:05d}" for user in log.user],
            "purchased_at": log.at_ms,
            "price": log.price.astype(float),
            "genre": np.array(log.genre_names[1], dtype=object)[log.genre[:, 1]],
            "brand": brands[log.brand],
            "cancelled": False,
            "day": np.datetime_as_string(log.day.astype("datetime64[D]")),
        }
    )


def shop(tmp_path_factory) -> tuple[Home, Deployment]:
    """A copy of a home that is deployed on the shop, everything loaded; made once for all test processes."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    with FileLock(shared / "shop.lock"):
        if not (shared / "shop.done").exists():
            _make(shared / "shop")
            (shared / "shop.done").touch()
    # MLflow keeps the artifacts' place in its database, so copies write theirs beside the original's.
    root = tmp_path_factory.mktemp("shop") / "home"
    shutil.copytree(shared / "shop" / "home", root, ignore=shutil.ignore_patterns("artifacts"))
    return Home(root), Deployment.load(Home(root))


def landed(root: Path, rows: pd.DataFrame) -> Path:
    """Rows as the landing folder `root/shop`, every second day as CSV."""
    landing = root / "shop"
    for number, (day, own) in enumerate(rows.groupby("day")):
        folder = landing / "purchases" / f"date={day}"
        folder.mkdir(parents=True)
        own = own.drop(columns="day")
        if number % 2:
            own.to_csv(folder / "a.csv", index=False)
        else:
            own.to_parquet(folder / "a.parquet", index=False)
    return landing


def load(root: Path, rows: pd.DataFrame) -> Home:
    """Rows as a landing folder, loaded into a home that is deployed on it."""
    landing = landed(root, rows)
    home = Home(root / "home")
    deployment = Deployment(source="landing", first_day=FIRST_DAY, size="tiny", landing=str(landing))
    deployment.save(home)
    open_source("landing", home, landing).load(PROFILING_TABLES)
    return home


def _make(root: Path) -> None:
    home = load(root, purchases())
    assert Tracking(
        home.mlflow, "landing", simulated=False, purpose=PROFILING
    ).experiment  # its tables take long
