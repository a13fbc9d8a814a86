"""For how long a home keeps what it makes; what landed is never touched."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from warehouse.landing.service_time import DAY_MS, ServiceZone

AtLeastOne = Annotated[int, Field(ge=1)]
AtLeastFour = Annotated[int, Field(ge=4)]
AtLeastFive = Annotated[int, Field(ge=5)]


class KeepSettings(BaseModel):
    """Days for which a home keeps each kind of what it makes, counted back from the newest of the kind.

    None is for ever. `hourfold keep` and the nightly asset `upkeep` remove what is older. Whatever its age,
    the newest of a kind stays, and so does what the champion, an alias of the registry, a stored hour or the
    window of the next training needs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hourly_states: AtLeastFour | None = 7  #: days with states after each hour; late hours need the last three
    daily_models: AtLeastOne | None = 14  #: days with each night's rankers, to roll back to
    long_term_graphs: AtLeastOne | None = 14  #: days with a graph; trainings read those of their window
    instances: AtLeastOne | None = 30  #: days of encoded exposures, which trainings read
    instance_states: AtLeastFive | None = 5  #: days with `state/` in them, for late hours too
    checkpoints: AtLeastOne | None = 3  #: days of unfinished trainings
    profilers: AtLeastOne | None = 200  #: days of as-of dates; expected lift needs one of some months ago
    heatmaps: AtLeastOne | None = 120  #: days of as-of dates; a segment that none of them uses goes too
    plots: AtLeastOne | None = 30  #: days with pictures on Dagster's pages, MLflow's runs and in reports/
    reports: AtLeastOne | None = None  #: days since a study or an audience that someone asked for was made
    predictions: AtLeastOne | None = 180  #: days with scores of single exposures in the warehouse
    metrics: AtLeastOne | None = 1100  #: days with figures in the warehouse
    dagster_runs: AtLeastOne | None = 30  #: days since a run; that a partition was made is known for ever
    hour_runs: AtLeastOne | None = 30  #: days with MLflow's runs of hours; the day's run keeps the curves
    day_runs: AtLeastOne | None = 400  #: days with MLflow's runs of days and of nightly trainings


def first_day(newest: str, days: int) -> str:
    """The first of `days` days that end with the day `newest`."""
    zone = ServiceZone("UTC")
    return zone.day_key(zone.day_start_ms(newest) - (days - 1) * DAY_MS)
