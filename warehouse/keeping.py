"""For how long a home keeps what it makes; what landed is never touched."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from warehouse.landing.service_time import DAY_MS, ServiceZone

Days = int | None


def _days(default: Days, least: int, what: str) -> Days:
    """A number of days, at least `least`; None: for ever."""
    days: Days = Field(default=default, ge=least, description=what)
    return days


class Keep(BaseModel):
    """Days of each kind that a home keeps, counted back from the newest of the kind; None: for ever.

    `hourfold keep` and the nightly asset `upkeep` remove what is older. Whatever its age, the newest of a kind
    stays, and so does what the champion, an alias of the registry, a stored hour or the window of the next
    training needs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hourly_states: Days = _days(7, 4, "states after each hour; late hours of the last three days need them")
    daily_models: Days = _days(14, 1, "each night's rankers, to roll back to")
    long_term_graphs: Days = _days(
        30, 1, "each night's long-term graph; a training reads those of its window"
    )
    instances: Days = _days(30, 1, "the days' encoded exposures that trainings read")
    instance_states: Days = _days(3, 1, "`state/` in them, from which the next day is encoded")
    checkpoints: Days = _days(3, 1, "unfinished trainings, counted from today")
    profilers: Days = _days(90, 1, "profilers by as-of date")
    heatmaps: Days = _days(30, 1, "as-of dates of heatmaps, and the segments that no date uses any more")
    plots: Days = _days(90, 1, "pictures on Dagster's pages and MLflow's runs, and reports/auc_by_hour_*.png")
    reports: Days = _days(
        None, 1, "comparisons, A/B tests, evaluations and audiences, which someone asked for"
    )
    predictions: Days = _days(180, 1, "scores of each exposure in the warehouse")
    metrics: Days = _days(1100, 1, "figures of each hour and day in the warehouse")
    dagster_runs: Days = _days(30, 1, "runs with their logs; that a partition was made is known for ever")
    hour_runs: Days = _days(30, 1, "MLflow's runs of single hours; the curves on the day's run stay")
    day_runs: Days = _days(400, 1, "MLflow's runs of days and of nightly trainings")


def first_day(newest: str, days: int) -> str:
    """The first of `days` days that end with the day `newest`."""
    zone = ServiceZone("UTC")
    return zone.day_key(zone.day_start_ms(newest) - (days - 1) * DAY_MS)
