"""How a process of a deployment computes, asked of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASK = (
    "import orchestration, os, torch; from models.threads import use_threads; use_threads(); "
    "print(torch.get_num_threads(), os.environ['OMP_WAIT_POLICY'], os.environ['MALLOC_TRIM_THRESHOLD_'])"
)


@pytest.mark.parametrize(
    "deployment, variable, expected",
    [
        (None, None, 1),
        ({"threads": 2}, None, 2),
        ({"threads": 2}, "1", 1),
        ({"threads": "many"}, None, 1),
        ({}, None, 1),
    ],
)
def test_threads_are_those_of_the_deployment(tmp_path, deployment, variable, expected):
    if deployment is not None:
        (tmp_path / "deployment.json").write_text(json.dumps(deployment))
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MALLOC_"))
    }
    environment |= {"PYTHONPATH": str(ROOT), "HOURFOLD_HOME": str(tmp_path)}
    environment |= {} if variable is None else {"OMP_NUM_THREADS": variable}
    ran = subprocess.run([sys.executable, "-c", ASK], env=environment, capture_output=True, text=True)
    assert ran.stdout.split() == [str(expected), "PASSIVE", str(256 * 2**20)], ran.stderr
