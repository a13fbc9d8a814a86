"""A tiny simulated deployment for the tests of this room."""

import os

import pytest

from tests import deployed as tiny
from tests.postgres import running


@pytest.fixture
def ready(tmp_path_factory, tmp_path):
    """A deployment of its own: day one trained on, the first hours of day two loaded."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    return tiny.deployed(shared, tmp_path / "home")


@pytest.fixture(scope="session")
def postgres():
    """A Postgres server, for as long as the tests of this process run."""
    with running() as server:
        yield server
