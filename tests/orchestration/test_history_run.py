"""External clicks from before the first exposure as a Dagster run."""

from __future__ import annotations

import dagster as dg
import pytest

from orchestration.ingesting import load_logs
from orchestration.session import Session
from tests.assets import logs_on_disk as disk
from warehouse.home import Deployment
from warehouse.store.warehouse import Warehouse

pytestmark = pytest.mark.slow
HOURS = [f"{disk.EARLY}-{hour:02d}:00" for hour in (3, 20)]


def test_the_history_is_a_run_beside_the_hours_of_the_feed(tmp_path):
    home = disk.with_history(tmp_path, HOURS)
    deployment = Deployment.load(home)
    with Session(deployment, home) as session:
        outcome = load_logs(session, disk.DESCRIPTION.first_day, disk.DESCRIPTION.first_day)
        assert not outcome.refused and not any("external_clicks:" in note for note in outcome.notes)
        runs = session.spent.runs
        load_logs(session, disk.DESCRIPTION.first_day, disk.DESCRIPTION.first_day)
        assert session.spent.runs == runs, "loaded twice"
        with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
            (page,) = instance.fetch_materializations(dg.AssetKey("external_history"), limit=5).records
        shown = page.asset_materialization.metadata
        assert (shown["hours loaded"].value, shown["kept"].value) == (2, 2 * disk.CLICKS)
    with Warehouse(deployment.paths(home).warehouse, read_only=True) as warehouse:
        assert set(warehouse.loaded("external_clicks")["partition"]) == {*HOURS, disk.HOURS[0]}


def test_a_deployment_without_one_has_no_such_asset(tmp_path):
    from orchestration.build import build

    home = disk.with_history(tmp_path, HOURS)
    alone = Deployment.load(home).model_copy(update={"external_first_day": None})
    assets = build(home, alone).definitions.resolve_asset_graph().get_all_asset_keys()
    assert dg.AssetKey("external_history") not in assets
