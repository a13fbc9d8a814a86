"""Hours and days of a deployment as Dagster partitions, and how they lean on each other.

Everything is in service time: a zone of fixed offset, so that 24 hourly partitions are always one day.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import dagster as dg

from warehouse.home import Deployment
from warehouse.landing.service_time import DAY_MS

# Dagster calls its partitioned checks a preview and some mapping parameters beta. Both are leaned on here and
# held by tests, and dagster is capped below its next minor version; a warning on every command would help
# nobody.
warnings.filterwarnings("ignore", category=dg.PreviewWarning)
warnings.filterwarnings("ignore", category=dg.BetaWarning)

#: All 24 hours lean on the *day before*. Offsets -1, -1 would give 23 of them their own day: a leak.
DAY_BEFORE = dg.TimeWindowPartitionMapping(
    start_offset=-24, end_offset=-24, allow_nonexistent_upstream_partitions=True
)

#: An hour leans on the hour before it; the first hour of the logs leans on nothing.
HOUR_BEFORE = dg.TimeWindowPartitionMapping(
    start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True
)

WINDOW_DAYS = 8  #: that a training reads unless it is told otherwise (`TrainingSettings.window_days`)

#: A training leans on the days of its window; the first days of the logs have a shorter one.
WINDOW = dg.TimeWindowPartitionMapping(
    start_offset=1 - WINDOW_DAYS, end_offset=0, allow_nonexistent_upstream_partitions=True
)

#: A day leans on the day before it; the first day of the logs leans on nothing.
PREVIOUS_DAY = dg.TimeWindowPartitionMapping(
    start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True
)


#: External clicks from before the first hour. An asset without partitions: Dagster takes only one definition
#: of partitions in a job, and exposures and external clicks are loaded by the same ones.
EXTERNAL_HISTORY = "external_history"


@dataclass(frozen=True)
class Partitions:
    """The hourly and daily partitions of one deployment."""

    hourly: dg.HourlyPartitionsDefinition
    daily: dg.DailyPartitionsDefinition
    shop: dg.DailyPartitionsDefinition  #: of purchases, points and what is made of them
    #: name of the asset that holds external clicks from before the first of these hours, where there are any
    history: tuple[str, ...] = ()
    one_account: bool = False  #: whether rankers read what users bought

    @classmethod
    def of(
        cls,
        deployment: Deployment,
        last_day: str | None = None,
        shop: Deployment | None = None,
        shop_last_day: str | None = None,
    ) -> Partitions:
        """Partitions from the deployment's first day on.

        Args:
            deployment: names the zone and the first day.
            last_day: last day with logs, included, of a closed archive; None leaves the end open.
            shop, shop_last_day: of the source of purchases, where it is another; default: the same.
        """
        if shop is None:
            shop, shop_last_day = deployment, last_day
        after = _after(deployment, last_day)
        return cls(
            hourly=dg.HourlyPartitionsDefinition(
                start_date=f"{deployment.first_day}-00:00",
                end_date=None if after is None else f"{after}-00:00",
                timezone=deployment.zone,
            ),
            daily=dg.DailyPartitionsDefinition(
                start_date=deployment.first_day, end_date=after, timezone=deployment.zone
            ),
            shop=dg.DailyPartitionsDefinition(
                start_date=shop.shop_first_day or shop.first_day,
                end_date=_after(shop, shop_last_day),
                timezone=shop.zone,
            ),
            history=(EXTERNAL_HISTORY,) if deployment.behaviours_first_day < deployment.first_day else (),
            one_account=deployment.one_account,
        )


def _after(deployment: Deployment, last_day: str | None) -> str | None:
    """The day after the last one."""
    zone = deployment.service_zone
    return None if last_day is None else zone.day_key(zone.day_start_ms(last_day) + DAY_MS)
