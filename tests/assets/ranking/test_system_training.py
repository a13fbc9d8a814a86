"""The systems of a day side by side: the same models as one after the other; how many at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from assets.ranking import system_training
from assets.ranking.encoding import encode
from assets.ranking.instance_store import InstanceStore
from assets.ranking.states import States
from assets.ranking.system_training import SystemTraining, train_systems, workers_for
from assets.ranking.training_window import system_settings, versions_of
from assets.ranking.window_days import WindowFolders
from models.ranking.instances.manifest import FORMAT, MANIFEST
from tests.assets.ranking.day_logs import DAYS, history, loaded_in
from warehouse.home import Deployment

ROOT = Path(__file__).parents[3]


def plan(states, folders=(), tuned=None, **changes):
    deployment = Deployment(size="tiny", **changes)
    systems = system_settings(("fm", "deepfm", "nfm"), "tiny", tuned or {})
    return [
        SystemTraining(name, DAYS[-1], "h", deployment, settings, states, WindowFolders.of(folders, settings))
        for name, settings in systems.items()
    ]


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    """Partitions of all days."""
    logs = loaded_in(tmp_path_factory.mktemp("logs"))
    of_logs = history(logs, DAYS[-1])
    (version,) = versions_of(system_settings(("fm",), "tiny", {}), of_logs.no_events)
    store = InstanceStore(tmp_path_factory.mktemp("instances"), version.name)
    return encode(of_logs, store, version.settings, DAYS).folders


@pytest.mark.slow
def test_side_by_side_gives_the_same_models_and_tells_who_failed(tmp_path, window):
    heard = []
    tuned = {"deepfm": {"training.learning_rate": 1e30}}
    results = {}
    for workers in (1, 2):
        states = States(tmp_path / str(workers))
        trained = train_systems(
            plan(states, window, tuned), lambda stage, done, total: heard.append(stage), workers
        )
        assert [one.system for one in trained] == ["fm", "deepfm", "nfm"]
        assert [bool(one.failure) for one in trained] == [False, True, False]
        assert "diverged" in trained[1].failure
        assert states.record(states.daily("deepfm", DAYS[-1])) is None
        hashes = [states.finished(states.daily(name, DAYS[-1])).state_hash for name in ("fm", "nfm")]
        results[workers] = (trained[0].losses, trained[2].losses, hashes)
        assert {stage.split()[0] for stage in heard} >= {"fm", "nfm"}
        heard.clear()
    assert results[1] == results[2]


def test_as_many_at_a_time_as_cores_and_memory_allow(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    gib = 2**30

    def workers_of(exposures, memory, **changes):
        (tmp_path / MANIFEST).write_text(
            json.dumps({"format": FORMAT, "rows": exposures, "clicks": exposures // 4, "external_clicks": 0})
        )
        monkeypatch.setattr(system_training, "memory_available", lambda: memory)
        return workers_for(plan(States(tmp_path), [tmp_path], **changes))

    assert workers_of(700_000, 64 * gib) == 3
    assert workers_of(1_000, 64 * gib) == 1, "not worth a process"
    assert workers_of(700_000, 5 * gib) == 2
    assert workers_of(13_000_000, 5 * gib) == 1
    block = system_training.bytes_needed(2**20, 0)
    assert system_training.bytes_needed(10**9, 0) == block, "instances are read in blocks"
    assert workers_of(700_000, 5 * gib, workers=3) == 3, "what is set is taken"
    assert workers_of(700_000, 5 * gib, device="cuda") == 1
    monkeypatch.undo()
    assert system_training.memory_available() > 0


@pytest.mark.parametrize("wanted, threads", [(None, "1"), ("2", "2")])
def test_a_process_computes_with_one_thread_unless_told_otherwise(wanted, threads):
    environment = {name: value for name, value in os.environ.items() if not name.endswith("NUM_THREADS")}
    environment |= {"PYTHONPATH": str(ROOT)} | ({"OMP_NUM_THREADS": wanted} if wanted else {})
    code = "import orchestration, torch; print(torch.get_num_threads())"
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert ran.stdout.strip() == threads, ran.stderr


def test_an_unreadable_checkpoint_is_a_note_of_the_training(tmp_path, window):
    """The day is trained anew, to the same model, and the page of the asset says what was set aside."""
    states, hashes = States(tmp_path), []
    (training, *_) = plan(states, window)
    for content in (None, b"", b"an epoch"):
        checkpoint = states.checkpoint("fm", DAYS[-1])
        if content is not None:
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            checkpoint.write_bytes(content)
        (trained,) = train_systems([training], lambda *_: None, 1)
        assert not trained.failure and len(trained.notes) == (content is not None)
        assert all(f"{checkpoint} cannot be read" in note for note in trained.notes)
        hashes.append(states.finished(states.daily("fm", DAYS[-1])).state_hash)
    assert len(set(hashes)) == 1
