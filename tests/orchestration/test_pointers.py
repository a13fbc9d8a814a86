"""The plain commands in a root: which home they show, and that no line or file of the user's is replaced."""

import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.secrets.env_file import get_env_var_dict

from orchestration import settings
from orchestration.pointers import BEGIN, END, point_to, shows
from orchestration.settings import prepare_home, set_up
from tests.assets.common.test_mlflow_store import ODD
from warehouse.home import Home

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shell(monkeypatch, tmp_path):
    """A shell in the root, without variables."""
    for name in ("HOURFOLD_HOME", "DAGSTER_HOME", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "")  # put back afterwards, whatever the code sets
        monkeypatch.delenv(name)
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.chdir(root)
    return root


@pytest.mark.parametrize("name", ["var", *ODD, "a}b"])
def test_dagster_reads_the_home_from_env(shell, name):
    home = Home(shell / name)
    assert point_to(home, shell) == []
    assert get_env_var_dict(str(shell))["DAGSTER_HOME"] == str(home.dagster)
    assert Home.current() == home == shows(shell)


def test_the_shell_goes_before_env(shell, monkeypatch):
    point_to(Home(shell / "var"), shell)
    monkeypatch.setenv("HOURFOLD_HOME", "/other")
    variables = get_env_var_dict(str(shell))
    assert (variables["HOURFOLD_HOME"], variables["DAGSTER_HOME"]) == ("/other", "/other/dagster")
    assert Home.current() == Home(Path("/other"))
    assert shows(shell) == Home(shell / "var")


def test_lines_of_the_user_stay(shell):
    env = shell / ".env"
    env.write_text("HOURFOLD_WEBHOOK=https://example.org  # mine\n")
    point_to(Home(shell / "one"), shell)
    env.write_text(env.read_text() + "\nLAST='mine too'\n")
    point_to(Home(shell / "two"), shell)
    text = env.read_text()
    assert text.startswith("HOURFOLD_WEBHOOK=https://example.org  # mine\n") and "LAST='mine too'" in text
    assert text.count(BEGIN) == text.count(END) == 1
    assert shows(shell) == Home(shell / "two")
    before = text
    point_to(Home(shell / "two"), shell)
    assert env.read_text() == before


def test_a_variable_of_the_users_own_is_left_and_said(shell):
    (shell / ".env").write_text("DAGSTER_HOME=/mine\n")
    (obstacle,) = point_to(Home(shell / "var"), shell)
    assert "DAGSTER_HOME=/mine" in obstacle and str(shell / "var" / "dagster") in obstacle
    assert get_env_var_dict(str(shell))["DAGSTER_HOME"] == "/mine"


def test_a_database_of_the_users_own_is_left_and_said(shell):
    (shell / "mlflow.db").write_text("mine")
    (obstacle,) = point_to(Home(shell / "var"), shell)
    assert "mlflow.db" in obstacle and (shell / "mlflow.db").read_text() == "mine"


def test_the_link_to_the_database_moves_with_the_root(shell, tmp_path):
    home = prepare_home(Home(shell / "var"))
    (home.mlflow / "mlflow.db").write_text("runs")
    point_to(home, shell)
    shell.rename(tmp_path / "moved")
    assert (tmp_path / "moved" / "mlflow.db").read_text() == "runs"
    point_to(Home(Path("/other")), tmp_path / "moved")
    assert (tmp_path / "moved" / "mlflow.db").readlink() == Path("/other/mlflow/mlflow.db")


def test_only_the_roots_own_home_claims_the_root_by_itself(shell, monkeypatch, capsys):
    monkeypatch.setattr(settings, "checkout", lambda: shell)
    prepare_home(Home(shell.parent / "other"))
    assert shows(shell) is None, "a home made for one command does not change what the root shows"
    prepare_home(Home(shell / "var"))
    assert shows(shell) == Home(shell / "var")
    monkeypatch.setenv("HOURFOLD_HOME", str(shell.parent / "other"))
    set_up()
    assert (
        shows(shell) == Home(shell.parent / "other")
        and str(shell.parent / "other") in capsys.readouterr().out
    )
    prepare_home(Home(shell / "var"))
    assert shows(shell) == Home(shell.parent / "other"), "what make setup chose stays"


@pytest.mark.parametrize("name", ODD)
def test_dagster_stores_runs_in_a_home_of_any_path(shell, name):
    home = prepare_home(Home(shell / name))
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        result = dg.materialize([_asset()], instance=instance)
        assert result.success and instance.get_run_by_id(result.run_id).is_finished
        assert instance.get_latest_materialization_event(dg.AssetKey("_asset")) is not None
        assert instance.all_instigator_state() == []
    assert [path.name for path in shell.iterdir()] == [name]
    assert (home.dagster / "history" / "runs.db").is_file()


def test_settings_of_an_earlier_version_in_an_odd_path_are_said(shell, caplog):
    for name, said in (("plain", False), ("what?", True)):
        old = Home(shell / name).dagster
        old.mkdir(parents=True)
        (old / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        caplog.clear()
        prepare_home(Home(shell / name))
        assert ("orchestration.instance_storage" in caplog.text) == said
    prepare_home(Home(shell / "new?"))
    assert "new?" not in caplog.text


def _asset():
    @dg.asset
    def _asset():
        return None

    return _asset


def test_make_setup_ends_with_the_pointers(shell):
    """The line of the Makefile, in a copy of the root."""
    line = (ROOT / "Makefile").read_text().partition("\nsetup:")[2].splitlines()[1]
    code = line.partition(' -c "')[2].removesuffix('"')
    for name in ("orchestration", "warehouse", "assets", "models"):
        shutil.copytree(ROOT / name, shell / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "workspace.yaml", shell)
    ran = subprocess.run([sys.executable, "-c", code], cwd=shell, capture_output=True, text=True, check=True)
    assert str(shell / "var") in ran.stdout and shows(shell) == Home(shell / "var")
    assert get_env_var_dict(str(shell))["DAGSTER_HOME"] == str(shell / "var" / "dagster")
    assert (shell / "mlflow.db").readlink() == Path("var/mlflow/mlflow.db")
