"""What the long-term graph of a day is made from, and where rankers read those of a window of days."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from assets.common.faults import DamagedState
from assets.ranking.states import States
from warehouse.landing.service_time import DAY_MS

if TYPE_CHECKING:
    from models.ranking.lsttm.long_term_days import LongTermDays
    from models.ranking.lsttm.long_term_encoder import LongTermSettings
    from models.ranking.lsttm.long_term_state import LongTermState
    from models.ranking.lsttm.random_walks import Clicks
    from warehouse.home import Deployment
    from warehouse.store.warehouse import Warehouse


class Beginning(NamedTuple):
    """Where a day's training begins."""

    state: LongTermState | None  #: of an earlier day; None: from scratch
    about: str  #: the earlier day, or why there is none


def beginning(states: States, day: str, settings: LongTermSettings, seed: int) -> Beginning:
    """The newest finished graph of an earlier day, if it can be gone on from."""
    from models.ranking.lsttm.long_term_start import why_cold
    from models.ranking.lsttm.long_term_state import LongTermState

    folders = states.long_term(day).parent.glob("[0-9]*-*-*")
    earlier = sorted((folder.name for folder in folders if folder.name < day), reverse=True)
    for name in earlier:
        folder = states.long_term(name)
        if states.record(folder) is None:
            continue
        try:
            state = LongTermState.load(states.checked(folder))
        except (ValueError, DamagedState) as error:
            return Beginning(None, f"nothing: {error}")
        reason = why_cold(state, settings, seed)
        return Beginning(None, f"nothing: {reason} on {name}") if reason else Beginning(state, name)
    return Beginning(None, "nothing: no earlier day is finished")


def read_clicks(
    warehouse: Warehouse, deployment: Deployment, day: str, settings: LongTermSettings
) -> tuple[Clicks, str]:
    """The clicks received through the end of a day, of the last `click_days`; and a hash of their logs."""
    from models.ranking.lsttm.random_walks import Clicks
    from warehouse.store import clicks

    zone = deployment.service_zone
    start_ms, end_ms = zone.day_start_ms(deployment.behaviours_first_day), zone.day_start_ms(day) + DAY_MS
    if settings.click_days is not None:
        start_ms = max(start_ms, end_ms - settings.click_days * DAY_MS)
    timed = settings.neighbor_sampling == "recency"
    columns = clicks.read_clicks(warehouse.connection, start_ms, end_ms, timed=timed)
    users, items = columns.described
    read = Clicks.counted(columns.user, columns.item, columns.time, users, items)
    return read, warehouse.data_hash(start_ms, end_ms)


def open_long_term_days(states: States, day: str, days: int | None, zone_offset_ms: int) -> LongTermDays:
    """The vectors of the mornings that a training through `day` reads, and of the next one's.

    Args:
        states: where the graphs lie.
        day: the last day of the training.
        days: how many days of instances there are, with `day` the last; None: since the first graph.

    Raises:
        FileNotFoundError: the graph of `day` is missing.
        DamagedState: a graph is not what was written.
    """
    from models.ranking.lsttm.long_term_days import LongTermDays

    last = date.fromisoformat(day)
    if days is None:
        names = [
            folder.name for folder in states.long_term(day).parent.glob("[0-9]*-*-*") if folder.name < day
        ]
        days = (last - date.fromisoformat(min(names, default=day))).days
    window = [(last - timedelta(days=before)).isoformat() for before in range(days, -1, -1)]
    folders = [(name, states.long_term(name)) for name in window]
    paths = [
        (name, states.ranker_path(folder) if states.record(folder) is None else states.checked(folder))
        for name, folder in folders
    ]
    return LongTermDays.open(paths, zone_offset_ms)
