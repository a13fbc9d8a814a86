"""`hourfold tune`: the same number of trials a system on validation days, as JSON and a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.console import out as console
from orchestration.cli.console import plain_errors, progress_bars

if TYPE_CHECKING:
    from assets.experiments.tuning.results import TuningResult


def tune(
    source: Annotated[str, typer.Option(help="simulator, kuairand or landing.")],
    days: Annotated[str, typer.Option(help="Validation days: one, FIRST..LAST, or several with commas.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    systems: Annotated[str, typer.Option(help="Names with commas, or all.")] = "all",
    data: Annotated[
        Path | None, typer.Option(help="Where the source's files are; the simulator needs none.")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Of each system, the defaults included.")] = 12,
    seed: Annotated[int, typer.Option(help="Of trainings, and of what is drawn.")] = 0,
    sampler: Annotated[str, typer.Option(help="Optuna's: tpe, or gp, a Gaussian process.")] = "tpe",
    workers: Annotated[int, typer.Option(min=1, help="Processes, one thread and one system each.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    tiny: Annotated[bool, typer.Option("--tiny", help="Tiny configurations (and simulation).")] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Take the chosen settings from now on, in this home.")
    ] = False,
    mlflow: Annotated[bool, typer.Option("--mlflow/--no-mlflow", help="Record the trials in MLflow.")] = True,
) -> None:
    """Tune systems: one budget of trials for each, scored on validation days as a comparison would.

    Trial 0 of a system has its defaults; the others are drawn by Optuna from the system's space. The best is
    taken if it beats the defaults by more than a standard error. Choose days that no result will be reported
    on. Trials are kept as they end: the same command after a kill goes on where it was.

    Example:

        hourfold tune --source simulator --systems deepfm,lsttm --days 2025-03-08..2025-03-09 --out study.json
    """
    from pydantic import ValidationError

    from assets.common.tuned import FILE
    from assets.experiments.comparison.prepare import days_named, prepare
    from assets.experiments.comparison.settings import CompareSettings
    from assets.experiments.source_logs import hash_of
    from assets.experiments.tuning.run import tune as run
    from assets.experiments.tuning.settings import TuneSettings
    from assets.experiments.tuning.tracking import record
    from assets.experiments.tuning.workers import LoggedDays
    from assets.experiments.workers import WorkerFailed
    from assets.logs.ingest import BatchRejected
    from models.ranking.registry import SYSTEMS
    from orchestration.settings import prepare_home
    from warehouse.home import Home

    errors = (ValueError, LookupError, FileNotFoundError, ValidationError, WorkerFailed, BatchRejected)
    with plain_errors(*errors), progress_bars() as progress:
        names = SYSTEMS if systems.strip() == "all" else (name.strip() for name in systems.split(","))
        settings = TuneSettings.model_validate(
            {
                "source": source,
                "systems": tuple(names),
                "days": days_named(days),
                "trials": trials,
                "seed": seed,
                "sampler": sampler,
                "size": "tiny" if tiny else "real",
                "device": device,
            }
        )
        fields = settings.model_dump(include={"source", "systems", "days", "size", "device"})
        logs = prepare(CompareSettings.model_validate(fields), data, progress=progress)
        result = run(
            settings,
            LoggedDays(logs, settings.days),
            out,
            simulated=logs.simulated,
            data_hash=hash_of(logs, settings.days),
            workers=workers,
            progress=progress,
        )
        home = prepare_home(Home.current())
        if mlflow:
            record(home.mlflow, settings, result, out, progress)
        if write:
            result.choices().save(home.source(source).root / FILE)
    _print(result)
    console.print(f"Written: {out}" + (f", {home.source(source).root / FILE}" if write else ""))


def _print(result: TuningResult) -> None:
    """What was chosen for each system."""
    from rich.table import Table

    table = Table(
        title=f"{result.about}: {len(result.days)} validation day(s), {result.trials} trials a system"
    )
    for name in ("system", "defaults", "chosen", "trials", "failed", "seconds a trial"):
        table.add_column(name, justify="left" if name == "system" else "right", no_wrap=True)
    table.add_column("settings")
    for name, system in result.systems.items():
        table.add_row(
            name,
            *("–" if auc is None else f"{auc:.4f}" for auc in (system.default_auc, system.auc)),
            str(len(system.trials)),
            str(len(system.failures)),
            "–" if system.seconds is None else f"{system.seconds:.1f}",
            ", ".join(f"{path}={value}" for path, value in system.settings.items()) or "the defaults",
        )
    console.print(table)
    for name, system in result.systems.items():
        for number, reason in system.failures.items():
            console.print(f"{name}, trial {number} failed: {reason}", markup=False)
