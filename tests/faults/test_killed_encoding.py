"""Kill an encoding process anywhere: what is left is whole days, and going on gives the same bytes.

A third of the kills comes at any operation on files, a third at any time, and a third while the state that is
carried from day to day is merged and written.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from models.ranking.instances.manifest import STATE
from tests.assets.ranking.day_logs import DAYS, contents, loaded_in
from tests.faults import encoder
from tests.faults.kills import kills, run_apart

KILLS = kills("encoding")


def run(process, logs, root, kill_at=None, delay=None):
    """Encode in a process of its own; killed at an operation or after a delay. Operations and seconds."""
    return run_apart(process, encoder.run, (logs, root), delay, kill_at=kill_at)


@pytest.fixture(scope="module")
def undisturbed(process, tmp_path_factory):
    """The logs, what an encoding of them writes, and the operations and seconds it takes."""
    logs = loaded_in(tmp_path_factory.mktemp("logs"))
    root = tmp_path_factory.mktemp("whole")
    operations, _ = run(process, logs, root)
    again = tmp_path_factory.mktemp("again")
    same, seconds = run(process, logs, again)
    assert len(operations) == len(same) and contents(root) == contents(again)
    return logs, contents(root), operations, seconds


def finished(root):
    """The days of which a partition is there; each must be what its manifest says."""
    folder = root / encoder.VERSION
    days = []
    for manifest in folder.glob("20*/manifest.json"):
        for name, (size, digest) in json.loads(manifest.read_text())["files"].items():
            content = (manifest.parent / name).read_bytes()
            assert len(content) == size and hashlib.sha256(content).hexdigest() == digest
        days.append(manifest.parent.name)
    assert not [path for path in folder.glob("20*") if path.name not in days], "a partition without manifest"
    return sorted(days)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_encoding_leaves_whole_days_and_goes_on(process, undisturbed, tmp_path, seed):
    logs, whole, operations, seconds = undisturbed
    rng = np.random.default_rng(seed)
    share = (seed // 3 + rng.random()) / -(-KILLS // 3)  # of the way: kills are spread over all of it
    if seed % 3 == 1:
        run(process, logs, tmp_path, delay=share * seconds)
    else:
        merging = [at for at, (_, path) in enumerate(operations) if f"/{STATE}" in path]
        among = merging if seed % 3 else range(len(operations))
        at = among[int(share * len(among))]
        assert run(process, logs, tmp_path, kill_at=at)[0] is None, "nobody was killed"
    days = finished(tmp_path)
    assert days == DAYS[: len(days)], "days are encoded in order"
    left = contents(tmp_path)
    for day in days:
        of_day = f"{encoder.VERSION}/{day}/"
        assert {file for file in left if file.startswith(of_day)} == {
            file for file in whole if file.startswith(of_day)
        }
    done = {day: (tmp_path / encoder.VERSION / day / "manifest.json").stat().st_mtime_ns for day in days}
    run(process, logs, tmp_path)
    assert contents(tmp_path) == whole, "other bytes, or something half written is left"
    after = {day: (tmp_path / encoder.VERSION / day / "manifest.json").stat().st_mtime_ns for day in days}
    assert after == done, "a finished day was encoded again"
