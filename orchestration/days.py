"""Which days a deployment has: from its first one to the last of an archive, or to the present."""

from __future__ import annotations

from assets.common import clock
from warehouse.home import Deployment, Home
from warehouse.landing.description import SourceDescription
from warehouse.landing.service_time import HOUR_MS

GROWING_SOURCE = "landing"  #: the one source whose logs go on, unless it says that it is closed


def last_day(home: Home, deployment: Deployment) -> str | None:
    """The last day of an archive; None where logs go on, or have not landed yet."""
    try:
        description = SourceDescription.load(deployment.landing_folder(home))
    except FileNotFoundError:
        return None
    return description.last_day if description.closed or deployment.source != GROWING_SOURCE else None


def check_runnable(deployment: Deployment, day: str, last_day: str | None = None) -> None:
    """Refuse a day that cannot be run: ValueError says why, and which days can be.

    `last_day` is the last one of a closed archive.
    """
    zone, now_ms = deployment.service_zone, clock.now_ms()
    start_ms = zone.day_start_ms(day)
    if start_ms <= zone.day_start_ms(deployment.first_day):
        raise ValueError(
            f"{day} has no day before it to train on: the logs of {deployment.source} begin on "
            f"{deployment.first_day}"
        )
    if last_day is not None and day > last_day:
        raise ValueError(f"the logs of {deployment.source} end with {last_day}: {day} has none")
    if start_ms + HOUR_MS > now_ms:
        ended = zone.hour_key(now_ms - HOUR_MS)
        raise ValueError(
            f"no hour of {day} has ended yet in service time {zone.name}: the newest one that has is "
            f"{ended[11:13]} of {ended[:10]}"
        )
