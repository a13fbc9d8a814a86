"""Days of logs into instance partitions: each once, in order, from the state of the day before."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assets.common.timings import Timings
from assets.ranking.account_vectors import (
    LAG_DAYS,
    log_with_account_vectors,
    read_account_vectors,
    with_account_vectors,
)
from assets.ranking.day_hashes import DayHashes
from assets.ranking.instance_store import InstanceStore
from assets.ranking.reading import read_day, read_descriptions, read_log
from models.progress import Progress, silent
from models.ranking.instances.manifest import STATE, find_manifest

if TYPE_CHECKING:
    from models.ranking.features.event_log import Entities, EventLog
    from models.ranking.features.features import Features, FeatureSettings
    from warehouse.landing.service_time import ServiceZone
    from warehouse.store.warehouse import Warehouse

STAGE = "exposures encoded"
#: why a day is encoded
MISSING, CHANGED = "not encoded yet", "its logs were loaded again with other content"
CHANGED_BEFORE = "logs of a day before it were loaded again with other content"
STATELESS = "its state was removed, and a day after it needs it"

Open = Callable[[], "AbstractContextManager[Warehouse]"]  #: opens the warehouse for reading
Tell = Callable[[str], None]


@dataclass(frozen=True)
class History:
    """The logs of a source through a day, and how they are opened."""

    open: Open
    zone: ServiceZone
    hashes: DayHashes
    rows: Mapping[str, int]  #: day → exposures in the warehouse
    no_events: EventLog  #: the logs' columns without a row
    one_account: bool = False  #: whether users have the vectors of what they bought

    @classmethod
    def read(
        cls, open_warehouse: Open, zone: ServiceZone, first_day: str, last_day: str, one_account: bool = False
    ) -> History:
        """What is loaded of the days from `first_day` to `last_day`."""
        lag = LAG_DAYS if one_account else None
        with open_warehouse() as warehouse:
            hashes = DayHashes.read(warehouse, zone, first_day, last_day, lag)
            loaded = warehouse.loaded("exposures")
            start_ms = zone.day_start_ms(first_day)
            no_events = read_log(warehouse, zone, start_ms, start_ms, "mentioned")
        rows = dict.fromkeys(hashes.days, 0)
        for partition, exposures in zip(loaded["partition"], loaded["kept"], strict=True):
            if partition[:10] in rows:
                rows[partition[:10]] += int(exposures)
        return cls(open_warehouse, zone, hashes, rows, no_events, one_account)


@dataclass
class EncodedDays:
    """What a call of `encode` did."""

    folders: list[Path]  #: of the days asked for, oldest first
    why: dict[str, str] = field(default_factory=dict)  #: day that was encoded → why it had to be
    rows: int = 0  #: encoded
    timings: Timings = field(default_factory=Timings)


def encode(
    history: History,
    store: InstanceStore,
    settings: FeatureSettings,
    days: Sequence[str],
    listen: Progress = silent,
    tell: Tell | None = None,
) -> EncodedDays:
    """Make sure that the partitions of `days` are there and were made from the logs as they are loaded now.

    A partition that counts is never made again. To make one, the state of the day before is needed: the walk
    goes back to the newest day that has it, and encodes every day from there on. Killed at any point it
    leaves whole partitions alone, and the next call goes on from them.

    Args:
        history: the logs.
        store: where partitions lie.
        settings: of the features; those of the store's version.
        days: consecutive day keys, oldest first.
        listen: told of exposures encoded, of how many.
        tell: told of each day in words.
    """
    through, done = history.hashes.through, EncodedDays([])
    if days_due(history.hashes, store, days):
        with store.locked():
            store.sweep()
            _encode_due(history, store, settings, days, done, listen, tell)
    done.folders = [folder for day in days if (folder := store.folder(day, through[day])) is not None]
    return done


def _encode_due(
    history: History,
    store: InstanceStore,
    settings: FeatureSettings,
    days: Sequence[str],
    done: EncodedDays,
    listen: Progress,
    tell: Tell | None,
) -> None:
    """Encode what is due, while nobody else does."""
    due = days_due(history.hashes, store, days)
    total, began = sum(history.rows[day] for day in due), time.perf_counter()
    for number, day in enumerate(due, start=1):
        why = _why(store.new_folder(day), history.hashes, day)
        with done.timings.phase("read"):
            # From the files, also where the day before was encoded just now: arrays stay on disk.
            state = _state_before(history, store, settings, day)
            with history.open() as warehouse:
                log = read_day(warehouse, history.zone, day)
                if history.one_account:
                    log = log_with_account_vectors(log, warehouse, history.zone, day)
                described = _described(history, warehouse, history.zone.day_after(day), state)
        _encode_day(state, log, described, store.new_folder(day), history.hashes.about(day), done.timings)
        done.why[day] = why
        done.rows += len(log.exposures)
        listen(STAGE, done.rows, total)
        if tell is not None:
            tell(_in_words(day, why, len(log.exposures), number, len(due), done.rows, total, began))


def days_due(hashes: DayHashes, store: InstanceStore, days: Sequence[str]) -> list[str]:
    """The days to encode so that `days` are there, oldest first.

    Beside those that are wanting: the days before each of them, back to the newest one with a state.
    """
    absent = {day for day in days if store.folder(day, hashes.through[day]) is None}
    if not absent:
        return []
    due: list[str] = []
    needed = False  # the state of the day
    for day in reversed(hashes.days):
        folder = store.folder(day, hashes.through[day]) if needed else None
        if day in absent or (needed and (folder is None or not (folder / STATE).is_dir())):
            due.append(day)
            needed = True
        else:
            needed = False
            if day < min(absent):
                break
    return due[::-1]


def _state_before(history: History, store: InstanceStore, settings: FeatureSettings, day: str) -> Features:
    """The state at the end of the day before; the empty one on the first day."""
    from models.ranking.features.features import Features

    if day != history.hashes.days[0]:
        before = history.zone.day_before(day)
        folder = store.folder(before, history.hashes.through[before])
        assert folder is not None, f"{before} was encoded before {day}"
        return Features.load(folder / STATE)
    state = Features.start(settings, history.no_events)
    with history.open() as warehouse:
        described = _described(history, warehouse, day, state)
    state.refresh(*described)
    return state


def _described(
    history: History, warehouse: Warehouse, day: str, state: Features
) -> tuple[Entities, Entities]:
    """Users and items as a day's morning knows them; `state` is that of a day before."""
    users, items = read_descriptions(warehouse, history.zone, day)
    if history.one_account:
        vectors = read_account_vectors(warehouse, history.zone, day)
        users = with_account_vectors(users, vectors, state.users)
    return users, items


def _encode_day(
    state: Features,
    log: EventLog,
    described: tuple[Entities, Entities],
    folder: Path,
    about: dict[str, str],
    timings: Timings,
) -> None:
    """Encode one day, take it and the descriptions of the morning after into the state, and write both."""
    from models.ranking.instances.day import encode_day
    from models.ranking.instances.partition import write_day

    with timings.phase("encode"):
        day = encode_day(state, log)
        state.refresh(*described)
    with timings.phase("write"):
        write_day(day, state, folder, about)


def _why(folder: Path, hashes: DayHashes, day: str) -> str:
    """Why a day has to be encoded."""
    manifest = find_manifest(folder)
    if manifest is None:
        return MISSING
    about = manifest["about"]
    if about["through_hash"] == hashes.through[day]:
        return STATELESS
    return CHANGED if about["data_hash"] != hashes.own[day] else CHANGED_BEFORE


def _in_words(
    day: str, why: str, rows: int, number: int, days: int, done: int, total: int, began: float
) -> str:
    """How far the encoding is, after a day."""
    rate = done / max(time.perf_counter() - began, 1e-9)
    left = f", {(total - done) / rate:,.0f} s left" if number < days and rate else ""
    return f"{day} ({why}): {rows:,} exposures; day {number} of {days}, {rate:,.0f} exposures/s{left}"
