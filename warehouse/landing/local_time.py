"""Local time: the days and hours that people live by, daylight saving included.

Partitions never follow it (service_time.py); heatmaps and purchases of the profiler do. A local day has 23 or
25 hours twice a year: the missing hour is empty, the repeated one counts as one.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from warehouse.landing.service_time import DAY_MS, HOUR_MS

#: Offsets change on quarter hours only, and are multiples of them (in every zone since 1972).
QUARTER_MS = HOUR_MS // 4
QUARTERS_A_DAY = DAY_MS // QUARTER_MS
_EPOCH = date(1970, 1, 1)


class LocalZone:
    """An IANA zone. Local days are counted from 1970-01-01; their keys are `YYYY-MM-DD`."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone

    @property
    def name(self) -> str:
        """The zone's IANA name."""
        return self.zone.key

    @staticmethod
    def day(key: str) -> int:
        """The number of the day `YYYY-MM-DD`; ValueError for anything else."""
        try:
            return (datetime.strptime(key, "%Y-%m-%d").date() - _EPOCH).days
        except ValueError:
            raise ValueError(f"{key!r} is no date: write YYYY-MM-DD, such as 2017-10-01") from None

    @staticmethod
    def key(day: int) -> str:
        """The key of a day's number."""
        return (_EPOCH + timedelta(days=int(day))).isoformat()

    def midnight_ms(self, day: int) -> int:
        """The first instant of a local day, in epoch milliseconds."""
        # fold=0 takes the first of two midnights; one that a clock change skips becomes the change itself.
        local = datetime.combine(_EPOCH + timedelta(days=int(day)), datetime.min.time(), self.zone)
        return int(local.timestamp()) * 1000

    def slots(self, start_ms: int, end_ms: int) -> np.ndarray:
        """`local day · 24 + local hour` of every quarter hour from that of `start_ms` to that of `end_ms`.

        int64 [Q]; the slot of an instant t is `slots[t // QUARTER_MS - start_ms // QUARTER_MS]`.
        """
        first, last = start_ms // QUARTER_MS, end_ms // QUARTER_MS
        quarters = np.arange(first, last + 1)
        days = quarters // QUARTERS_A_DAY
        edges = np.array([self._offset_ms(day * DAY_MS) for day in range(days[0], days[-1] + 2)])
        offset = edges[days - days[0]]
        for index in np.flatnonzero(np.diff(edges)):
            changing = np.flatnonzero(days == days[0] + index)
            offset[changing] = [self._offset_ms(int(quarter) * QUARTER_MS) for quarter in quarters[changing]]
        return (quarters * QUARTER_MS + offset) // HOUR_MS

    def days_of(self, at_ms: np.ndarray) -> np.ndarray:
        """The local day of each instant, int64 [N] → int64 [N]."""
        if len(at_ms) == 0:
            return np.zeros(0, dtype=np.int64)
        start = int(at_ms.min())
        slots = self.slots(start, int(at_ms.max()))
        return slots[at_ms // QUARTER_MS - start // QUARTER_MS] // 24

    def _offset_ms(self, at_ms: int) -> int:
        offset = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(self.zone).utcoffset()
        return 0 if offset is None else int(offset.total_seconds()) * 1000
