"""`hourfold day`: retrain, run the 24 hours of a day, report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.console import err, out, plain_errors, progress_bars, tell
from orchestration.cli.options import Tiny

if TYPE_CHECKING:
    from assets.experiments.comparison.parts import SystemFigures, Truth
    from orchestration.report import DayReport
    from orchestration.run import RunDay
    from warehouse.home import Deployment, Home


GAIN = (
    "static: the model as trained that morning, never adapted; gain: AUC less static AUC, ± its paired error "
    "over users: one of less than two errors may be chance"
)


def day(
    date: Annotated[str, typer.Argument(help="The day to run, in service time.")],
    systems: Annotated[str | None, typer.Option(help="Names with commas; default: the deployment's.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; default: the deployment's.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of every training; default: the deployment's.")] = None,
    tiny: Tiny = False,
) -> None:
    """Run one day of the source in this home: retrain on the days before, then score and adapt its hours.

    Of a day that is still running, the hours that have ended and have files are run, and the others named.
    Beside each system stands its model as trained that morning, left alone: what following the hour adds.

    What is finished already is not done again, the hours aside; a second call goes on after a failure.

    Example:

        hourfold day 2022-05-08 --systems deepfm,lsttm
    """
    from orchestration.cli.deploying import deployed, names

    with plain_errors(ValueError, FileNotFoundError):
        changes = {"systems": names(systems), "device": device, "seed": seed}
        deployment = deployed(**changes, size="tiny" if tiny else None)
        check_day(deployment, date)

    from orchestration.report import report_day
    from orchestration.run import run_hours
    from orchestration.session import RunFailed, Session

    with plain_errors(ValueError, LookupError, FileNotFoundError, RunFailed):
        with progress_bars() as progress, Session(deployment, progress=progress) as session:
            outcome = run_hours(session, date)
            report = report_day(session, date) if outcome.ranked else None
        if report is not None:
            _show(report, ceiling(session.home, deployment, date) if report.simulated else None)
    _tell(outcome)


def _show(report: DayReport, truth: Truth | None) -> None:
    """The day's figures, and where to look on."""
    from orchestration.cli.tables import failed_lines, figures_table, order_table, periods_table

    made = "simulated logs" if report.simulated else report.source
    figures = entries(report)
    table = figures_table(f"{made}, {report.day}: does following the hour help?", figures, truth)
    table.caption = GAIN
    out.print(table)
    out.print(order_table(f"{made}, {report.day}: order within users and lists", figures, truth))
    out.print(periods_table(f"{made}, {report.day}: AUC by period", figures, truth))
    tell(failed_lines(report.failed))
    out.print(f"Base models: {bases(report)}")
    out.print(f"Plot: {report.plot}")
    out.print("Look on with: hourfold ui")


def _tell(outcome: RunDay) -> None:
    """Which hours were run and which were not, and why; exit code 1 where one was refused."""
    from orchestration.spans import in_words, shortened

    out.print(f"Ranked: {in_words(outcome.ranked) or f'no hour of {outcome.day}'}.")
    for line in outcome.notes:
        out.print(f"• {line}")
    if outcome.refused:
        err.print("Not run:", style="bold red")
        err.print(shortened(outcome.refused))
    if outcome.refused or not outcome.ranked:
        raise typer.Exit(1)


def check_day(deployment: Deployment, date: str) -> None:
    """Refuse a day that cannot be run, before anything heavy is loaded."""
    from orchestration.days import check_runnable, last_day
    from warehouse.home import Home

    check_runnable(deployment, date, last_day(Home.current(), deployment))


def bases(report: DayReport) -> str:
    """Which base model each system was served from."""
    return ", ".join(f"{system} from {base}" for system, base in report.base_partitions.items())


def entries(report: DayReport) -> list[SystemFigures]:
    """A day's report in the form of a comparison's summary."""
    from assets.experiments.comparison.averages import mean
    from assets.experiments.comparison.parts import SystemFigures
    from models.metrics import PERIODS

    summary = []
    for system, pooled in report.pooled.items():
        by_hour = report.auc_by_hour[system]
        means = {name: mean(by_hour.get(hour) for hour in hours) for name, hours in PERIODS.items()}
        nulls = sum(value is None for value in by_hour.values())
        # `gain` follows from the two AUCs.
        figures = {name: value for name, value in pooled.items() if name in SystemFigures.model_fields}
        values = {"system": system, **figures, **means, "auc_error": pooled["auc_se"], "null_hours": nulls}
        summary.append(SystemFigures.model_validate(values))
    return summary


def ceiling(home: Home, deployment: Deployment, date: str) -> Truth:
    """AUC of the true click probability on a simulated day."""
    from assets.experiments.comparison.truth import truth
    from assets.experiments.source_logs import Logs

    return truth(Logs.deployed(deployment, home, simulated=True), [date])
