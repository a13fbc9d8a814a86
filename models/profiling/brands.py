"""Brands as tasks: who was a customer before a day, and who became one in a period (spec section 4)."""

from __future__ import annotations

import numpy as np

from models.profiling.data import MISSING, PurchaseLog
from models.profiling.purchases import first_of_pairs

NEVER = np.iinfo(np.int32).max  #: first day of a pair that never bought


class FirstPurchases:
    """The local day of the first purchase of every user and brand.

    Held are the pairs that bought, 8 bytes each: of a million users and thousands of brands a table would
    have a thousand times as many entries.
    """

    def __init__(self, day: np.ndarray) -> None:
        """From a table of days, int [B, U], NEVER where the user never bought the brand."""
        brand, user = np.nonzero(np.asarray(day) != NEVER)
        self._hold(day.shape, brand, user, day[brand, user])

    @classmethod
    def of(cls, purchases: PurchaseLog, users: int) -> FirstPurchases:
        """From a log; cancelled purchases make no customer."""
        parts = [(np.zeros(0, np.int32),) * 3]
        for start, _, block in purchases.by_users(users):
            valid = np.flatnonzero(~block.cancelled & (block.brand != MISSING))
            order, first = first_of_pairs(block.user[valid], block.brand[valid])
            rows = valid[order[first]]  # rows are in order of time: the first one of a pair has its day
            user = (block.user[rows] + start).astype(np.int32)
            parts.append((block.brand[rows], user, block.day[rows].astype(np.int32)))
        brand, user, day = (np.concatenate(part) for part in zip(*parts, strict=True))
        pairs = cls.__new__(cls)
        pairs._hold((len(purchases.brand_names), users), brand, user, day)
        return pairs

    def _hold(self, shape: tuple[int, ...], brand: np.ndarray, user: np.ndarray, day: np.ndarray) -> None:
        brands, self.users = shape
        # By brand, users ascending; pairs come with users ascending in blocks, which a stable sort leaves so.
        small = np.uint16 if brands <= 1 << 16 else np.int32
        order = np.argsort(brand.astype(small), kind="stable")
        self._offsets = np.concatenate([[0], np.cumsum(np.bincount(brand, minlength=brands))])
        self._user = user[order].astype(np.int32, copy=False)
        self._day = day[order].astype(np.int32, copy=False)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @property
    def day(self) -> FirstDays:
        """Days of one brand at a time: `day[brand]` is int32 [U], NEVER where the user never bought it."""
        return FirstDays(self)

    def pairs(self, brand: int) -> tuple[np.ndarray, np.ndarray]:
        """Who ever bought a brand, int32 [n] ascending, and the day of each one's first purchase."""
        own = slice(int(self._offsets[brand]), int(self._offsets[brand + 1]))
        return self._user[own], self._day[own]

    def customers(self, before_day: int) -> np.ndarray:
        """Who had bought before a day, bool [B, U]."""
        return self._table(self._day < before_day)

    def newcomers(self, start_day: int, end_day: int) -> np.ndarray:
        """Who bought for the first time in `[start_day, end_day)`, bool [B, U]."""
        return self._table((self._day >= start_day) & (self._day < end_day))

    def customer_counts(self, before_day: int) -> np.ndarray:
        """How many had bought before a day, int64 [B]."""
        return self._sums(self._day < before_day)

    def newcomer_counts(self, start_day: int, end_day: int) -> np.ndarray:
        """How many bought for the first time in `[start_day, end_day)`, int64 [B]."""
        return self._sums((self._day >= start_day) & (self._day < end_day))

    def customers_among(self, users: np.ndarray, before_day: int) -> np.ndarray:
        """How many of `users` (int64 [K] positions, each once) had bought before a day, int64 [B]."""
        asked = np.zeros(self.users, dtype=bool)
        asked[users] = True
        return self._sums(asked[self._user] & (self._day < before_day))

    def _sums(self, chosen: np.ndarray) -> np.ndarray:
        """Of pairs (bool), how many each brand has."""
        running = np.concatenate([[0], np.cumsum(chosen)])
        return np.diff(running[self._offsets])

    def _table(self, chosen: np.ndarray) -> np.ndarray:
        """Pairs (bool) as bool [B, U]."""
        table = np.zeros((len(self), self.users), dtype=bool)
        brand = np.repeat(np.arange(len(self)), self._sums(chosen))
        table[brand, self._user[chosen]] = True
        return table


class FirstDays:
    """First purchases of a brand as days of all users."""

    def __init__(self, first: FirstPurchases) -> None:
        self._first = first

    def __getitem__(self, brand: int) -> np.ndarray:
        user, day = self._first.pairs(brand)
        days = np.full(self._first.users, NEVER, dtype=np.int32)
        days[user] = day
        return days
