"""`hourfold simulate`: fill a landing folder with simulated logs, or check them against real ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.console import out, plain_errors, progress_bars
from orchestration.cli.options import Chosen, from_setting, from_settings
from simulator import ShopSettings, SimulatorSettings
from simulator.feed.settings import PopulationSettings

if TYPE_CHECKING:
    from models.progress import Progress
    from simulator.calibration import BandedFigure

Shop = Annotated[bool, typer.Option("--shop", help="A shop of the same accounts too, from a year before on.")]
Feed = Annotated[
    bool, typer.Option("--feed/--no-feed", help="Without the feed, the shop's tables are written alone.")
]
Check = Annotated[
    bool, typer.Option("--check", help="Print the figures beside those of real news logs, write nothing.")
]
Update = Annotated[
    bool,
    typer.Option(
        "--update",
        help="With --check: also the gain of deepfm's hourly update by age of news, the mean of four days.",
    ),
]
UPDATE_DAYS = (7, 8, 9, 10)  #: numbers of the days that --update looks at, from 0


@from_settings(SimulatorSettings, only=("seed", "days"))
def simulate(
    chosen: Chosen,
    to: Annotated[
        Path | None,
        typer.Option(help="Landing folder to fill; default: the simulator's own in HOURFOLD_HOME."),
    ] = None,
    users: Annotated[int | None, from_setting(PopulationSettings, "users")] = None,
    corrupt: Annotated[
        float, typer.Option(min=0.0, max=0.5, help="Share of rows to break, in every way the gate knows.")
    ] = 0.0,
    shop: Shop = False,
    shop_days: Annotated[int | None, from_setting(ShopSettings, "days_before")] = None,
    feed: Feed = True,
    check: Check = False,
    update: Update = False,
) -> None:
    """Write simulated news logs into a landing folder: users, items, exposures, external clicks.

    With --shop also purchases, points, demographics and labels of the same accounts, up to a million of them.

    With --check nothing is written: the figures of fourteen simulated days stand beside those of real news
    logs (with --shop those of a simulated year of groceries beside Complete Journey's), and the exit code is
    1 if one of them leaves its band. --update trains for some minutes more.

    Example:

        hourfold simulate --days 9 --seed 7 --to logs --corrupt 0.01

        hourfold simulate --shop --no-feed --users 100000 --days 1 --to shop

        hourfold simulate --check --update
    """
    from orchestration.cli.simulated import simulate_into
    from warehouse.home import Home
    from warehouse.landing.description import SourceDescription

    _fit(shop=shop, shops_own=shop_days is not None or not feed, check=check, update=update)
    with_shop = ({} if shop_days is None else {"days_before": shop_days}) if shop else None
    population = {} if users is None else {"users": users}
    settings = SimulatorSettings.model_validate(chosen | {"population": population, "shop": with_shop})
    if check:
        raise typer.Exit(_check(settings, update))
    landing = to or Home.current().source("simulator").landing
    with plain_errors(ValueError, FileExistsError), progress_bars() as progress:
        broken = simulate_into(landing, settings, corrupt, feed=feed, progress=progress)
    description = SourceDescription.load(landing)
    out.print(f"Simulated logs of {description.first_day} to {description.last_day}: {landing}")
    if broken:
        rows = sum(sum(rules.values()) for rules in broken.values())
        out.print(f"Broken on purpose: {rows:,} rows")


def _fit(*, shop: bool, shops_own: bool, check: bool, update: bool) -> None:
    """Refuse options that are for another simulation than the one asked for."""
    if shops_own and not shop:
        raise typer.BadParameter("--shop-days and --no-feed are for a simulation with --shop")
    if update and (shop or not check):
        raise typer.BadParameter("--update is for --check of the feed")


def _check(settings: SimulatorSettings, update: bool) -> int:
    """Print every figure beside the real one; returns 1 if one leaves its band."""
    from simulator.calibration import table
    from simulator.feed.calibration import check
    from simulator.shop.calibration import check_shop

    with progress_bars() as progress:
        if settings.shop is None:
            rows = check(settings, progress=progress)
            if update:
                rows += _update(settings, progress)
        else:
            rows = check_shop(settings.seed, progress=progress)
    out.print(table(rows), soft_wrap=True)
    outside = [row for row in rows if not row.within]
    out.print(f"{len(rows) - len(outside)} of {len(rows)} figures of the simulation lie in their bands")
    return 1 if outside else 0


def _update(settings: SimulatorSettings, progress: Progress) -> list[BandedFigure]:
    """What the hourly update of `deepfm` gains, on its default settings."""
    from assets.experiments.simulated_update import scored_days
    from models.ranking.registry import SYSTEMS
    from simulator.feed.update_gains import update_figures

    return update_figures(scored_days(settings, SYSTEMS["deepfm"].real, UPDATE_DAYS, progress=progress))
