"""Non-empty cells of heatmaps as columns, in order of (user, day, hour, channel)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class HeatmapCells:
    """Users ascending; the cells of `user[i]` lie at `offsets[i]:offsets[i + 1]`, by day, hour, channel."""

    user: np.ndarray  #: int32 [U] user_index
    offsets: np.ndarray  #: int32 [U + 1]
    day: np.ndarray  #: uint16 [n], local, since 1970-01-01
    hour: np.ndarray  #: uint8 [n], local, 0..23
    channel: np.ndarray  #: uint16 [n]
    value: np.ndarray  #: float32 [n]

    def __len__(self) -> int:
        return len(self.value)

    @classmethod
    def of_rows(
        cls, user: np.ndarray, day: np.ndarray, hour: np.ndarray, channel: np.ndarray, value: np.ndarray
    ) -> HeatmapCells:
        """From one row a cell, already in order."""
        first = run_starts(user)
        return cls(
            user=user[first].astype(np.int32, copy=False),
            offsets=np.append(first, len(user)).astype(np.int32),
            day=day.astype(np.uint16, copy=False),
            hour=hour.astype(np.uint8, copy=False),
            channel=channel.astype(np.uint16, copy=False),
            value=value.astype(np.float32, copy=False),
        )

    @property
    def users(self) -> np.ndarray:
        """The user of every cell, int32 [n]."""
        return np.repeat(self.user, np.diff(self.offsets))

    def of_days(self, days: Sequence[int]) -> HeatmapCells:
        """The cells of these days only."""
        chosen = np.isin(self.day, np.asarray(days, dtype=np.uint16))
        return HeatmapCells.of_rows(
            self.users[chosen], self.day[chosen], self.hour[chosen], self.channel[chosen], self.value[chosen]
        )

    @classmethod
    def together(cls, parts: Sequence[HeatmapCells]) -> HeatmapCells:
        """The cells of parts that have no day in common, in order again."""
        user = np.concatenate([part.users for part in parts] or [np.zeros(0, np.int32)])
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts] or [np.zeros(0, np.int64)])
            for name in ("day", "hour", "channel", "value")
        }
        # Within a user and day the parts are in order already, and a stable sort leaves them so.
        order = np.argsort((user.astype(np.int64) << 16) | columns["day"].astype(np.int64), kind="stable")
        return cls.of_rows(user[order], **{name: values[order] for name, values in columns.items()})


def run_starts(values: np.ndarray) -> np.ndarray:
    """Where a new value begins in a sorted array, int64 [runs]."""
    starts = np.empty(len(values), dtype=bool)
    starts[:1] = True
    np.not_equal(values[1:], values[:-1], out=starts[1:])
    return np.flatnonzero(starts)
