"""A study that leaves its home: exported, run without a warehouse, and recorded back there."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from assets.experiments.tuning.elsewhere import StudyFile
from orchestration.cli import app

ROOT = Path(__file__).parents[3]
#: None of these can be imported in the process that runs the study.
ABSENT = ("duckdb", "mlflow", "dagster", "pandas", "great_expectations")
ABSENT += ("optuna", "sqlalchemy", "alembic", "typer", "rich", "dotenv", "sklearn", "matplotlib", "implicit")
ELSEWHERE = f"""
import sys
sys.modules.update(dict.fromkeys({ABSENT}))
from assets.experiments.tuning.elsewhere import main
sys.exit(main(sys.argv[1:]))
"""


def hourfold(*words):
    shown = CliRunner().invoke(app, [str(word) for word in words])
    assert shown.exit_code == 0, shown.output
    return shown.output


def trials(path):
    """System → the settings of its first trial, and how many it has."""
    document = json.loads(path.read_text())["systems"]
    return {
        name: (system["trials"][0]["settings"], len(system["trials"])) for name, system in document.items()
    }


def default_aucs(path):
    document = json.loads(path.read_text())["systems"]
    return {name: system["default_auc"] for name, system in document.items()}


def test_an_exported_study_runs_elsewhere_and_is_recorded_at_home(tmp_path):
    asked = ("tune", "--source", "simulator", "--tiny", "--days", "2025-03-05")
    asked += ("--systems", "fm,lsttm_no_meta", "--trials", 2, "--sampler", "qmc")
    days, here, there = (tmp_path / name for name in ("days.pickle", "here.json", "there.json"))
    hourfold(*asked, "--out", there, "--export", days)
    assert days.exists() and not there.exists()
    words = [sys.executable, "-c", ELSEWHERE, str(days), "--out", str(there), "--workers", "2"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    hourfold(*asked, "--out", here, "--no-mlflow")
    assert trials(here) == trials(there) and trials(here)["fm"][1] == 2
    before = there.read_text()
    shown = hourfold(*asked, "--out", there, "--write")  # records it: nothing is run again
    assert json.loads(there.read_text())["systems"] == json.loads(before)["systems"] and "fm" in shown
    # Home trains from stored partitions, elsewhere from a history in memory: the same to the bit.
    assert default_aucs(there) == default_aucs(here)


def test_a_file_of_days_alone_is_refused(tmp_path):
    path = tmp_path / "days.pickle"
    path.write_bytes(pickle.dumps([]))
    with pytest.raises(ValueError, match="days without a study"):
        StudyFile.load(path)
