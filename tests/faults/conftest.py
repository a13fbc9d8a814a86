"""Processes to be killed."""

import multiprocessing

import pytest


@pytest.fixture(scope="session")
def process():
    """Makes processes that begin with everything imported: a work is killed, not an import."""
    context = multiprocessing.get_context("forkserver")
    # The server is started once for all tests, and imports nothing later; the first optimiser of a process
    # imports `torch._dynamo`, which takes longer than a training.
    own = [
        f"tests.faults.{name}" for name in ("cleaner", "comparer", "encoder", "loader", "trainer", "victim")
    ]
    context.set_forkserver_preload([*own, "models.ranking.registry", "torch._dynamo"])
    return context
