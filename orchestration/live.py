"""Whether this home runs by itself, and where it stands: what is loaded, missing, waiting and ranked."""

from __future__ import annotations

import time

import dagster as dg

from assets.common import clock
from assets.common.resources import HomeResource
from assets.ranking.states import States
from orchestration.days import last_day
from orchestration.spans import sentence
from orchestration.turns import LOOK_BACK_HOURS, due_ranking, late_window, look
from warehouse.home import Deployment, Home
from warehouse.landing.service_time import DAY_MS

#: Schedules and sensors that one switch turns on.
SWITCHED = (
    *("every_hour", "every_night", "every_night_profiling", "every_night_upkeep", "every_week"),
    *("late_files", "late_hours", "late_days", "tell_failures", "tell_checks"),
)
HEARTBEAT_SECONDS = 120  #: without one for so long, no daemon runs


def switch(home: Home, deployment: Deployment, instance: dg.DagsterInstance, *, on: bool) -> None:
    """Turn all schedules and sensors on or off, also those that were switched by hand in Dagster's pages.

    A server that runs already sees it when it is started again. Raises ValueError for logs that have ended.
    """
    end = last_day(home, deployment)
    if on and end is not None:
        raise ValueError(
            f"the logs of {deployment.source} end with {end}, no hour will come: nothing can run by itself. "
            'Logs of your own that go on must not say "closed": true in source.json'
        )
    deployment.model_copy(update={"live": on}).save(home)
    for state in instance.all_instigator_state():
        if state.name in SWITCHED:
            instance.delete_instigator_state(state.instigator_origin_id, state.selector_id)


def standing(home: HomeResource, instance: dg.DagsterInstance) -> list[str]:
    """Sentences on the last three days: switches, hours that are missing, waiting or unranked, the model.

    Raises WarehouseBusy where another process writes for long.
    """
    deployment = home.deployment
    zone = deployment.service_zone
    hours = late_window(home)
    state = look(home, hours)
    due = due_ranking(home, instance, state.ready)
    yesterday = zone.day_key(clock.now_ms() - DAY_MS)
    said = [_switches(deployment, instance)]
    if (end := last_day(home.home, deployment)) is not None:
        return [*said, f"the logs of {deployment.source} end with {end}: no hour will come"]
    loaded = [hour for hour in state.ended if hour in state.loaded.get("exposures", ())]
    said.append(f"last {LOOK_BACK_HOURS} hours: {len(loaded)} of {len(hours)} are loaded")
    if state.missing:
        said.append(sentence(state.missing, "have", "no files yet"))
    if state.half:
        said.append(sentence(state.half, "have", "no external clicks yet"))
    if state.to_load:
        rest = (
            "to be loaded as their files lie there; what the gate refused waits until it is mended: see the "
            "checks of `exposures` and `external_clicks`"
        )
        said.append(sentence(state.to_load, "wait", rest))
    if due.hours:
        said.append(sentence(due.hours, "wait", "to be ranked"))
    if due.without_base:
        said.append(sentence(due.without_base, "have", "no model of an earlier day to be ranked by"))
    return [*said, _models(home, yesterday)]


def _switches(deployment: Deployment, instance: dg.DagsterInstance) -> str:
    """Whether it is on, and whether somebody is there to do it."""
    if not deployment.live:
        return "off: nothing runs by itself (hourfold live on)"
    beats = [beat.timestamp for beat in instance.get_daemon_heartbeats().values()]
    if not beats or time.time() - max(beats) > HEARTBEAT_SECONDS:
        return "on, but no Dagster daemon runs on this home: start `hourfold ui`, or `dagster dev`"
    return "on, and a Dagster daemon runs"


def _models(home: HomeResource, day: str) -> str:
    """The newest model, and whether logs of its days came after its training."""
    from assets.logs.judging import reading

    deployment, states = home.deployment, States(home.paths.models)
    zone = deployment.service_zone
    try:
        bases = [states.newest_base(system, zone.day_key(clock.now_ms())) for system in deployment.systems]
    except LookupError:
        return "no model yet: the first night after a loaded day trains one"
    oldest = min(bases, key=lambda record: record.partition)
    text = f"newest model: of {oldest.partition}"
    if oldest.partition < day:
        text += f", not of {day}"
    with reading(home.paths.warehouse) as opened:
        end_ms = zone.day_start_ms(oldest.partition) + DAY_MS
        now = opened.data_hash(zone.day_start_ms(deployment.behaviours_first_day), end_ms) if opened else ""
    if now != oldest.data_hash:
        text += (
            "; logs of its days were loaded after its training. The next night's model has them; to train "
            f"this one again, materialise `training_instances` and `daily_ranker` of {oldest.partition}"
        )
    return text
