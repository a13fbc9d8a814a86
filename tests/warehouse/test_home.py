"""Home and deployment: one folder, one file, frozen settings."""

import pytest
from pydantic import ValidationError

from simulator import SimulatorSettings
from warehouse.home import Deployment, Home
from warehouse.landing.description import SourceDescription


def test_home_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("HOURFOLD_HOME", str(tmp_path / "elsewhere"))
    home = Home.current()
    assert home.root == tmp_path / "elsewhere"
    assert home.source("simulator").warehouse == home.root / "sources" / "simulator" / "warehouse.duckdb"


def test_home_is_var_by_default(monkeypatch, tmp_path):
    monkeypatch.delenv("HOURFOLD_HOME")
    monkeypatch.chdir(tmp_path)
    assert Home.current().root == tmp_path / "var"


def test_deployment_round_trip(tmp_path):
    home = Home(tmp_path / "new")
    deployment = Deployment(
        source="landing", zone="Etc/GMT-8", first_day="2026-01-05", size="tiny", landing="/logs"
    )
    deployment.save(home)
    assert Deployment.load(home) == deployment
    assert str(deployment.landing_folder(home)) == "/logs"
    assert [path.name for path in home.root.iterdir()] == ["deployment.json"]


def test_without_a_file_the_environment_names_the_source(monkeypatch, tmp_path):
    monkeypatch.setenv("HOURFOLD_SOURCE", "kuairand")
    deployment = Deployment.load(Home(tmp_path))
    assert (deployment.source, deployment.zone) == ("kuairand", "Etc/GMT-8")
    assert deployment.landing_folder(Home(tmp_path)) == tmp_path / "sources" / "kuairand" / "landing"


def test_a_filled_landing_folder_tells_zone_and_first_day(tmp_path):
    home = Home(tmp_path)
    description = SourceDescription(name="x", zone="Etc/GMT+3", first_day="2026-01-05", last_day="2026-01-09")
    description.save(home.source("simulator").landing)
    deployment = Deployment.load(home)
    assert (deployment.zone, deployment.first_day) == ("Etc/GMT+3", "2026-01-05")


def test_the_default_first_day_is_the_simulators():
    assert Deployment().first_day == SimulatorSettings().first_day


def test_deployment_refuses_daylight_saving_and_unknown_keys():
    with pytest.raises(ValidationError, match="fixed offset"):
        Deployment(zone="Europe/Berlin")
    with pytest.raises(ValidationError, match="sytems"):
        Deployment(sytems=("deepfm",))
