"""`hourfold demo`: the whole way, from broken rows to AUC by hour, and from purchases to an audience."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Annotated

import typer

from models.progress import Progress
from orchestration.cli.console import Stopwatch, out, plain_errors, progress_bars
from orchestration.cli.options import Device, size_of
from warehouse.home import SYSTEMS

if TYPE_CHECKING:
    from orchestration.cli.demo_report import Broken
    from orchestration.report import DayReport
    from orchestration.session import Session
    from warehouse.home import Deployment, Home

DAYS, TINY_DAYS = 9, 3
BROKEN_SHARE = 0.01


def demo(
    systems: Annotated[str, typer.Option(help="Names with commas.")] = ",".join(SYSTEMS),
    device: Device = "cpu",
    tiny: Annotated[
        bool, typer.Option("--tiny", help="Three small days and tiny models: seconds, for tests.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget an earlier demo of this home and begin anew.")
    ] = False,
) -> None:
    """Simulate nine days of a news feed, gate them, train on eight, and run the ninth hour by hour.

    One per cent of the rows is broken on purpose; the demo shows what the gate caught. The feed is
    simulated: its figures show that the machinery works, not what people do. Then the profiler finds an
    audience for one brand in a year of purchases (not with --tiny). All of it are Dagster runs of one home:
    dagster dev shows both halves.

    Example:

        hourfold demo --systems deepfm_external,lsttm
    """
    from orchestration.cli.demo_report import print_report, print_where_next
    from orchestration.cli.demo_shop import print_shop, run_shop

    watch = Stopwatch()
    days = TINY_DAYS if tiny else DAYS
    heading = f"{days} days of a simulated news feed, {BROKEN_SHARE:.0%} of the rows broken on purpose"
    out.print(heading, style="bold")
    with plain_errors(ValueError, LookupError, FileExistsError, ImportError):
        with progress_bars() as progress:
            with watch.stage("imports"):
                from orchestration.cli.deploying import names
                from orchestration.session import RunFailed, Session
                from warehouse.home import Home
            if fresh:
                _forget(Home.current())
            changes = {"systems": names(systems), "device": device, "size": size_of(tiny)}
            broken, deployment = _landed(days, tiny, watch, progress)
            deployment = deployment.model_copy(update=changes)
            with watch.stage("imports"):
                session = Session(deployment, progress=progress)
            with session, plain_errors(RunFailed):
                report = _run(session, days, watch)
                shop = None if tiny else run_shop(session, watch)
        print_report(session, report, broken, watch)
        if shop is not None:
            print_shop(shop)
        print_where_next()


def _run(session: Session, days: int, watch: Stopwatch) -> DayReport:
    """Load all days, train on all but the last, and run that one hour by hour."""
    from orchestration.jobs import DAILY
    from orchestration.run import run_day, run_ingest
    from warehouse.landing.service_time import DAY_MS

    zone, first = session.deployment.service_zone, session.deployment.first_day
    start = zone.day_start_ms(first)
    before, last = (zone.day_key(start + day * DAY_MS) for day in (days - 2, days - 1))
    with watch.stage("gate and load"):
        run_ingest(session, first, last)
    with watch.stage("training"):
        session.run(DAILY, before)
    with watch.stage("24 hours"):
        return run_day(session, last)


def _landed(days: int, tiny: bool, watch: Stopwatch, progress: Progress) -> tuple[Broken, Deployment]:
    """Fill the landing folders of both halves; what was broken in the feed, and what reads them."""
    from orchestration.cli.demo_shop import SOURCE, fill_shop
    from warehouse.home import Home

    with watch.stage("simulation"):
        broken, deployment = _simulated(days, tiny, progress)
    if tiny:
        return broken, deployment.model_copy(update={"shop": None})
    with watch.stage("shop: files"):
        fill_shop(Home.current(), progress)
    return broken, deployment.model_copy(update={"shop": SOURCE})


def _simulated(days: int, tiny: bool, progress: Progress) -> tuple[Broken, Deployment]:
    """The simulated landing folder, with what was broken in it, and the deployment that reads it."""
    from orchestration.cli.deploying import deploy
    from orchestration.cli.simulated import simulate_into
    from simulator import SimulatorSettings
    from warehouse.home import Home

    settings = SimulatorSettings.tiny(days=days) if tiny else SimulatorSettings(days=days)
    landing = Home.current().source("simulator").landing
    broken = simulate_into(landing, settings, BROKEN_SHARE, progress=progress)
    return broken, deploy("simulator", progress=progress)


def _forget(home: Home) -> None:
    """Remove what an earlier demo left in this home: logs, warehouses, models, requests. MLflow runs stay."""
    from orchestration.cli.demo_shop import SOURCE

    for source in ("simulator", SOURCE):
        shutil.rmtree(home.source(source).root, ignore_errors=True)
    shutil.rmtree(home.dagster, ignore_errors=True)
