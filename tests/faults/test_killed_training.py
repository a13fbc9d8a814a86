"""Kill a training anywhere: what is left is whole, and going on gives the same model, byte for byte.

Kills come at a step of the second block, while graphs are merged and what is made of a day is stored beside
it, at any operation on files, and at any time.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field

import numpy as np
import pytest

from assets.common.provenance import content_hash
from assets.ranking.encoding import encode
from assets.ranking.instance_store import InstanceStore
from assets.ranking.states import States
from models.ranking.instances.manifest import BESIDE
from tests.assets.ranking.day_logs import DAYS, contents, history, loaded_in
from tests.faults import trainer
from tests.faults.kills import kills, run_apart

KILLS = kills("training")
VERSION = "v"
PLAIN, MAML = trainer.SYSTEMS
CASES = (
    (PLAIN, "second block"),
    (MAML, "second block"),
    (PLAIN, "beside"),
    (PLAIN, "operation"),
    (MAML, "operation"),
    (PLAIN, "time"),
    (MAML, "time"),
)


@dataclass(frozen=True)
class Undisturbed:
    """A training that nobody kills."""

    files: dict[str, bytes] = field(repr=False)  #: all that it leaves
    operations: list[tuple[str, str]] = field(repr=False)
    steps: int
    blocks: list[int]  #: number of steps before each
    seconds: float

    def beside(self) -> list[int]:
        """Numbers of the operations that write into a folder beside a day."""
        wanted = f"{BESIDE}/.click_factors"
        return [n for n, (event, path) in enumerate(self.operations) if event == "open" and wanted in path]


def run(process, root, system, delay=None, **kill_at):
    """Train in a process of its own; what it tells (None if it was killed), and seconds."""
    folders = [root / "instances" / VERSION / day for day in DAYS]
    return run_apart(process, trainer.run, (root, folders, system), delay, **kill_at)


@pytest.fixture(scope="module")
def partitions(tmp_path_factory):
    """Instances of all days, which no training has read yet."""
    logs = history(loaded_in(tmp_path_factory.mktemp("logs")), DAYS[-1])
    root = tmp_path_factory.mktemp("encoded")
    features = trainer.settings_of(PLAIN).features.canonical()
    assert features == trainer.settings_of(MAML).features.canonical(), "of one version"
    encode(logs, InstanceStore(root, VERSION), features, DAYS)
    return root


@pytest.fixture(scope="module")
def undisturbed(process, partitions, tmp_path_factory):
    """Of each system."""
    whole = {}
    for system in trainer.SYSTEMS:
        for _ in range(2):  # the first one is slower
            root = tmp_path_factory.mktemp("whole")
            shutil.copytree(partitions, root / "instances")
            told, seconds = run(process, root, system)
            assert len(told[2]) >= 3, "three blocks"
        whole[system] = Undisturbed(contents(root), *told, seconds)
    return whole


def kill(process, root, system, case, rng, whole):
    """Begin a training, and end it."""
    if case == "time":
        run(process, root, system, delay=whole.seconds * rng.random())
        return
    if case == "second block":
        at = {"step": int(rng.integers(whole.blocks[1], whole.blocks[2]))}
    else:
        at = {"operation": int(rng.choice(whole.beside() if case == "beside" else len(whole.operations)))}
    assert run(process, root, system, **at)[0] is None, "nobody was killed"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_training_leaves_nothing_half_and_goes_on_to_the_same_model(
    process, partitions, undisturbed, tmp_path, seed
):
    system, case = CASES[seed % len(CASES)]
    whole = undisturbed[system]
    shutil.copytree(partitions, tmp_path / "instances")
    kill(process, tmp_path, system, case, np.random.default_rng(seed), whole)

    states, store = States(tmp_path / "models"), InstanceStore(tmp_path / "instances", VERSION)
    folder = states.daily(system, DAYS[-1])
    if folder.exists():
        assert content_hash(states.ranker_path(folder)) == states.finished(folder).state_hash
    if case == "beside":
        assert list(tmp_path.rglob(f"{BESIDE}/.*")), "a kill within a write leaves the half of it"
    store.sweep()
    assert not list(tmp_path.rglob(f"{BESIDE}/.*")), "what the dead left is still there"
    assert differing(contents(tmp_path / "instances"), whole.files, "instances/") == []

    told, _ = run(process, tmp_path, system)
    assert differing(whole.files, contents(tmp_path)) == [], "another model"
    assert not states.checkpoint(system, DAYS[-1]).exists()
    if case == "second block":
        assert 0 < told[1] <= whole.steps - whole.blocks[1], "what the checkpoint held was computed again"


def differing(files, others, before=""):
    """Names of files that are not the same among others, whose names have something before them."""
    return [name for name, data in files.items() if data != others.get(f"{before}{name}")]
