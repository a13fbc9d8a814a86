"""Service time: the fixed-offset zone in which a deployment's hours and days are cut.

Instants are stored in UTC (epoch milliseconds); only partition keys speak service time. A zone with daylight
saving is refused: a day of 23 hours would shift every partition mapping behind it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

_FIXED_ZONE = re.compile(r"^Etc/GMT(?:(?P<sign>[+-])(?P<hours>\d{1,2}))?$")
_EPOCH = datetime(1970, 1, 1)


class ServiceZone:
    """A fixed-offset zone by its IANA name: `UTC`, `Etc/UTC` or `Etc/GMT±H`, whose sign is opposite to ISO's.

    Hour keys are `YYYY-MM-DD-HH:00`, day keys `YYYY-MM-DD`, both in service time. Other zones: ValueError.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        if name in ("UTC", "Etc/UTC"):
            self.offset_ms = 0
            return
        match = _FIXED_ZONE.match(name)
        if match is None:
            raise ValueError(
                f"zone {name!r} is not a fixed offset: use 'UTC' or 'Etc/GMT±H' (Etc/GMT-8 is +08:00); "
                "zones with daylight saving would give days of 23 hours"
            )
        hours = int(match["hours"] or 0)
        if hours > 14:
            raise ValueError(f"zone {name!r} does not exist: offsets go from Etc/GMT-14 to Etc/GMT+12")
        self.offset_ms = (hours if match["sign"] == "-" else -hours) * HOUR_MS

    def __repr__(self) -> str:
        return f"ServiceZone({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ServiceZone) and other.offset_ms == self.offset_ms

    def __hash__(self) -> int:
        return hash(self.offset_ms)

    def hour_start_ms(self, key: str) -> int:
        """The first instant of the hour `YYYY-MM-DD-HH:00`, in epoch milliseconds."""
        return self._instant(key, "%Y-%m-%d-%H:00", "an hour 'YYYY-MM-DD-HH:00'")

    def day_start_ms(self, key: str) -> int:
        """The first instant of the day `YYYY-MM-DD`, in epoch milliseconds."""
        return self._instant(key, "%Y-%m-%d", "a day 'YYYY-MM-DD'")

    def hour_key(self, ms: int) -> str:
        """The hour that holds the instant."""
        return self._local(ms).strftime("%Y-%m-%d-%H:00")

    def day_key(self, ms: int) -> str:
        """The day that holds the instant."""
        return self._local(ms).strftime("%Y-%m-%d")

    def hours_of_day(self, day: str) -> list[str]:
        """The 24 hour keys of a day, in order."""
        self.day_start_ms(day)
        return [f"{day}-{hour:02d}:00" for hour in range(24)]

    def hours_between(self, start_ms: int, end_ms: int) -> list[str]:
        """The keys of all hours that begin in `[start_ms, end_ms)`; `start_ms` is rounded up to an hour."""
        first = -(-start_ms // HOUR_MS) * HOUR_MS
        return [self.hour_key(ms) for ms in range(first, end_ms, HOUR_MS)]

    def days_between(self, first: str, last: str) -> list[str]:
        """The day keys from `first` to `last`, both included."""
        start, end = self.day_start_ms(first), self.day_start_ms(last)
        return [self.day_key(ms) for ms in range(start, end + 1, DAY_MS)]

    def day_before(self, day: str) -> str:
        """The day before a day."""
        return self.day_key(self.day_start_ms(day) - DAY_MS)

    def day_after(self, day: str) -> str:
        """The day after a day."""
        return self.day_key(self.day_start_ms(day) + DAY_MS)

    def hour_keys(self, ms: np.ndarray) -> np.ndarray:
        """`hour_key` of many instants, int64 [N] → str [N]; only distinct hours are formatted."""
        import numpy as np

        hours, inverse = np.unique(np.asarray(ms, dtype=np.int64) // HOUR_MS, return_inverse=True)
        keys = np.array([self.hour_key(int(hour) * HOUR_MS) for hour in hours], dtype=object)
        return keys[inverse] if len(hours) else np.empty(0, dtype=object)

    def midnight_after(self, ms: np.ndarray) -> np.ndarray:
        """The first midnight of service time strictly after each instant, int64 [N] → int64 [N]."""
        import numpy as np

        local = np.asarray(ms, dtype=np.int64) + self.offset_ms
        return (local // DAY_MS + 1) * DAY_MS - self.offset_ms

    def _local(self, ms: int) -> datetime:
        return _EPOCH + timedelta(milliseconds=int(ms) + self.offset_ms)

    def _instant(self, key: str, pattern: str, form: str) -> int:
        try:
            local = datetime.strptime(key, pattern).replace(tzinfo=UTC)
        except ValueError:
            raise ValueError(f"partition key {key!r} is not {form} of service time {self.name}") from None
        return int(local.timestamp()) * 1000 - self.offset_ms
