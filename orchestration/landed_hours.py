"""Where the hours of a span stand: not ended yet, without files, due to be loaded, or loaded as they lie."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestration.spans import runs, sentence
from warehouse.landing import layout
from warehouse.landing.contract import RANKING_TABLES
from warehouse.landing.service_time import HOUR_MS

if TYPE_CHECKING:
    from warehouse.home import SourceHome
    from warehouse.landing.description import SourceDescription

DIMENSIONS = ("users", "items")
HOURLY_TABLES = tuple(table for table in RANKING_TABLES if table not in DIMENSIONS)


@dataclass(frozen=True)
class LandedHours:
    """The hours of a span, each table of the landing folder by itself.

    An hour is due where its files differ from those that the warehouse records; one without files never is.
    """

    ended: tuple[str, ...]
    running: tuple[str, ...]  #: not ended yet: they are left for later, whatever lies there
    landed: Mapping[str, frozenset[str]]  #: table that the folder has → hours with files
    loaded: Mapping[str, frozenset[str]]  #: the same table → hours in the warehouse
    due: Mapping[str, frozenset[str]]  #: the same table → ended hours to load

    @property
    def missing(self) -> list[str]:
        """Ended hours whose exposures have no files; files that were removed after their loading are none."""
        return self._absent("exposures", self.ended)

    @property
    def half(self) -> list[str]:
        """Ended hours with exposures but no file of external clicks, where the folder has that table."""
        if "external_clicks" not in self.landed:
            return []
        missing = frozenset(self.missing)
        return self._absent("external_clicks", [hour for hour in self.ended if hour not in missing])

    def left_out(self) -> list[str]:
        """Sentences on hours that are not there, not whole or not over, in the order of a report."""
        early = frozenset(self.early)
        later = [hour for hour in self.running if hour not in early]
        sentences = (
            (self.missing, "no files yet"),
            (self.half, "exposures but no files of external clicks yet"),
            (self.early, "files, but no end yet: left for later"),
            (later, "not ended yet"),
        )
        return [sentence(hours, "have", rest) for hours, rest in sentences if hours]

    @property
    def ready(self) -> list[str]:
        """Ended hours whose exposures are loaded, with nothing due: what may be ranked."""
        waiting = frozenset(self.to_load)
        loaded = self.loaded.get("exposures", frozenset())
        return [hour for hour in self.ended if hour in loaded and hour not in waiting]

    @property
    def early(self) -> list[str]:
        """Hours that have files and have not ended."""
        return [hour for hour in self.running if any(hour in hours for hours in self.landed.values())]

    @property
    def to_load(self) -> list[str]:
        """Hours that are due for one table or more, in order."""
        return sorted(frozenset().union(*self.due.values()))

    def _absent(self, table: str, hours: Sequence[str]) -> list[str]:
        present = self.landed.get(table, frozenset()) | self.loaded.get(table, frozenset())
        return [hour for hour in hours if hour not in present]

    def tables(self, hours: Sequence[str]) -> list[str]:
        """Tables that have a due hour among these."""
        return [table for table, due in self.due.items() if not due.isdisjoint(hours)]


def has_ended(hour_start_ms: int, now_ms: int) -> bool:
    """Whether an hour is over."""
    return hour_start_ms + HOUR_MS <= now_ms


def landed_hours(
    paths: SourceHome,
    landing: Path,
    description: SourceDescription,
    hours: Sequence[str],
    now_ms: int,
    *,
    again: bool = False,
    changed: Collection[str] | None = None,
    wait_seconds: float = 60.0,
) -> LandedHours:
    """Look at the landing folder and at what the warehouse records of these hours.

    Args:
        paths, landing, description: the source.
        hours: keys, in order.
        now_ms: the instant before which an hour must have ended.
        again: count every ended hour with files as due, also those that are loaded as they lie.
        changed: hours whose files are compared with what was recorded; default: all. Others that are loaded
            are taken to be loaded as they lie.
        wait_seconds: how long to wait for a process that writes.

    Raises:
        WarehouseBusy: another process writes.
    """
    from assets.logs.ingest import pending
    from assets.logs.judging import reading

    zone = description.service_zone
    ended = tuple(hour for hour in hours if has_ended(zone.hour_start_ms(hour), now_ms))
    running, asked = tuple(hours[len(ended) :]), frozenset(hours)
    landed: dict[str, frozenset[str]] = {}
    loaded: dict[str, frozenset[str]] = {}
    due: dict[str, frozenset[str]] = {}
    with reading(paths.warehouse, wait_seconds) as warehouse:
        if warehouse is not None:
            loaded = {t: asked.intersection(warehouse.loaded(t)["partition"]) for t in HOURLY_TABLES}
    for table in HOURLY_TABLES:
        if not (landing / table).is_dir():
            continue
        landed[table] = asked.intersection(layout.partitions(landing, description.contract(table)))
        over = landed[table].intersection(ended)
        due[table] = over
        if not again and over:
            unloaded = over - loaded.get(table, frozenset())
            asked_for = over if changed is None else unloaded | over.intersection(changed)
            waiting = pending(paths, table, landing=landing, description=description, only=asked_for)
            due[table] = over.intersection(waiting)
    return LandedHours(ended, running, landed, loaded, due)


def due_runs(state: LandedHours) -> list[list[str]]:
    """The due hours cut into ranges, each within a day and without an hour that is loaded as it lies there.

    Hours without files may lie inside a range: they are not loaded.
    """
    due = frozenset(state.to_load)
    settled = {hour for hours in state.landed.values() for hour in hours} - due
    order = {hour: number for number, hour in enumerate(state.ended)}

    def follows(last: str, hour: str) -> bool:
        between = state.ended[order[last] + 1 : order[hour]]
        return last[:10] == hour[:10] and settled.isdisjoint(between)

    return runs(sorted(due), follows)
