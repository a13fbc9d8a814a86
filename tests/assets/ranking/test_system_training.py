"""The systems of a day side by side: the same models as one after the other; how many at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assets.ranking import system_training
from assets.ranking.states import States
from assets.ranking.system_training import SystemTraining, train_systems, workers_for
from tests.models.ranking.toy import toy_log
from warehouse.home import Deployment

ROOT = Path(__file__).parents[3]


def plan(states, tuned=None, **changes):
    deployment = Deployment(size="tiny", **changes)
    return [
        SystemTraining(name, "d", "h", deployment, (tuned or {}).get(name, {}), states)
        for name in ("fm", "deepfm", "nfm")
    ]


@pytest.mark.slow
def test_side_by_side_gives_the_same_models_and_tells_who_failed(tmp_path):
    log, heard = toy_log(), []
    tuned = {"deepfm": {"training.batch_size": -1}}
    results = {}
    for workers in (1, 2):
        states = States(tmp_path / str(workers))
        trained = train_systems(
            plan(states, tuned), log, lambda stage, done, total: heard.append(stage), workers
        )
        assert [one.system for one in trained] == ["fm", "deepfm", "nfm"]
        assert [bool(one.failure) for one in trained] == [False, True, False]
        assert "batch_size" in trained[1].failure
        assert states.record(states.daily("deepfm", "d")) is None
        hashes = [states.finished(states.daily(name, "d")).state_hash for name in ("fm", "nfm")]
        results[workers] = (trained[0].losses, trained[2].losses, hashes)
        assert {stage.split()[0] for stage in heard} == {"fm", "nfm"}
        heard.clear()
    assert results[1] == results[2]


def test_as_many_at_a_time_as_cores_and_memory_allow(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    gib = 2**30
    monkeypatch.setattr(system_training, "memory_available", lambda: 64 * gib)
    three = plan(States(tmp_path))
    assert workers_for(three, 700_000) == 3
    assert workers_for(three, 1_000) == 1, "not worth a process"
    monkeypatch.setattr(system_training, "memory_available", lambda: 6 * gib)
    assert workers_for(three, 700_000) == 2
    assert workers_for(three, 13_000_000) == 1
    assert workers_for(plan(States(tmp_path), workers=3), 700_000) == 3, "what is set is taken"
    assert workers_for(plan(States(tmp_path), device="cuda"), 700_000) == 1
    assert system_training.memory_available() > 0


@pytest.mark.parametrize("wanted, threads", [(None, "1"), ("2", "2")])
def test_a_process_computes_with_one_thread_unless_told_otherwise(wanted, threads):
    environment = {name: value for name, value in os.environ.items() if not name.endswith("NUM_THREADS")}
    environment |= {"PYTHONPATH": str(ROOT)} | ({"OMP_NUM_THREADS": wanted} if wanted else {})
    code = "import orchestration, torch; print(torch.get_num_threads())"
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert ran.stdout.strip() == threads, ran.stderr
