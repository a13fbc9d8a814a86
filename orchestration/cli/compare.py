"""`hourfold compare`: systems × days × seeds on one source, as JSON and a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.console import out as console
from orchestration.cli.console import plain_errors, progress_bars


def compare(
    source: Annotated[str, typer.Option(help="simulator, kuairand or landing.")],
    systems: Annotated[str, typer.Option(help="Names with commas, such as deepfm,lsttm; or all.")],
    days: Annotated[str, typer.Option(help="Test days: one, FIRST..LAST, or several with commas.")],
    out: Annotated[Path, typer.Option(help="JSON file to write.")],
    data: Annotated[
        Path | None, typer.Option(help="Where the source's files are; the simulator needs none.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each system and day.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    workers: Annotated[int, typer.Option(min=1, help="Processes, one thread each.")] = 1,
    tiny: Annotated[bool, typer.Option("--tiny", help="Tiny configurations (and simulation).")] = False,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Leave out the settings that `hourfold tune` chose.")
    ] = False,
    record: Annotated[
        bool, typer.Option(help="Put figures and pictures on runs of the home's MLflow.")
    ] = True,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a setting: system.setting=value, * for all systems."),
    ] = None,
) -> None:
    """Compare systems: retrain before each day, score its 24 hours, adapt after each.

    A copy of each trained model that never adapts scores the same hours, so that the gain of the hourly
    update is told too.

    The source passes the gate into a warehouse under HOURFOLD_HOME unless it is there already. Results are
    saved as they come: the same command after a kill goes on where it was. Settings that `hourfold tune`
    chose are taken, a study of this home first; `--set` wins over them.

    In MLflow the comparison is an experiment of its own, a run a system and seed; recorded again, the runs
    are found again.

    Example:

        hourfold compare --source simulator --systems deepfm,lsttm --days 2025-03-11 --seeds 3 --out c.json
    """
    from pydantic import ValidationError

    from assets.common.tuned import tuned_settings
    from assets.experiments.comparison.prepare import days_named, prepare
    from assets.experiments.comparison.run import compare as run
    from assets.experiments.comparison.settings import CompareSettings, systems_named
    from assets.experiments.comparison.tracking import record as record_comparison
    from assets.experiments.workers import WorkerFailed
    from assets.logs.ingest import BatchRejected
    from orchestration.cli.tables import comparison_tables
    from orchestration.settings import prepare_home
    from warehouse.home import Home

    errors = (ValueError, LookupError, FileNotFoundError, ValidationError, WorkerFailed, BatchRejected)
    with plain_errors(*errors), progress_bars() as progress:
        size = "tiny" if tiny else "real"
        names = systems_named(systems, set_ or ())
        home = Home.current().source(source)
        settings = CompareSettings.model_validate(
            {
                "source": source,
                "systems": names,
                "days": days_named(days),
                "seeds": tuple(range(seeds)),
                "size": size,
                "device": device,
                "tuned": {} if defaults else tuned_settings(home, source, size, names),
                "overrides": tuple(set_ or ()),
            }
        )
        logs = prepare(settings, data, progress=progress)
        result = run(settings, logs, out, workers=workers, progress=progress)
        if record:
            record_comparison(prepare_home().mlflow, result, out)
    made = "simulated logs" if logs.simulated else source
    title = f"{made}: {len(settings.days)} day(s), {len(settings.seeds)} seed(s)"
    for table in comparison_tables(title, result):
        console.print(table)
    console.print(f"Written: {out}")
