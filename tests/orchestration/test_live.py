"""One switch for all schedules and sensors, and where a home stands in sentences."""

import dagster as dg
import pytest
from typer.testing import CliRunner

from assets.common.resources import HomeResource
from orchestration import live
from orchestration.build import build
from orchestration.cli import app
from orchestration.settings import prepare_home
from tests.live.world import DAYS, deployment, describe, hour_key, land
from warehouse.home import Deployment, Home
from warehouse.landing.description import SourceDescription
from warehouse.landing.service_time import HOUR_MS, ServiceZone


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOURFOLD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "400")
    now_ms = ServiceZone("UTC").day_start_ms(DAYS[0]) + 6 * HOUR_MS
    monkeypatch.setattr("assets.common.clock.now_ms", lambda: now_ms)
    landing = tmp_path / "logs"
    describe(landing)
    for number in (0, 1, 3):
        land(landing, "exposures", hour_key(number))
    home = prepare_home(Home(tmp_path / "home"))
    deployment(landing).model_copy(update={"live": False}).save(home)
    return home


def statuses(home):
    repository = build(home, Deployment.load(home)).definitions.get_repository_def()
    switches = [*repository.schedule_defs, *repository.sensor_defs]
    return {each.name: each.default_status.value for each in switches if each.name != "audience_requests"}


def command(*words):
    done = CliRunner().invoke(app, ["live", *words])
    return done.exit_code, " ".join(done.output.split())


def test_one_switch_turns_everything_on_and_off(home):
    assert set(statuses(home)) == set(live.SWITCHED)
    assert set(statuses(home).values()) == {"STOPPED"}
    code, said = command("on")
    assert code == 0 and "no Dagster daemon runs on this home" in said, said
    assert set(statuses(home).values()) == {"RUNNING"}
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        repository = build(home, Deployment.load(home)).definitions.get_repository_def()
        remote = repository.get_schedule_def("every_hour")
        assert remote.default_status is dg.DefaultScheduleStatus.RUNNING
        assert instance.all_instigator_state() == []
    assert command("off")[0] == 0
    assert set(statuses(home).values()) == {"STOPPED"}


def test_where_it_stands_is_said_in_sentences(home):
    code, said = command()
    assert code == 0, said
    assert "off: nothing runs by itself" in said
    assert "0 of 5 are loaded" in said
    assert f"hours 02 and 04 of {DAYS[0]} have no files yet" in said
    assert f"hours 00–01 and 03 of {DAYS[0]} wait to be loaded" in said
    assert "no model yet" in said


def test_logs_that_have_ended_cannot_be_live(home):
    landing = Deployment.load(home).landing_folder(home)
    SourceDescription.load(landing).model_copy(update={"closed": True}).save(landing)
    code, said = command("on")
    assert code == 1 and f"end with {DAYS[0]}" in said
    assert not Deployment.load(home).live
    with dg.DagsterInstance.ephemeral() as instance:
        assert f"end with {DAYS[0]}" in live.standing(HomeResource(root=str(home.root)), instance)[-1]


def test_freshness_is_asked_of_logs_that_go_on(home):
    def policies():
        graph = build(home, Deployment.load(home)).definitions.resolve_asset_graph()
        names = ("hourly_auc", "daily_ranker")
        return [graph.get(dg.AssetKey(name)).freshness_policy is not None for name in names]

    assert policies() == [True, True]
    landing = Deployment.load(home).landing_folder(home)
    SourceDescription.load(landing).model_copy(update={"closed": True}).save(landing)
    assert policies() == [False, False]
