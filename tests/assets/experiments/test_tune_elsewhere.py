"""A study that leaves its home: exported, run without a warehouse, and recorded back there."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from typer.testing import CliRunner

from assets.experiments.tuning import elsewhere
from assets.experiments.tuning.elsewhere import StudyFile
from assets.experiments.tuning.log_file import load_days, save_days
from assets.experiments.tuning.settings import TuneSettings
from models.ranking.features.event_log import HOUR_MS
from orchestration.cli import app
from tests.models.ranking.toy import START, toy_log
from tests.tiny_source import DAY, tiny_source

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


def test_an_exported_study_runs_elsewhere_and_is_recorded_at_home(tmp_path, tmp_path_factory):
    tiny_source(tmp_path_factory, Path(os.environ["HOURFOLD_HOME"]))
    asked = ("tune", "--source", "simulator", "--tiny", "--days", DAY)
    asked += ("--systems", "fm,lsttm_no_meta", "--trials", 2, "--sampler", "qmc")
    days, here, there = (tmp_path / name for name in ("days.npz", "here.json", "there.json"))
    hourfold(*asked, "--out", there, "--export", days)
    assert days.exists() and not there.exists()
    words = [sys.executable, "-c", ELSEWHERE, str(days), "--out", str(there)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    hourfold(*asked, "--out", here, "--no-mlflow")
    assert trials(here) == trials(there) and trials(here)["fm"][1] == 2
    before = there.read_text()
    shown = hourfold(*asked, "--out", there, "--write")  # records it: nothing is run again
    assert json.loads(there.read_text())["systems"] == json.loads(before)["systems"] and "fm" in shown
    # Home trains from stored partitions, elsewhere from a history in memory: the same to the bit.
    assert default_aucs(there) == default_aucs(here)


def test_workers_and_another_budget_reach_the_study(tmp_path, monkeypatch):
    settings = TuneSettings(source="toy", systems=("fm", "deepfm"), days=("d",), trials=3, size="tiny")
    StudyFile(settings, True, "h").save(tmp_path / "days.npz", [])
    asked = []

    def tune(settings, read, out, **options):
        asked.append((settings, read, out, options))
        return SimpleNamespace(systems={})

    monkeypatch.setattr(elsewhere, "tune", tune)
    words = [str(tmp_path / "days.npz"), "--out", str(tmp_path / "s.json"), "--workers", "32"]
    assert elsewhere.main([*words, "--systems", "fm", "--trials", "5"]) == 0
    ((of_study, read, out, options),) = asked
    assert of_study == settings.model_copy(update={"systems": ("fm",), "trials": 5})
    assert read.path == tmp_path / "days.npz" and out == tmp_path / "s.json"
    assert (options["workers"], options["simulated"], options["data_hash"]) == (32, True, "h")


def test_a_file_of_days_alone_is_refused(tmp_path):
    path = tmp_path / "days.npz"
    save_days(path, [])
    with pytest.raises(ValueError, match="days without a study"):
        StudyFile.load(path)


class Harmful:
    """Runs a command when a pickle of it is opened."""

    def __reduce__(self):
        return os.mkdir, ("opened",)


@pytest.mark.parametrize("form", ["pickle", "object array", "text"])
def test_a_file_with_code_in_it_is_refused_and_runs_nothing(tmp_path, monkeypatch, form):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "days.npz"
    if form == "object array":
        np.savez(path, about=np.array([Harmful()], dtype=object))
    else:
        path.write_bytes(pickle.dumps(Harmful()) if form == "pickle" else b"days")
    for read in (StudyFile.load, load_days):
        with pytest.raises(ValueError, match="is no file of days"):
            read(path)
    assert not (tmp_path / "opened").exists()


def test_days_come_back_to_the_bit_and_shared_columns_once(tmp_path):
    log = toy_log(hours=26, per_hour=40)
    days = [
        (log.between(START, START + 20 * HOUR_MS), [log.between(START + 20 * HOUR_MS, START + 21 * HOUR_MS)])
    ]
    save_days(tmp_path / "days.npz", days)
    ((past, (hour,)),) = load_days(tmp_path / "days.npz")
    for again, before in ((past, days[0][0]), (hour, days[0][1][0])):
        assert (again.start_ms, again.end_ms, again.zone_offset_ms) == (
            before.start_ms,
            before.end_ms,
            before.zone_offset_ms,
        )
        for part in ("exposures", "external", "users", "items"):
            for name, column in vars(getattr(before, part)).items():
                read = getattr(getattr(again, part), name)
                assert read.dtype == column.dtype and read.tobytes() == column.tobytes(), (part, name)
    assert past.users.index is hour.users.index
