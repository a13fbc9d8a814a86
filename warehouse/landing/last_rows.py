"""How far a file that holds a day reaches: an hour after its last row is not there yet."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from warehouse.landing.contract import TableContract
from warehouse.landing.files import FileRejected, column_of
from warehouse.landing.instants import epoch_ms
from warehouse.landing.service_time import HOUR_MS, ServiceZone


def last_hour(path: Path, contract: TableContract, zone: ServiceZone, day: str) -> int:
    """The hour of day, 0 to 23, of the file's last row inside `day`.

    0 where no row has a time of that day: such rows go to the first hour. 23 where the file cannot be read,
    so that reading it says why. A file that was not touched is not read again.
    """
    stat = path.stat()
    return _last_hour(path, stat.st_size, stat.st_mtime_ns, contract, zone.day_start_ms(day))


@lru_cache(maxsize=256)
def _last_hour(path: Path, _size: int, _modified: int, contract: TableContract, day_start_ms: int) -> int:
    try:
        hours = (epoch_ms(column_of(path, contract, str(contract.partition_time))) - day_start_ms) // HOUR_MS
    except FileRejected:
        return 23
    inside = hours[(hours >= 0) & (hours < 24)]
    return int(inside.max()) if len(inside) else 0
