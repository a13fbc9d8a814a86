"""How old the newest hour and the newest model may be before Dagster's pages warn."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from warehouse.landing.service_time import ServiceZone

HOURS_WARN, HOURS_FAIL = timedelta(hours=2), timedelta(hours=3)
DAY_DEADLINE = "0 6 * * *"  #: in service time; the night's training begins at 00:40
DAY_WINDOW = timedelta(hours=6)


def of_hours(lives: bool) -> dg.FreshnessPolicy | None:
    """An hour is scored every hour; None for an archive, which has no newest hour."""
    return dg.FreshnessPolicy.time_window(fail_window=HOURS_FAIL, warn_window=HOURS_WARN) if lives else None


def of_days(lives: bool, zone: ServiceZone) -> dg.FreshnessPolicy | None:
    """A model is trained each night, by six in the morning; None for an archive."""
    if not lives:
        return None
    return dg.FreshnessPolicy.cron(
        deadline_cron=DAY_DEADLINE, lower_bound_delta=DAY_WINDOW, timezone=zone.name
    )
