"""`fill`: the simulator as a source of a landing folder."""

from __future__ import annotations

from pathlib import Path

from simulator.corruption import corrupt
from simulator.feed import items, users
from simulator.feed.settings import SimulatorSettings
from simulator.feed.world import World
from simulator.feed.writer import CONTEXT_FIELDS, VECTOR, ZONE, Writer
from simulator.shop import surveys
from simulator.shop.settings import ShopSettings
from simulator.shop.shop import SimulatedShop
from simulator.shop.writer import fill_shop
from warehouse.landing.contract import TABLES
from warehouse.landing.description import SourceDescription
from warehouse.landing.progress import Progress
from warehouse.landing.service_time import DAY_MS, ServiceZone

UNFINISHED = ".simulation"  #: stands in a landing folder while it is being filled


def fill(
    landing: Path,
    settings: SimulatorSettings | None = None,
    *,
    days: int | None = None,
    first_day: str | None = None,
    feed: bool = True,
    corrupt_share: float = 0.0,
    progress: Progress | None = None,
) -> SourceDescription:
    """Simulate `days` from `first_day` on (defaults: the settings') into `landing`, hour by hour.

    Writes users, items, exposures, external clicks and `source.json`, and beside the contract `truth/`: the
    true click probability of every exposure. With `settings.shop` also purchases, points, demographics and
    labels of the same accounts, from its `days_before` on; these alone if there is to be no `feed`.
    `corrupt_share` of the rows is then broken on purpose, in every way that the quality gate knows
    (`simulator.corruption`); the truth stays whole. The same settings give the same bytes.

    Raises:
        ValueError: neither feed nor shop.
    """
    settings = settings or SimulatorSettings()
    if settings.shop is None and not feed:
        raise ValueError("nothing to simulate: without the feed, give SimulatorSettings(shop=ShopSettings())")
    days = settings.days if days is None else days
    first_day = first_day or settings.first_day
    landing.mkdir(parents=True, exist_ok=True)
    (landing / UNFINISHED).touch()
    if feed:
        _fill_feed(landing, settings, days, first_day, progress)
    if settings.shop is not None:
        fill_shop(landing, SimulatedShop(settings, days, first_day), progress=progress)
    source = describe_simulation(
        first_day, days, settings.shop, feed=feed, history_days=settings.external.history_days
    )
    if corrupt_share:
        contracts = {name: source.contract(name) for name in TABLES}
        corrupt(landing, corrupt_share, settings.seed, contracts)
    source.save(landing)
    (landing / UNFINISHED).unlink()
    return source


def _fill_feed(
    landing: Path, settings: SimulatorSettings, days: int, first_day: str, progress: Progress | None
) -> None:
    world = World(settings, days)
    writer = Writer(landing, world, first_day)
    if settings.external.history_days:
        writer.before(-settings.external.history_days)
    for hour, external in world.external_history():
        writer.events("external_clicks", hour, writer.external(external))
    for played in world.hours():
        if played.hour % 24 == 0:
            writer.users(played.hour // 24)
        writer.items(played.hour)
        for table, columns in writer.hour(played).items():
            writer.events(table, played.hour, columns)
        writer.truth(played)
        if progress:
            progress("simulated hours", played.hour + 1, 24 * days)


def describe_simulation(
    first_day: str,
    days: int,
    shop: ShopSettings | None = None,
    *,
    feed: bool = True,
    history_days: int = 0,
) -> SourceDescription:
    """The description of a simulated source; `name` and `simulated` say so wherever it shows.

    The first day is that of the feed, whose hours a deployment goes through; without one, that of the shop.
    """
    zone = ServiceZone(ZONE)
    start_ms = zone.day_start_ms(first_day)
    begins = start_ms if shop is None else start_ms - shop.days_before * DAY_MS
    return SourceDescription(
        name="simulator",
        simulated=True,
        zone=ZONE,
        first_day=first_day if feed or shop is None else zone.day_key(begins),
        shop_first_day=zone.day_key(begins) if feed and shop is not None else None,
        external_first_day=zone.day_key(start_ms - history_days * DAY_MS) if feed and history_days else None,
        last_day=zone.day_key(start_ms + (days - 1) * DAY_MS),
        user_fields=tuple(users.FIELDS) if feed else (),
        item_fields=items.FIELDS if feed else (),
        item_vector=VECTOR if feed else None,
        context_fields=CONTEXT_FIELDS if feed else (),
        domains=items.DOMAINS if feed else (),
        demographic_fields=() if shop is None else tuple(surveys.CATEGORIES),
        demographic_numbers=() if shop is None else surveys.NUMBERS,
    )
