"""The clicks of a day, written beside it once: all that later nights read of a day before their window.

What was shown and not clicked is nearly all of a busy log, and a night that looks back for weeks should not
read it again. Whoever replaces a day's events removes what lies beside it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from models.files import replace_file
from models.ranking.features.day_events import pack, unpack
from models.ranking.features.event_log import EventDays, EventLog, rows

CLICKS = "clicks.npz"  #: beside a day


def clicks_of(events: EventDays, at: int) -> EventLog:
    """Day `at` without the exposures that were not clicked; from beside the day, without entities too."""
    folder = events.beside[at]
    if folder is not None and (folder / CLICKS).is_file():
        with np.load(folder / CLICKS) as arrays:
            return unpack(dict(arrays))[0]
    day = events.readers[at]()
    clicks = replace(day, exposures=rows(day.exposures, np.flatnonzero(day.exposures.clicked)))
    if folder is not None:
        clicks = replace(clicks, users=rows(day.users, slice(0)), items=rows(day.items, slice(0)))
        with replace_file(folder / CLICKS) as file, file.open("wb") as stream:
            np.savez(stream, **pack([clicks]))  # type: ignore[arg-type]
    return clicks


def recent_events(events: EventDays, days: int | None, clicks: int | None) -> EventDays:
    """The last `days`, and the clicks of the last `clicks` days where those are more; None: all."""
    window, wider = events.last(days), events.last(clicks)
    earlier = len(wider) - len(window)
    if earlier <= 0:
        return window
    readers = [partial(clicks_of, wider, at) for at in range(earlier)]
    return replace(wider, readers=[*readers, *window.readers])
