"""`hourfold tune`: the same number of trials a system on validation days, as JSON and a table."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from assets.experiments.tuning.settings import TuneSettings
from orchestration.cli.console import out as console
from orchestration.cli.console import plain_errors, progress_bars
from orchestration.cli.options import Chosen, Data, Out, Workers, from_settings
from orchestration.cli.tables import new_table, or_dash

if TYPE_CHECKING:
    from assets.experiments.tuning.results import TuningResult
    from models.progress import Progress

Write = Annotated[bool, typer.Option("--write", help="Take the chosen settings from now on, in this home.")]
Mlflow = Annotated[bool, typer.Option("--mlflow/--no-mlflow", help="Record the trials in MLflow.")]
Export = Annotated[
    Path | None,
    typer.Option(help="Write the days to this file and stop: the study runs on a machine without a home."),
]


@from_settings(TuneSettings)
def tune(
    chosen: Chosen,
    out: Out,
    data: Data = None,
    workers: Workers = 1,
    write: Write = False,
    mlflow: Mlflow = True,
    export: Export = None,
) -> None:
    """Tune systems: one budget of trials for each, scored on validation days as a comparison would.

    Trial 0 of a system has its defaults; the others are drawn by Optuna or, with `--sampler qmc`, all at
    once, so that many workers share them. The best is taken if it beats the defaults by more than a standard
    error. An ablation takes the settings of the system that it lacks a part of. Choose days that no result
    will be reported on. Trials are saved as they end: the same command after a kill goes on where it was.

    Example:

        hourfold tune --source simulator --systems deepfm,lsttm --days 2025-03-08..2025-03-09 --out study.json

    `--export days.npz` writes what the study needs; there, `python -m assets.experiments.tuning.elsewhere
    days.npz --out study.json --workers 32` runs it. Back here, the same command with that `study.json`
    records it.
    """
    from assets.common.tuned import FILE
    from assets.experiments.tuning.tracking import record
    from assets.experiments.workers import WorkerFailed
    from assets.logs.ingest import BatchRejected
    from orchestration.settings import prepare_home

    started, errors = time.time(), (ValueError, LookupError, FileNotFoundError, WorkerFailed, BatchRejected)
    with plain_errors(*errors), progress_bars() as progress:
        settings = TuneSettings.model_validate(chosen)
        result = _study(settings, data, out, workers, export, progress)
        if result is None:
            console.print(f"Written: {export}")
            return
        home = prepare_home()
        own = home.source(settings.source).root / FILE
        if mlflow:
            record(home.mlflow, settings, result, out, progress, started)
        if write:
            result.choices().save(own)
    _print(result, [out, own] if write else [out])


def _study(
    settings: TuneSettings,
    data: Path | None,
    out: Path,
    workers: int,
    export: Path | None,
    progress: Progress,
) -> TuningResult | None:
    """Run the study; None where its days were written to `export` instead."""
    from assets.experiments.comparison.prepare import prepare
    from assets.experiments.comparison.settings import CompareSettings
    from assets.experiments.source_logs import hash_of
    from assets.experiments.tuning import elsewhere
    from assets.experiments.tuning.days import LoggedDays
    from assets.experiments.tuning.run import tune as run

    fields = settings.model_dump(include={"source", "systems", "days", "size", "device"})
    logs = prepare(CompareSettings.model_validate(fields), data, progress=progress)
    read, data_hash = LoggedDays(logs, settings.days), hash_of(logs, settings.days)
    if export is None:
        return run(
            settings,
            read,
            out,
            simulated=logs.simulated,
            data_hash=data_hash,
            workers=workers,
            progress=progress,
        )
    elsewhere.export(settings, read, export, simulated=logs.simulated, data_hash=data_hash, progress=progress)
    return None


def _print(result: TuningResult, written: list[Path]) -> None:
    """What was chosen for each system."""
    title = f"{result.about}: {len(result.days)} validation day(s), {result.trials} trials a system"
    table = new_table(title, "system", "defaults", "chosen", "trials", "failed", "seconds a trial")
    table.add_column("settings")
    for name, system in result.systems.items():
        table.add_row(
            name,
            or_dash(system.default_auc),
            or_dash(system.auc),
            str(len(system.trials)),
            str(len(system.failures)),
            or_dash(system.seconds, ".1f"),
            ", ".join(f"{path}={value}" for path, value in system.settings.items()) or "the defaults",
        )
    console.print(table)
    for name, system in result.systems.items():
        for number, reason in system.failures.items():
            console.print(f"{name}, trial {number} failed: {reason}")
    if inherited := result.inherited_text:
        console.print(f"Not tuned themselves: {inherited}.")
    console.print(f"Written: {', '.join(map(str, written))}")
