"""What every test stands on: one thread, no telemetry, and a home of its own."""

import os
import sqlite3
import sys
from functools import partial
from itertools import count

# Set before any library reads them: two test processes share two cores, and bits must repeat.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"
os.environ["MPLBACKEND"] = "Agg"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "yes"

import pytest
from hypothesis import settings

settings.register_profile("hourfold", max_examples=30, deadline=None)
settings.load_profile("hourfold")


@pytest.fixture(scope="session")
def _homes(tmp_path_factory):
    """Paths of homes: pytest's own numbering reads the whole folder of all tests for each."""
    root = tmp_path_factory.mktemp("homes")
    return map(root.__truediv__, map(str, count()))


@pytest.fixture(autouse=True)
def _own_home(_homes, monkeypatch):
    """No test may read or write the state of a real deployment."""
    home = next(_homes)
    home.mkdir()
    monkeypatch.setenv("HOURFOLD_HOME", str(home))
    monkeypatch.delenv("HOURFOLD_SOURCE", raising=False)


@pytest.fixture(autouse=True)
def _databases_made_alike():
    """A new home's databases cost a second: migrations are read, and MLflow's are run, once a process."""
    scripts = sys.modules.get("alembic.script.base")
    if scripts is not None and not isinstance(scripts.ScriptDirectory.from_config, partial):
        scripts.ScriptDirectory.from_config = partial(_read_once, scripts.ScriptDirectory.from_config, {})
    mlflow = sys.modules.get("mlflow.store.db.utils")
    if mlflow is not None and not isinstance(mlflow._initialize_tables, partial):
        mlflow._initialize_tables = partial(_copied_tables, mlflow._initialize_tables, [])


def _read_once(read, known, config):
    """The migrations of a folder; `known` are those read before."""
    folder = config.get_main_option("script_location")
    if folder not in known:
        known[folder] = read(config)
    return known[folder]


def _copied_tables(made_by_mlflow, made, engine):
    """Make the tables of a store, or copy those in `made`, a list of none or one database in memory."""
    if engine.dialect.name != "sqlite":
        made_by_mlflow(engine)
        return
    if not made:
        made_by_mlflow(engine)
        made.append(sqlite3.connect(":memory:", check_same_thread=False))
        source, target = engine.raw_connection(), made[0]
        source.driver_connection.backup(target)
    else:
        source = engine.raw_connection()
        made[0].backup(source.driver_connection)
    source.close()
