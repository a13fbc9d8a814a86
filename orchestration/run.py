"""What the command line calls: load a range of days, run a day from retraining to report."""

from __future__ import annotations

from dataclasses import dataclass, field

from assets.common import clock
from assets.ranking.states import States
from orchestration.days import check_runnable, last_day
from orchestration.ingesting import Ingested, load_logs
from orchestration.jobs import DAILY, RANKING, daily_assets
from orchestration.landed_hours import LandedHours, landed_hours
from orchestration.ranking_due import with_base
from orchestration.report import DayReport, report_day
from orchestration.session import RunFailed, Session
from orchestration.spans import in_words, shortened


@dataclass
class RunDay:
    """Which hours of a day were run, and why the others were not."""

    day: str
    ranked: list[str]
    refused: list[str] = field(default_factory=list)  #: what failed runs and checks said
    notes: list[str] = field(default_factory=list)  #: hours that are missing or to come, in words

    def check(self) -> None:
        """Raise RunFailed with what was refused, if anything was."""
        if self.refused:
            raise RunFailed(shortened(self.refused))


def run_ingest(session: Session, first_day: str, last_day: str, *, again: bool = False) -> None:
    """Gate and load all logs of the days from `first_day` to `last_day` (see `load_logs`).

    Raises RunFailed where something was refused; everything else is loaded.
    """
    load_logs(session, first_day, last_day, again=again).check()


def run_day(session: Session, day: str) -> DayReport:
    """`run_hours`, then the day's figures; raises RunFailed where an hour was refused."""
    run_hours(session, day).check()
    return report_day(session, day)


def run_hours(session: Session, day: str) -> RunDay:
    """Load what has landed, retrain on the day before if that is missing, and run the hours that can be run.

    Each hour is a run of its own, as the hourly schedule would start it. An hour that was refused, has no
    files or has not ended is left out and named.

    Raises:
        ValueError: the day cannot be run at all.
        RunFailed: the training or the ranking of an hour failed. What was done stays, and a second call goes
            on from there.
    """
    deployment = session.deployment
    check_runnable(deployment, day, last_day(session.home, deployment))
    ingested = load_logs(session, deployment.first_day, day)
    outcome = RunDay(day, [], refused=ingested.refused)
    state = _hours(session, day)
    if state.ready and train_base(session, day, outcome):
        for done, hour in enumerate(state.ready):
            session.report("hours", done, len(state.ready))
            outcome.refused += session.run(RANKING, hour)
            outcome.ranked.append(hour)
        session.report("hours", len(state.ready), len(state.ready))
    outcome.notes += _left_out(state, ingested)
    return outcome


def train_base(session: Session, day: str, outcome: RunDay) -> bool:
    """Train on the day before if that is missing; False where there is no model to start from."""
    deployment = session.deployment
    states = States(deployment.paths(session.home).models)
    zone = deployment.service_zone
    before = zone.day_key(zone.day_start_ms(day) - 1)
    if all(states.trained(system, before) for system in deployment.systems):
        return True
    if not _hours(session, before).loaded.get("exposures"):
        based = with_base(states, deployment.systems, day)
        if not based:
            outcome.refused.append(
                f"nothing of {before} is loaded and no earlier day was trained on: there is no model to "
                f"score {day} with"
            )
            return False
        bases = {states.newest_base(system, day).partition for system in based}
        outcome.notes.append(f"nothing of {before} is loaded: the day starts from the model of {min(bases)}")
        return True
    session.report("retraining", 0, 1)
    outcome.refused += session.run(DAILY, before, only=daily_assets(deployment))
    session.report("retraining", 1, 1)
    return True


def _hours(session: Session, day: str) -> LandedHours:
    """Where the hours of a day stand now."""
    from warehouse.landing.reading import describe

    deployment = session.deployment
    landing = deployment.landing_folder(session.home)
    hours = deployment.service_zone.hours_of_day(day)
    return landed_hours(deployment.paths(session.home), landing, describe(landing), hours, clock.now_ms())


def _left_out(state: LandedHours, ingested: Ingested) -> list[str]:
    """What is still to come of a day, in words."""
    waiting = [f"{in_words(state.to_load)} were not loaded as they lie there, and not ranked"]
    return [*(waiting if state.to_load else []), *state.left_out(), *ingested.notes]
