"""`hourfold simulate`: fill a landing folder with simulated logs, or check them against real ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.console import out, plain_errors, progress_bars
from orchestration.cli.options import Chosen, from_setting, from_settings
from simulator import ShopSettings, SimulatorSettings
from simulator.feed.settings import PopulationSettings

Shop = Annotated[bool, typer.Option("--shop", help="A shop of the same accounts too, from a year before on.")]
Feed = Annotated[
    bool, typer.Option("--feed/--no-feed", help="Without the feed, the shop's tables are written alone.")
]
Check = Annotated[
    bool, typer.Option("--check", help="Print the figures beside those of real news logs, write nothing.")
]


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
) -> None:
    """Write simulated news logs into a landing folder: users, items, exposures, external clicks.

    With --shop also purchases, points, demographics and labels of the same accounts, up to a million of them.

    With --check nothing is written: the figures of fourteen simulated days stand beside those of real news
    logs (with --shop those of a simulated year of groceries beside Complete Journey's), and the exit code is
    1 if one of them leaves its band.

    Example:

        hourfold simulate --days 9 --seed 7 --to logs --corrupt 0.01

        hourfold simulate --shop --no-feed --users 100000 --days 1 --to shop

        hourfold simulate --check
    """
    from orchestration.cli.simulated import simulate_into
    from warehouse.home import Home
    from warehouse.landing.description import SourceDescription

    if not shop and (shop_days is not None or not feed):
        raise typer.BadParameter("--shop-days and --no-feed are for a simulation with --shop")
    with_shop = ({} if shop_days is None else {"days_before": shop_days}) if shop else None
    population = {} if users is None else {"users": users}
    settings = SimulatorSettings.model_validate(chosen | {"population": population, "shop": with_shop})
    if check:
        raise typer.Exit(_check(settings))
    landing = to or Home.current().source("simulator").landing
    with plain_errors(ValueError, FileExistsError), progress_bars() as progress:
        broken = simulate_into(landing, settings, corrupt, feed=feed, progress=progress)
    description = SourceDescription.load(landing)
    out.print(f"Simulated logs of {description.first_day} to {description.last_day}: {landing}")
    if broken:
        rows = sum(sum(rules.values()) for rules in broken.values())
        out.print(f"Broken on purpose: {rows:,} rows")


def _check(settings: SimulatorSettings) -> int:
    """Print every figure beside the real one; returns 1 if one leaves its band."""
    from simulator.calibration import table
    from simulator.feed.calibration import check
    from simulator.shop.calibration import check_shop

    with progress_bars() as progress:
        if settings.shop is None:
            rows = check(settings, progress=progress)
        else:
            rows = check_shop(settings.seed, progress=progress)
    out.print(table(rows), markup=False, soft_wrap=True)
    outside = [row for row in rows if not row.within]
    out.print(f"{len(rows) - len(outside)} of {len(rows)} figures of the simulation lie in their bands")
    return 1 if outside else 0
