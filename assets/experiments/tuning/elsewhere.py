"""A study on a machine without a warehouse: its days in one file, and the command that runs it there.

    hourfold tune … --export days.npz                              # where the logs are
    python -m assets.experiments.tuning.elsewhere days.npz --out study.json --workers 32
    hourfold tune … --out study.json                                  # records what study.json holds

The second line needs neither DuckDB nor Dagster nor MLflow: this repository, numpy, scipy, torch, pydantic,
pyarrow; LightGBM for trees, torch_geometric for systems with a graph, Optuna where the sampler is tpe or gp.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.experiments.tuning.days import LoggedDays, StoredDays
from assets.experiments.tuning.log_file import LogDays, load_about, save_days
from assets.experiments.tuning.results import TuningResult
from assets.experiments.tuning.run import tune
from assets.experiments.tuning.settings import TuneSettings
from models.progress import Progress, silent

if TYPE_CHECKING:
    from models.ranking.features.event_log import EventLog

EVERY_SECONDS = 30.0  #: between two lines of progress


@dataclass(frozen=True)
class StudyFile:
    """What a study needs besides its days, which lie in the same file."""

    settings: TuneSettings
    simulated: bool
    data_hash: str

    def save(self, path: Path, days: LogDays) -> None:
        """Write the file, whole or not at all."""
        settings = self.settings.model_dump(mode="json")
        save_days(path, days, settings=settings, simulated=self.simulated, data_hash=self.data_hash)

    @classmethod
    def load(cls, path: Path) -> StudyFile:
        """Read what `save` wrote, without the days.

        Raises:
            ValueError: the file is none, or holds days and no study.
        """
        about = load_about(path)
        if "settings" not in about:
            raise ValueError(f"{path}: days without a study; write it by `hourfold tune --export`")
        settings = TuneSettings.model_validate(about["settings"])
        return cls(settings, bool(about["simulated"]), str(about["data_hash"]))


def export(
    settings: TuneSettings,
    read: LoggedDays,
    path: Path,
    *,
    simulated: bool,
    data_hash: str,
    progress: Progress = silent,
) -> None:
    """Write the validation days of a gated source, and the study to run on them, to one file."""
    from assets.experiments.source_logs import read_hours

    days: list[tuple[EventLog, Sequence[EventLog]]] = []
    for number, day in enumerate(read.days):
        days.append((read.history(number), read_hours(read.logs, day)))
        progress("days read", number + 1, len(read.days))
    StudyFile(settings, simulated, data_hash).save(path, days)


def run(path: Path, out: Path, workers: int, progress: Progress, **changes: object) -> TuningResult:
    """Run the study of an exported file.

    Args:
        path: of the file.
        out: where the JSON goes; partial results lie beside it, and a killed study goes on from them.
        workers: processes.
        progress: called with (stage, done, total).
        changes: of the study's settings; with others than systems and trials it is another study.
    """
    file = StudyFile.load(path)
    settings = TuneSettings.model_validate(file.settings.model_dump() | changes)
    return tune(
        settings,
        StoredDays(path),
        out,
        simulated=file.simulated,
        data_hash=file.data_hash,
        workers=workers,
        progress=progress,
    )


def main(arguments: Sequence[str]) -> int:
    """Run a study as the command line asks; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m assets.experiments.tuning.elsewhere")
    parser.add_argument("file", type=Path, help="what `hourfold tune --export` wrote")
    parser.add_argument("--out", type=Path, required=True, help="the study's JSON")
    parser.add_argument("--workers", type=int, default=1, help="processes; by tpe and gp, one a system")
    parser.add_argument("--systems", help="names with commas; default: those of the study")
    parser.add_argument("--trials", type=int, help="of each system; default: those of the study")
    asked = parser.parse_args(arguments)
    changes = {name: value for name in ("systems", "trials") if (value := getattr(asked, name)) is not None}
    result = run(asked.file, asked.out, asked.workers, _lines(), **changes)
    for name, system in result.systems.items():
        print(f"{name}: defaults {system.default_auc}, chosen {system.auc} {system.settings or ''}")
    return 0


def _lines() -> Progress:
    """Progress as lines on standard error, at most one in `EVERY_SECONDS`, and the last of a stage."""
    last = [0.0]

    def report(stage: str, done: int, total: int) -> None:
        if done == total or time.monotonic() - last[0] > EVERY_SECONDS:
            last[0] = time.monotonic()
            print(f"{stage}: {done} of {total}", file=sys.stderr, flush=True)

    return report


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
