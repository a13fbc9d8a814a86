"""Brands as tasks: who was a customer before a day, and who became one in a period (spec section 4)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.profiling.data import MISSING, PurchaseLog

NEVER = np.iinfo(np.int32).max  #: first day of a pair that never bought


@dataclass(frozen=True)
class FirstPurchases:
    """The local day of the first purchase of every user and brand."""

    day: np.ndarray  #: int32 [B, U], NEVER where the user never bought the brand

    @classmethod
    def of(cls, purchases: PurchaseLog, users: int) -> FirstPurchases:
        """From a log; cancelled purchases make no customer."""
        day = np.full((len(purchases.brand_names), users), NEVER, dtype=np.int32)
        valid = ~purchases.cancelled & (purchases.brand != MISSING)
        np.minimum.at(
            day, (purchases.brand[valid], purchases.user[valid]), purchases.day[valid].astype(np.int32)
        )
        return cls(day)

    def customers(self, before_day: int) -> np.ndarray:
        """Who had bought before a day, bool [B, U]."""
        return self.day < before_day

    def newcomers(self, start_day: int, end_day: int) -> np.ndarray:
        """Who bought for the first time in `[start_day, end_day)`, bool [B, U]."""
        return (self.day >= start_day) & (self.day < end_day)
