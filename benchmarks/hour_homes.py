"""Homes for `benchmarks.hour_cost`: a base model, a day before its hours, and as much history as asked."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path

BASE, DAY = "2026-03-02", "2026-03-03"
ITEMS_A_DAY = 120


def make(root: Path, users: int) -> None:
    """Two days landed, the first loaded and trained on."""
    from assets.logs.ingest import ingest
    from orchestration.session import Session
    from simulator import SimulatorSettings
    from simulator.feed.fill import fill
    from warehouse.home import SYSTEMS, Deployment, Home

    home = Home(root)
    os.environ["HOURFOLD_HOME"] = str(root)
    deployment = Deployment(source="simulator", first_day=BASE, systems=SYSTEMS, size="tiny")
    settings = SimulatorSettings()
    small = settings.model_copy(
        update={
            "population": settings.population.model_copy(update={"users": users}),
            "news": settings.news.model_copy(update={"items_per_day": ITEMS_A_DAY}),
        }
    )
    fill(deployment.landing_folder(home), small, days=2, first_day=BASE)
    paths = deployment.paths(home)
    for table in ("users", "items"):
        ingest(paths, table)
    for table in ("exposures", "external_clicks"):
        ingest(paths, table, deployment.service_zone.hours_of_day(BASE))
    with Session(deployment, home) as session:
        session.run("daily", BASE)


def lengthen(root: Path, days: int) -> None:
    """Put `days` − 1 more days before BASE: files, rows, users, items, scores and metrics, made of BASE's."""
    from warehouse.home import Deployment, Home
    from warehouse.store.id_index import path_of
    from warehouse.store.warehouse import Warehouse

    home = Home(root)
    deployment = Deployment.load(home)
    paths, first = deployment.paths(home), dt.date.fromisoformat(BASE)
    earlier = [(back, str(first - dt.timedelta(days=back))) for back in range(1, days)]
    for table in ("exposures", "external_clicks"):
        source = paths.landing / table / f"date={BASE}"
        for _, day in earlier:
            shutil.copytree(source, paths.landing / table / f"date={day}", copy_function=os.link)
    path_of(paths.warehouse).unlink(missing_ok=True)  # the rows below are written past it: it is made anew
    deployment.model_copy(update={"first_day": str(first - dt.timedelta(days=days - 1))}).save(home)
    with Warehouse(paths.warehouse) as warehouse:
        counted = [f"SELECT count(*) FROM {one}_index" for one in ("user", "item")]
        users, items = (warehouse.connection.execute(text).fetchall()[0][0] for text in counted)
        for back, day in earlier:
            values = {"back": back, "day": day, "base": BASE, "users": users, "items": items}
            for text in _LENGTHEN:
                warehouse.connection.execute(text, {k: v for k, v in values.items() if f"${k}" in text})


def loaded_rows(root: Path, hour: str) -> int:
    from warehouse.home import Deployment, Home
    from warehouse.store.warehouse import Warehouse

    with Warehouse(Deployment.load(Home(root)).paths(Home(root)).warehouse, read_only=True) as warehouse:
        loaded = warehouse.loaded("exposures").set_index("partition")["kept"]
        return int(loaded[hour])


_DAY_MS = 86_400_000
_LENGTHEN = (
    f"""INSERT INTO exposures BY NAME SELECT * REPLACE (
        $day || substr(partition, 11) AS partition, exposure_id || '-' || $back AS exposure_id,
        shown_at - $back::BIGINT * {_DAY_MS} AS shown_at) FROM exposures WHERE partition LIKE $base || '%'""",
    f"""INSERT INTO external_clicks BY NAME SELECT * REPLACE (
        $day || substr(partition, 11) AS partition, occurred_at - $back::BIGINT * {_DAY_MS} AS occurred_at,
        received_at - $back::BIGINT * {_DAY_MS} AS received_at)
        FROM external_clicks WHERE partition LIKE $base || '%'""",
    f"""INSERT INTO batches BY NAME SELECT * REPLACE (
        $day || substr(partition, 11) AS partition, start_ms - $back::BIGINT * {_DAY_MS} AS start_ms,
        json_merge_patch(statistics, json_object('start_ms', start_ms - $back::BIGINT * {_DAY_MS}))
        AS statistics)
        FROM batches WHERE partition LIKE $base || '%' AND table_name IN ('exposures', 'external_clicks')""",
    """INSERT INTO user_index SELECT user_id || '-' || $back, user_index + $back * $users FROM user_index
        WHERE user_index < $users""",
    """INSERT INTO users BY NAME SELECT * REPLACE (user_index + $back * $users AS user_index) FROM users
        WHERE user_index < $users""",
    """INSERT INTO item_index SELECT item_id || '-' || $back, item_index + $back * $items FROM item_index
        WHERE item_index < $items""",
    """INSERT INTO items BY NAME SELECT * REPLACE (item_index + $back * $items AS item_index) FROM items
        WHERE item_index < $items""",
    """INSERT INTO predictions SELECT exposure_id, system, 'v', partition, 0.5,
        rpad(replace(substr(partition, 1, 13), '-', ''), 10, '0')::BIGINT FROM exposures,
        (SELECT unnest(['deepfm_external', 'lsttm', 'lsttm_spectral']) AS system)
        WHERE partition LIKE $day || '%'""",
    """INSERT INTO metrics SELECT name, system, $day || '-' || lpad(hour::VARCHAR, 2, '0') || ':00', 0.5,
        '{"reason": ""}', replace($day, '-', '')::BIGINT * 100 + hour
        FROM (SELECT unnest(['deepfm_external', 'lsttm', 'lsttm_spectral']) AS system),
        (SELECT unnest(['auc', 'auc_se', 'auc_static', 'aupr', 'log_loss', 'gauc', 'exposures', 'gate_short',
        'failed']) AS name), (SELECT unnest(range(24)) AS hour)""",
)
