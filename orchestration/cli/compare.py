"""`hourfold compare`: systems × days × seeds on one source, as JSON and a table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from assets.experiments.comparison.settings import CompareSettings
from orchestration.cli.console import out as console
from orchestration.cli.console import plain_errors, progress_bars, tell
from orchestration.cli.options import Chosen, Data, Defaults, Out, Record, Workers, from_settings

if TYPE_CHECKING:
    from assets.experiments.comparison.results import Comparison


@from_settings(CompareSettings, leave_out=("tuned",))
def compare(
    chosen: Chosen,
    out: Out,
    data: Data = None,
    workers: Workers = 1,
    defaults: Defaults = False,
    record: Record = True,
) -> None:
    """Compare systems: retrain before each day, score its 24 hours, adapt after each.

    A copy of each trained model that never adapts scores the same hours, so that the gain of the hourly
    update is seen too. A system that diverges is named with the reason, and the others go on without it.

    The source passes the gate into a warehouse under HOURFOLD_HOME unless it is there already. Results are
    saved as they come: the same command after a kill goes on where it was. Settings that `hourfold tune`
    chose are taken, a study of this home first; `--set` wins over them.

    In MLflow the comparison is an experiment of its own, a run a system and seed; recorded again, it
    takes the same runs.

    Example:

        hourfold compare --source simulator --systems deepfm,lsttm --days 2025-03-11 --seeds 3 --out c.json
    """
    from assets.experiments.comparison.prepare import prepare
    from assets.experiments.comparison.run import compare as run
    from assets.experiments.comparison.tracking import record as record_comparison
    from assets.experiments.workers import WorkerFailed
    from assets.logs.external_history import left_out
    from assets.logs.ingest import BatchRejected
    from orchestration.settings import prepare_home
    from warehouse.home import Home

    errors = (ValueError, LookupError, FileNotFoundError, WorkerFailed, BatchRejected)
    started = time.time()
    with plain_errors(*errors), progress_bars() as progress:
        settings = CompareSettings.model_validate(chosen)
        if not defaults:
            settings = settings.with_tuned(Home.current().source(settings.source))
        logs = prepare(settings, data, progress=progress)
        tell(left_out(logs.landing))
        result = run(settings, logs, out, workers=workers, progress=progress)
        if record:
            record_comparison(prepare_home().mlflow, result, out, started)
    _show(result)
    console.print(f"Written: {out}")


def _show(result: Comparison) -> None:
    """The tables, and which systems failed."""
    from orchestration.cli.tables import comparison_tables, failed_lines

    settings, made = result.settings, "simulated logs" if result.simulated else result.source
    title = f"{made}: {len(settings.days)} day(s), {len(settings.seeds)} seed(s)"
    for table in comparison_tables(title, result):
        console.print(table)
    tell(failed_lines({entry.system: entry.reason for entry in result.failed}))
