"""What every test stands on: one thread, no telemetry, and a home of its own."""

import os

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


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory, monkeypatch):
    """No test may read or write the state of a real deployment."""
    monkeypatch.setenv("HOURFOLD_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.delenv("HOURFOLD_SOURCE", raising=False)
