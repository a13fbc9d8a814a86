"""The second half of the demo: a year of purchases, one brand, and the audience found for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.progress import Progress
from orchestration.cli.console import Stopwatch, out
from orchestration.cli.tables import new_table

if TYPE_CHECKING:
    from rich.table import Table

    from assets.profiling.audience.files import AudienceFiles
    from assets.profiling.audience.make import AudienceResult
    from assets.profiling.audience.outcome import Outcome
    from warehouse.home import Home

SOURCE, AS_OF, TOP = "complete-journey", "2017-10-01", 250
CUSTOMERS = (200, 800)  #: the brand is neither new nor bought by everybody
#: phases of the prospecting → stages shown
STAGES = {"compute": "shop: train and rank", "write": "shop: report", "record": "shop: report"}


@dataclass(frozen=True)
class ShopDemo:
    """The audience of the demo, and what became of it."""

    brand: str
    result: AudienceResult
    outcome: Outcome
    files: AudienceFiles


def run_shop(home: Home, watch: Stopwatch, progress: Progress) -> ShopDemo:
    """Load the shop, train on what was known at the as-of date, rank, and look at what happened after it."""
    from assets.common.tracking import PROFILING, Tracking
    from assets.profiling.audience.outcome import busiest_brand, outcome
    from assets.profiling.audience.requests import AudienceSettings
    from assets.profiling.audience.run import carry_out
    from assets.profiling.sources import ProfileSource

    with watch.stage("shop: gate and load"):
        source = ProfileSource.opened(home, SOURCE, progress=progress)
    with watch.stage("shop: heatmaps"):
        data = source.read(AS_OF)
    folder = source.home.reports / "audiences" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    listed = folder / "customers.txt"
    settings = AudienceSettings(customers=str(listed), as_of=AS_OF, top=TOP)
    brand, customers = busiest_brand(data, settings.horizon_days, *CUSTOMERS)
    listed.write_text("\n".join(customers) + "\n")
    made = carry_out(
        settings,
        source,
        Tracking(home.mlflow, SOURCE, source.description.simulated, PROFILING),
        folder,
        name="demo",
        progress=progress,
        phase=lambda name: watch.stage(STAGES[name]),
    )
    with watch.stage(STAGES["record"]):
        return ShopDemo(brand, made.result, outcome(made.result, source, brand), made.files)


def print_shop(demo: ShopDemo) -> None:
    """The table and where to look next."""
    out.print(table(demo))
    out.print(f"The audience as a page to mail: {demo.files.page}")
    out.print()


def table(demo: ShopDemo) -> Table:
    """Expected against what came true."""
    result, after = demo.result, demo.outcome
    title = (
        f"Audience for brand {demo.brand} ({SOURCE}): {len(result.audience)} of {after.candidates:,} "
        f"households as of {AS_OF}"
    )
    came_true = f"came true in {result.settings.horizon_days} days"
    shown = new_table(title, "", "expected, clock held back", came_true)
    reached, lift = "–", "–"
    if result.lift is not None:
        expected, _ = result.lift.curve.at(result.share)
        reached, lift = f"{expected:.0%} of all", f"{expected / result.share:.2f}"
    shown.add_row("new customers in the audience", reached, f"{after.share:.0%} of all")
    shown.add_row("lift against a random audience", lift, f"{after.lift:.2f}")
    shown.caption = (
        f"{result.known} customers were known and {after.newcomers} came after; "
        "neither the model nor the ranking saw a day of it"
    )
    return shown
