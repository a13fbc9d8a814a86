"""What a day's logs are known by: a hash of its own batches, and one of everything through its end."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from warehouse.landing.service_time import DAY_MS

if TYPE_CHECKING:
    from warehouse.landing.service_time import ServiceZone
    from warehouse.store.warehouse import Warehouse

CHOSEN = ("users", "items", "exposures")  #: tables with chosen columns that the models read


@dataclass(frozen=True)
class DayHashes:
    """The days of a history, in order, and the hashes of what is loaded of them."""

    own: Mapping[
        str, str
    ]  #: day → hash of its exposures and external clicks, and of descriptions of its date
    through: Mapping[str, str]  #: day → hash of its own and of all before it
    #: hash of the descriptions without a date: they hold for all days, as they stand when a day is encoded
    undated: str

    @property
    def days(self) -> list[str]:
        """The days."""
        return list(self.own)

    @classmethod
    def read(
        cls,
        warehouse: Warehouse,
        zone: ServiceZone,
        first_day: str,
        last_day: str,
        purchases_lag: int | None = None,
    ) -> DayHashes:
        """The days from `first_day` to `last_day`; descriptions of earlier dates belong to the first.

        The chain begins with how the logs are cut and read: the zone and the chosen columns.

        Args:
            warehouse: opened for reading.
            zone: in which days are cut.
            first_day, last_day: day keys.
            purchases_lag: purchases are read too, on a day those of so many days before and of all before
                them (`account_vectors`); None: they are not.
        """
        days = zone.days_between(first_day, last_day)
        start_ms = zone.day_start_ms(first_day)
        parts: list[list[str]] = [[] for _ in days]
        undated = []
        for table, partition, start, data_hash in warehouse.batch_hashes(
            start_ms, zone.day_start_ms(last_day) + DAY_MS
        ):
            line = f"{table} {partition} {data_hash}"
            if start == 0:
                undated.append(line)
            else:
                parts[max(0, (start - start_ms) // DAY_MS)].append(line)
        purchases = []
        if purchases_lag is not None:
            purchases = [f"purchases {purchases_lag}"]
            _add_purchases(parts, warehouse, start_ms - purchases_lag * DAY_MS)
        own = {day: _hash(*part) for day, part in zip(days, parts, strict=True)}
        through: dict[str, str] = {}
        chosen = [f"{table} {field}" for table in CHOSEN for field in warehouse.fields(table)]
        before = _hash(str(zone.offset_ms), first_day, *chosen, *purchases)
        for day, of_day in own.items():
            before = through[day] = _hash(before, of_day)
        return cls(own, through, _hash(*undated))

    def about(self, day: str) -> dict[str, str]:
        """What a partition of a day says of the logs that it was made from."""
        return {"data_hash": self.own[day], "through_hash": self.through[day], "undated_hash": self.undated}


def _add_purchases(parts: list[list[str]], warehouse: Warehouse, start_ms: int) -> None:
    """Add to each day's lines those of one day of purchases, the first of which begins at `start_ms`."""
    loaded = warehouse.loaded("purchases")
    for partition, start, data_hash in zip(
        loaded["partition"], loaded["start_ms"], loaded["data_hash"], strict=True
    ):
        number = max(0, (int(start) - start_ms) // DAY_MS)
        if number < len(parts):
            parts[number].append(f"purchases {partition} {data_hash}")


def _hash(*parts: str) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()
