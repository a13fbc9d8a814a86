"""Home and deployment: one folder, one file, frozen settings."""

import pytest
from pydantic import ValidationError

from warehouse.home import Deployment, Home


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


def test_deployment_refuses_daylight_saving_and_unknown_keys():
    with pytest.raises(ValidationError, match="fixed offset"):
        Deployment(zone="Europe/Berlin")
    with pytest.raises(ValidationError, match="sytems"):
        Deployment(sytems=("deepfm",))
