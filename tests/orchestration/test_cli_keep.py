"""`hourfold keep` on a small home: a dry run says what is due, the command removes it, the page has it."""

import dagster as dg
import pytest
from typer.testing import CliRunner

from assets.upkeep.assets import SIZES
from orchestration.cli import app
from tests.assets.upkeep.small_home import SYSTEMS, days, names, small_home, warehouse_of
from warehouse.keeping import KeepSettings

KEEP = KeepSettings(hourly_states=4, daily_models=9)


@pytest.fixture
def home(tmp_path, monkeypatch):
    made = small_home(tmp_path / "home", 12, KEEP)
    monkeypatch.setenv("HOURFOLD_HOME", str(made.home.root))
    return made


def keep(*options):
    ran = CliRunner().invoke(app, ["keep", *options])
    assert ran.exit_code == 0, ran.output
    return ran.output


@pytest.mark.slow
def test_a_dry_run_and_a_real_one(home):
    daily = home.paths.models / "daily" / SYSTEMS[0]
    said = keep("--dry-run")
    assert "would be freed" in said and "daily_models" in said
    assert names(daily) == days(12)
    assert "freed" in keep()
    assert names(daily) == days(9)
    with dg.DagsterInstance.from_config(str(home.home.dagster)) as instance:
        made = instance.fetch_materializations(dg.AssetKey("upkeep"), limit=5).records
    page, dry = (each.asset_materialization.metadata for each in made)
    assert page["dry run"].value is False and dry["dry run"].value is True
    assert page["freed: entries"].value == dry["freed: entries"].value > 0
    assert "image/png" in page["sizes by night"].value and "sizes by night" not in dry
    with warehouse_of(home).open() as opened:
        stored = opened.read_metrics(SIZES).set_index("system")["value"]
    assert stored["daily models"] > 0 and stored["instances"] > 0


def test_without_a_deployment_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("HOURFOLD_HOME", str(tmp_path / "none"))
    ran = CliRunner().invoke(app, ["keep"])
    assert ran.exit_code != 0 and "hourfold ingest" in ran.output
