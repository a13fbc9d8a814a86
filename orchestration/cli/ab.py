"""`hourfold ab`: an online A/B test on the simulator."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from assets.experiments.ab.settings import ABSettings
from orchestration.cli.console import out as console
from orchestration.cli.console import plain_errors, progress_bars, tell
from orchestration.cli.options import Chosen, Defaults, Out, Record, Workers, from_settings
from orchestration.cli.tables import new_table, or_dash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from assets.experiments.ab.results import ABResult, ArmLift


@from_settings(ABSettings, leave_out=("draws", "resplits", "tuned"))
def ab(
    chosen: Chosen,
    out: Out = Path("ab.json"),
    workers: Workers = 1,
    defaults: Defaults = False,
    record: Record = True,
) -> None:
    """Test systems against each other online, on simulated users: no real user is in it.

    Users are split by hash; each arm ranks for its own, learns from what they do with it, adapts every hour
    and retrains every day. Days are saved as they come: the same command after a kill goes on where it was.

    Example:

        hourfold ab --arms deepfm,lsttm_spectral --days 5 --aa --workers 2 --out ab.json
    """
    from assets.experiments.ab.run import ab_test
    from assets.experiments.ab.tracking import record as record_ab
    from assets.experiments.workers import WorkerFailed
    from orchestration.settings import prepare_home
    from warehouse.home import Home

    started = time.time()
    with plain_errors(ValueError, WorkerFailed), progress_bars() as progress:
        settings = ABSettings.model_validate(chosen)
        if not defaults:
            settings = settings.with_tuned(Home.current().source("simulator"))
        result = ab_test(settings, out, workers=workers, progress=progress)
        if record:
            record_ab(prepare_home().mlflow, result, out, started)
    test_days = settings.test_days
    console.print(_arms_table(f"Simulated users, {test_days[0]} to {test_days[-1]}", result))
    if result.aa is not None:
        title = "Paired lift: the same simulated users under either system, in two worlds"
        console.print(_lifts_table(title, result.paired))
    console.print(
        _lifts_table("Unpaired lift, simulated users: the luck of the split is in it", result.metrics)
    )
    if result.aa is not None:
        console.print(_lifts_table("A/A, simulated users: the base in both arms", result.aa.metrics))
    else:
        console.print("No paired lift: it needs the base on the arms' users (--aa).")
    srm = result.srm
    verdict = "as split" if srm.valid else "INVALID: the split is broken, read nothing above"
    console.print(
        f"Sample ratio: χ² {srm.chi_square:.2f}, p {srm.p_value:.3g}: {verdict}",
        style="" if srm.valid else "bold red",
    )
    tell(f"{arm} failed and was left out of the test. {reason}" for arm, reason in result.failed.items())
    console.print(f"Written: {out}")


def _arms_table(title: str, result: ABResult) -> Table:
    from models.metrics.ab import METRICS
    from models.metrics.figures import FIGURES

    table = new_table(
        title, "arm", "users", "exposures", "clicks", *(FIGURES[name].label for name in METRICS)
    )
    for rows, style in ((result.pooled, None), (result.bounds, "dim")):
        for row in rows:
            counts = (f"{count:,}" for count in (row.users, row.exposures, row.clicks))
            values = (or_dash(row.value(name), f".{FIGURES[name].digits}f") for name in METRICS)
            table.add_row(row.arm, *counts, *values, style=style)
    if result.bounds:
        table.caption = "dimmed: on all users, not part of the test"
    return table


def _lifts_table(title: str, metrics: Sequence[ArmLift]) -> Table:
    from models.metrics.figures import FIGURES

    table = new_table(title, "arm", "metric", "base", "arm's", "lift", "interval", "p", words=2)
    table.caption = "intervals: 95 %, users resampled"
    table.columns[0].no_wrap, table.columns[0].min_width = False, 12  # long for a base on an arm's users
    for row in metrics:
        figure = FIGURES[row.metric]
        values = (or_dash(value, f".{figure.digits}f") for value in (row.base_value, row.arm_value))
        interval = f"{_percent(row.low)} … {_percent(row.high)}"
        lift, p = _percent(row.lift), or_dash(row.p_value, ".3g")
        table.add_row(row.arm, f"{figure.label} ({figure.meaning})", *values, lift, interval, p)
    return table


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:+.2f} %"
