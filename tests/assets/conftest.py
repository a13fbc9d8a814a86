"""A tiny simulated deployment for the tests of this room."""

import pytest

from tests import deployed as tiny


@pytest.fixture
def ready(tmp_path_factory, tmp_path):
    """A deployment of its own: day one trained on, the first hours of day two loaded."""
    return tiny.deployed(tmp_path_factory.getbasetemp() / "deployed", tmp_path / "home")
