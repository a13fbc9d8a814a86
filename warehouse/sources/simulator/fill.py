"""`fill`: the simulator as a source of a landing folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from warehouse.contract import TABLES
from warehouse.service_time import DAY_MS, ServiceZone
from warehouse.sources.corruption import corrupt
from warehouse.sources.description import SourceDescription
from warehouse.sources.simulator import items as item_room
from warehouse.sources.simulator import users as user_room
from warehouse.sources.simulator.settings import SimulatorSettings
from warehouse.sources.simulator.shop.shop import Shop
from warehouse.sources.simulator.shop.writer import fill_shop
from warehouse.sources.simulator.world import World
from warehouse.sources.simulator.writer import CONTEXT_FIELDS, ZONE, Writer

Progress = Callable[[str, int, int], None]


def fill(
    landing: Path,
    settings: SimulatorSettings | None = None,
    *,
    days: int | None = None,
    first_day: str | None = None,
    corrupt_share: float = 0.0,
    progress: Progress | None = None,
) -> SourceDescription:
    """Simulate `days` from `first_day` on (defaults: the settings') into `landing`, hour by hour.

    Writes users, items, exposures, external clicks and `source.json`, and beside the contract `truth/`: the
    true click probability of every exposure. With `settings.shop`, purchases of the same accounts too, from
    its `days_before` on. `corrupt_share` of the rows is then broken on purpose, in every
    way that the quality gate knows (`warehouse.sources.corruption`); the truth stays whole. The same settings
    give the same bytes.
    """
    settings = settings or SimulatorSettings()
    days = settings.days if days is None else days
    first_day = first_day or settings.first_day
    source = describe_simulation(first_day, days)
    world = World(settings, days)
    writer = Writer(landing, world, first_day)
    for played in world.hours():
        if played.hour % 24 == 0:
            writer.users(played.hour // 24)
        writer.items(played.hour)
        for table, columns in writer.hour(played).items():
            writer.events(table, played.hour, columns)
        writer.truth(played)
        if progress:
            progress("simulated hours", played.hour + 1, 24 * days)
    if settings.shop is not None:
        shop = Shop(settings, days, first_day, population=world.users)
        fill_shop(landing, shop, progress=progress)
    if corrupt_share:
        contracts = {name: source.contract(name) for name in TABLES}
        corrupt(landing, corrupt_share, settings.seed, contracts)
    source.save(landing)
    return source


def describe_simulation(first_day: str, days: int) -> SourceDescription:
    """The description of a simulated source; `name` and `simulated` say so wherever it shows."""
    zone = ServiceZone(ZONE)
    return SourceDescription(
        name="simulator",
        simulated=True,
        zone=ZONE,
        first_day=first_day,
        last_day=zone.day_key(zone.day_start_ms(first_day) + (days - 1) * DAY_MS),
        user_fields=tuple(user_room.FIELDS),
        item_fields=item_room.FIELDS,
        context_fields=CONTEXT_FIELDS,
        domains=item_room.DOMAINS,
    )


def describe(landing: Path) -> SourceDescription:
    """The description stored by `fill`."""
    return SourceDescription.load(landing)
