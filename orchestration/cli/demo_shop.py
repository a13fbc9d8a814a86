"""The second half of the demo, as Dagster runs: a year of purchases, one brand, the audience found for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.progress import Progress
from orchestration.cli.console import Stopwatch, out
from orchestration.cli.tables import new_table

if TYPE_CHECKING:
    from rich.table import Table

    from assets.profiling.audience.outcome import Outcome
    from assets.profiling.sources import ProfileSource
    from orchestration.session import Session
    from warehouse.home import Home

SOURCE, AS_OF, HORIZON_DAYS, TOP, NAME = "complete-journey", "2017-10-01", 90, 250, "demo"
SYSTEM = "meta_profile_prior"  #: what ranks; the printed network would train for a minute and not be asked
CUSTOMERS = (200, 800)  #: the brand is neither new nor bought by everybody


@dataclass(frozen=True)
class ShopDemo:
    """The audience of the demo, and what became of it."""

    brand: str
    summary: dict[str, Any]  #: the JSON beside the audience's page
    outcome: Outcome
    page: Path


def fill_shop(home: Home, progress: Progress) -> None:
    """Write the shop's landing folder, unless it lies there: the definitions ask it for its days."""
    from assets.logs.sources import open_source

    open_source(SOURCE, home, progress=progress)


def run_shop(session: Session, watch: Stopwatch) -> ShopDemo:
    """Load the shop, train on what was known at the as-of date, rank, and look at what happened after it."""
    from assets.profiling.audience.files import AudienceFiles
    from assets.profiling.audience.followed import FollowedAudiences
    from assets.profiling.audience.requests import as_day
    from assets.profiling.sources import ProfileSource
    from orchestration.jobs import FEW_SHOT, META_TRAINING, OUTCOMES, PROFILING
    from orchestration.run import run_ingest
    from warehouse.landing.reading import describe

    shop = session.of_shop()
    day = (as_day(AS_OF) - timedelta(days=1)).isoformat()  # a partition is what is known through its end
    with watch.stage("shop: gate and load"):
        described = describe(shop.deployment.landing_folder(shop.home))
        run_ingest(shop, described.shop_first_day or described.first_day, described.last_day)
    with watch.stage("shop: heatmaps"):
        session.run(PROFILING, day, only=["time_heatmaps"])
    with watch.stage("shop: train"):
        session.run(META_TRAINING, day, config={"meta_profile": {"systems": [SYSTEM]}})
    with watch.stage("shop: audience"):
        source = ProfileSource.opened(session.home, shop.deployment.source)
        _put_request(source)
        session.add_request(NAME)
        session.run(FEW_SHOT, NAME)
        followed = FollowedAudiences.of(source.home)
        audience = next(one for one in reversed(followed.open()) if one.name == NAME)
        session.run(OUTCOMES, (as_day(audience.due) - timedelta(days=1)).isoformat())
        came = followed.known(audience.run_id)
        if came is None:
            raise LookupError(f"the purchases of {SOURCE} do not tell what became of the audience of {AS_OF}")
        files = AudienceFiles.at(source.home.reports / "audiences" / NAME)
        return ShopDemo(audience.brand, json.loads(files.summary.read_text()), came, files.page)


def _put_request(source: ProfileSource) -> None:
    """Put the request for the busiest brand where the sensor finds it too."""
    from assets.profiling.audience.brand_lists import busiest_brand
    from assets.profiling.audience.inbox import request_path

    folder = source.home.requests
    folder.mkdir(parents=True, exist_ok=True)
    brand, customers = busiest_brand(source.read(AS_OF), HORIZON_DAYS, *CUSTOMERS)
    listed = folder / f"{NAME}.csv"
    asked = {"customers": listed.name, "as_of": AS_OF, "horizon_days": HORIZON_DAYS, "top": TOP}
    asked |= {"model": SYSTEM, "brand": brand}
    # What stands there already is left alone, so that the sensor does not take it for another request.
    for path, text in (
        (listed, "\n".join(["user_id", *customers]) + "\n"),
        (request_path(folder, NAME), json.dumps(asked, indent=1) + "\n"),
    ):
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def print_shop(demo: ShopDemo) -> None:
    """The table and where to look next."""
    out.print(table(demo))
    out.print(f"The audience as a page to mail: {demo.page}")
    out.print()


def table(demo: ShopDemo) -> Table:
    """Expected against what came true."""
    summary, after = demo.summary, demo.outcome
    title = (
        f"Audience for brand {demo.brand} ({SOURCE}): {summary['audience']['users']} of "
        f"{after.candidates:,} households as of {AS_OF}"
    )
    came_true = f"came true in {summary['settings']['horizon_days']} days"
    shown = new_table(title, "", "expected, clock held back", came_true)
    reached, lift = "–", "–"
    if summary["lift"]["basis"] is not None:
        reached, lift = f"{summary['lift']['reached']:.0%} of all", f"{summary['lift']['lift']:.2f}"
    shown.add_row("new customers in the audience", reached, f"{after.share:.0%} of all")
    shown.add_row("lift against a random audience", lift, f"{after.lift:.2f}")
    if after.auroc is not None and after.aupr is not None:
        shown.add_row("AUROC, AUPR of the ranking", "", f"{after.auroc:.3f}, {after.aupr:.3f}")
    shown.caption = (
        f"{summary['customers']['known']} customers were known and {after.newcomers} came after; "
        "neither the model nor the ranking saw a day of it"
    )
    return shown
