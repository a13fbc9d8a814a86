"""A shop's own folder by one command: purchases alone, as CSV; days as partitions with a verdict each."""

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.shop_days import BYTES_A_RUN, bounded_runs
from tests.assets.logs import shop_year
from warehouse.home import Deployment, Home
from warehouse.landing.service_time import ServiceZone
from warehouse.store.warehouse import Warehouse

DAYS = [f"2026-03-{day:02d}" for day in (2, 3, 4, 6)]  # the shop was closed on the 5th
UTC = ServiceZone("UTC")


def put(landing, day, rows=50, **changes):
    """A day's CSV: integer ids, ISO times, flags as 0 and 1, no brand."""
    moments = pd.to_datetime(UTC.day_start_ms(day) + np.arange(rows) * 1000, unit="ms", utc=True)
    frame = pd.DataFrame(
        {
            "user_id": np.arange(rows) % 7 + 100,
            "purchased_at": moments.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "price": 2.5,
            "genre": [f"food/{i % 3}" for i in range(rows)],
            "cancelled": 0,
        }
    ).assign(**changes)
    folder = landing / "purchases" / f"date={day}"
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_csv(folder / "till.csv", index=False)


def ingest(landing, *options):
    return CliRunner().invoke(app, ["ingest", "--source", "landing", "--data", str(landing), *options])


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOURFOLD_HOME", str(tmp_path / "home"))
    return Home.current()


def loaded(home, table="purchases"):
    with Warehouse(home.source("landing").warehouse, read_only=True) as warehouse:
        warehouse.check_invariant()
        return warehouse.loaded(table).set_index("partition")["kept"].to_dict()


def verdicts(home):
    """Partition → whether its newest verdict on rows in quarantine passed."""
    key = dg.AssetCheckKey(dg.AssetKey("purchases"), "share_quarantined")
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        found = instance.event_log_storage.get_asset_check_partition_info([key])
        made = instance.get_materialized_partitions(dg.AssetKey("purchases"))
    status = {info.partition_key: info.latest_execution_status.value for info in found}
    # A closed day lies inside the range of a run, so that its checks are planned, and judges nothing.
    return {day: value == "SUCCEEDED" for day, value in status.items() if value != "PLANNED"}, made


@pytest.mark.slow
def test_purchases_alone_come_in_by_one_command_and_again_when_they_change(tmp_path, home):
    landing = tmp_path / "shop"
    for day in DAYS:
        put(landing, day)
    done = ingest(landing)
    assert done.exit_code == 0, done.output
    assert loaded(home) == dict.fromkeys(DAYS, 50)
    assert loaded(home, "exposures") == loaded(home, "points") == {}
    by_day, made = verdicts(home)
    assert by_day == dict.fromkeys(DAYS, True), "a verdict a day, and none on all of them"
    assert set(made) == set(DAYS)
    assert "exposures" not in done.output and "purchases" in done.output
    assert Deployment.load(home).first_day == DAYS[0]
    with Warehouse(home.source("landing").warehouse, read_only=True) as warehouse:
        users = warehouse.connection.execute("SELECT user_id FROM user_index ORDER BY ALL").fetchall()
        assert users == [(str(user),) for user in range(100, 107)]

    # A corrected day, a broken one and a new one: the broken one stays as it was, the others are loaded.
    put(landing, DAYS[0], rows=60)
    put(landing, DAYS[1], price=-1)
    put(landing, "2026-03-07", rows=40)
    failed = ingest(landing)
    assert failed.exit_code == 1 and "share_quarantined" in failed.output and DAYS[1] in failed.output
    assert loaded(home) == dict.fromkeys(DAYS, 50) | {DAYS[0]: 60, "2026-03-07": 40}
    by_day, made = verdicts(home)
    assert (by_day[DAYS[0]], by_day[DAYS[1]], by_day[DAYS[2]]) == (True, False, True)
    forced = ingest(landing, "--force")
    assert forced.exit_code == 0, forced.output
    assert loaded(home) == {DAYS[0]: 60, DAYS[1]: 0, DAYS[2]: 50, DAYS[3]: 50, "2026-03-07": 40}


def test_runs_go_on_over_days_without_files_and_end_before_settled_ones():
    days = UTC.days_between("2026-02-27", "2026-03-08")
    del days[4]
    small = bounded_runs(days, dict.fromkeys(days, 10), ())
    assert [(run[0], run[-1], len(run)) for run in small] == [("2026-02-27", "2026-03-08", 9)]
    barred = bounded_runs(days, dict.fromkeys(days, 10), {"2026-03-03", "2026-02-01", "2026-03-20"})
    assert [(run[0], run[-1], len(run)) for run in barred] == [
        ("2026-02-27", "2026-03-02", 4),
        ("2026-03-04", "2026-03-08", 5),
    ]
    assert bounded_runs([], {}, ()) == []
    large = dict.fromkeys(days, BYTES_A_RUN // 2) | {days[1]: 2 * BYTES_A_RUN}
    cut = bounded_runs(days, large, ())
    assert [day for run in cut for day in run] == days
    hours = [hour for day in UTC.days_between("2026-01-01", "2026-02-10") for hour in UTC.hours_of_day(day)]
    odd = hours[::2]  # every second hour has no files
    assert [len(run) for run in bounded_runs(hours, dict.fromkeys(hours, 1), ())] == [744, 240]
    assert [run[0] for run in bounded_runs(odd, dict.fromkeys(odd, 1), ())] == [hours[0]]
    # Two halves fill a run, and the day that is too large is one alone.
    assert [len(run) for run in cut] == [1, 1, 2, 2, 2, 1]


@pytest.mark.slow
def test_a_first_load_goes_through_christmas_and_names_closed_days_once(tmp_path, home):
    landing, shop = tmp_path / "shop", shop_year.Shop(rows=200, closed=(0, 6), order=1.5)
    rows = shop_year.put_year(landing, shop, "2025-11-04", "2026-01-24", seed=2)
    odd, late = "2025-12-17", "2026-01-24"  # five rows on a day of history; the newest day comes later
    shop_year.put(landing, odd, shop_year.day_rows(shop, odd, 5))
    newest = landing / "purchases" / f"date={late}"
    newest.rename(tmp_path / "aside")
    done = ingest(landing)
    assert done.exit_code == 0, done.output
    assert loaded(home) == {day: 5 if day == odd else n for day, n in rows.items() if day != late}
    said = " ".join(done.output.split())
    assert "Sundays" in said and "Mondays" in said and "2025-12-24 to 2026-01-03" in said
    assert f"{odd} (5 rows" in said and "loaded as history" in said
    key = dg.AssetCheckKey(dg.AssetKey("purchases"), "landed")
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        infos = instance.event_log_storage.get_asset_check_partition_info([key])
    assert {info.latest_execution_status.value for info in infos} == {"SUCCEEDED"}
    assert {info.partition_key for info in infos} > set(rows.index) - {late}
    (tmp_path / "aside").rename(newest)
    again = " ".join(ingest(landing).output.split())
    assert "2025-12-24" not in again and "Sundays" not in again, "said once"
    assert len(loaded(home)) == len(rows)
