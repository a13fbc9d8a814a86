"""A home that was moved or copied, or whose path has odd characters; a store that a team shares."""

import logging
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from assets.common import model_registry
from assets.common.links import mlflow_link, mlflow_server
from assets.common.mlflow_store import DATABASE, artifact_root, make_store, on_server, re_root
from assets.common.tracking import RunRecord, Tracking
from tests.browser.servers import free_ports

ODD = ("feature%2Fx", "what?x=1", "a#b c", "ünï 100%", "it's")


@pytest.fixture(autouse=True)
def _no_team(monkeypatch):
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "HOURFOLD_MLFLOW_URL"):
        monkeypatch.delenv(name, raising=False)


def recorded(home: Path, day: str, source: str = "landing") -> tuple[Tracking, str]:
    """A run with a file, in the MLflow of a home."""
    plot = home.parent / "plot.txt"
    plot.write_text(day)
    tracking = Tracking(home / "mlflow", source, False)
    record = RunRecord("training", "deepfm", day, 0, {"a": "1"}, {}, {"auc": 0.5}, artifacts={"plots": plot})
    return tracking, tracking.record(record)


def files(tracking: Tracking, run_id: str) -> list[str]:
    return [entry.path for entry in tracking.client.list_artifacts(run_id, "plots")]


@pytest.mark.parametrize("move", [shutil.move, shutil.copytree])
def test_a_moved_home_has_its_files_and_models_and_writes_new_ones_beside_them(tmp_path, caplog, move):
    old, new, outside = tmp_path / "A", tmp_path / "elsewhere" / "B", tmp_path / "A-not-in-the-home"
    new.parent.mkdir()
    tracking, first = recorded(old, "2026-05-02")
    for folder, state in ((old / "model", "aa"), (outside, "bb")):
        model_registry.register(tracking, "deepfm", "2026-05-02", folder, first, state, {})
    move(old, new)
    with caplog.at_level(logging.WARNING):
        tracking, second = recorded(new, "2026-05-03")
    assert str(old) in caplog.text and str(new) in caplog.text
    assert [files(tracking, run_id) for run_id in (first, second)] == [["plots/plot.txt"]] * 2
    assert len(list(new.rglob("plots/plot.txt"))) == 2
    sources = {
        version.tags["state_hash"]: version.source for version in tracking.client.search_model_versions()
    }
    assert sources == {"aa": (new / "model").as_uri(), "bb": outside.as_uri()}
    assert re_root(new / "mlflow") == {}, "nothing is left to rewrite"


@pytest.mark.parametrize("name", ODD)
def test_any_path_will_do(tmp_path, name):
    home = tmp_path / name
    tracking, run_id = recorded(home, "2026-05-02")
    assert files(tracking, run_id) == ["plots/plot.txt"]
    assert (home / "mlflow" / "mlflow.db").is_file()
    assert not re_root(home / "mlflow")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted((name, "plot.txt"))


def test_a_store_without_tables_is_left_alone(tmp_path):
    assert re_root(tmp_path) == {}
    (tmp_path / "mlflow.db").touch()
    assert re_root(tmp_path) == {}


def test_a_teams_database_is_written_and_the_homes_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/team.db")
    tracking, run_id = recorded(tmp_path / "home", "2026-05-02")
    assert not on_server() and files(tracking, run_id) == ["plots/plot.txt"]
    assert (tmp_path / "team.db").is_file() and not (tmp_path / "home" / "mlflow" / "mlflow.db").exists()
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", "s3://bucket/runs")
    assert artifact_root(tmp_path) == "s3://bucket/runs"


@pytest.mark.parametrize(
    "uri, server, page",
    [
        ("https://me:secret@mlflow.example/team/", True, "https://mlflow.example/team"),
        ("databricks", True, "databricks"),
        ("postgresql+psycopg2://me@db/mlflow", False, None),
        ("", False, None),
    ],
)
def test_which_addresses_are_servers(monkeypatch, uri, server, page):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert on_server() == server and mlflow_server() == page


@pytest.mark.slow
def test_a_teams_server_has_runs_files_and_models(tmp_path, monkeypatch):
    port = free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    command = ["server", "--port", str(port), "--workers", "1", "--backend-store-uri", "sqlite:///team.db"]
    quiet = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    server = subprocess.Popen([sys.executable, "-m", "mlflow", *command], cwd=tmp_path, env=quiet)
    try:
        _answers(f"{url}/health")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        home, model = tmp_path / "home", tmp_path / "state.json"
        tracking, run_id = recorded(home, "2026-05-02")
        assert files(tracking, run_id) == ["plots/plot.txt"] and not home.exists()
        assert tracking.url(run_id).startswith(f"{url}/#/experiments/")
        assert mlflow_link(tracking.url(run_id)).url == tracking.url(run_id)
        (tmp_path / "trained").mkdir()
        model = tmp_path / "trained" / "state.json"
        model.write_text("{}")
        version = model_registry.register(tracking, "deepfm", "2026-05-02", model.parent, run_id, "aa", {})
        source = tracking.client.get_model_version("ranking-landing", version).source
        assert source == f"runs:/{run_id}/model"
        assert [f.path for f in tracking.client.list_artifacts(run_id, "model")] == ["model/state.json"]
    finally:
        server.terminate()
        server.wait(30)


def _answers(url: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.3)


def test_a_store_that_cannot_be_finished_is_not_begun_in_its_place(tmp_path, monkeypatch):
    from mlflow.store.db import utils

    def killed(engine):
        utils.InitialBase.metadata.create_all(engine)
        raise MemoryError("in the middle")

    with monkeypatch.context() as patched, pytest.raises(MemoryError):
        patched.setattr(utils, "_initialize_tables", killed)
        make_store(tmp_path)
    assert not (tmp_path / DATABASE).exists()
    (tmp_path / ".new-left").mkdir()
    make_store(tmp_path)
    assert (tmp_path / DATABASE).exists() and not list(tmp_path.glob(".new-*"))
    made = (tmp_path / DATABASE).stat().st_ino
    make_store(tmp_path)
    assert (tmp_path / DATABASE).stat().st_ino == made, "a store that is there is left alone"


def test_a_store_left_half_made_is_set_aside_and_the_next_command_works(tmp_path, caplog):
    import sqlalchemy
    from mlflow.store.db import utils

    folder = tmp_path / "home" / "mlflow"
    folder.mkdir(parents=True)
    utils.InitialBase.metadata.create_all(sqlalchemy.create_engine(f"sqlite:///{folder / DATABASE}"))
    with caplog.at_level(logging.WARNING):
        tracking, run_id = recorded(tmp_path / "home", "2026-03-01")
    assert "half made" in caplog.text and (folder / f"{DATABASE}.unfinished").exists()
    assert files(tracking, run_id)
