"""The shop of purchases alone on which opponents are tested."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.profiling.toy import toy_data

USERS = 240


@pytest.fixture(scope="module")
def data():
    return toy_data(users=USERS, bare=True)


@pytest.fixture(scope="module")
def train():
    return np.arange(USERS) % 4 != 3
