"""What the two hourly assets share: from which state an hour begins, and with which logs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dagster as dg

from assets.common.faults import DamagedState, NoBaseModel, retried_or_explained
from assets.common.resources import ProgressReport, WarehouseResource
from assets.common.timings import Timings
from assets.ranking import hand_over
from assets.ranking.account_vectors import hours_with_account_vectors
from assets.ranking.hand_over import OpenState
from assets.ranking.reading import HourLog, loaded_hours, read_hours
from assets.ranking.states import StateRecord, States, since
from warehouse.landing.layout import hours_of
from warehouse.landing.service_time import DAY_MS, HOUR_MS

if TYPE_CHECKING:
    from models.ranking.day import ServedDay
    from warehouse.landing.service_time import ServiceZone
    from warehouse.store.warehouse import Warehouse


def each_hour(
    context: dg.AssetExecutionContext,
    progress: ProgressReport,
    work: Callable[[str, Timings], Mapping[str, object]],
) -> None:
    """Do `work` on every hour of a run, in order; its page shows what it returns, and the time it took.

    A fault names the asset, the partition and what to do.
    """
    with retried_or_explained(context):
        for key in context.partition_keys:
            timings = Timings()
            metadata = work(key, timings)
            progress.spent(timings.seconds)
            context.add_asset_metadata({**metadata, **timings.metadata()}, partition_key=key)


@dataclass(frozen=True)
class Start:
    """Where one system begins an hour: a base, the newest state that counts, and hours still to adapt on."""

    system: str
    base: StateRecord
    previous: StateRecord | None
    catch_up: tuple[str, ...]

    @property
    def version(self) -> str:
        """The model version that scores carry: base day, the hour it was adapted through, its hash."""
        last = self.previous or self.base
        return f"{self.base.partition}/{last.partition}@{last.state_hash}"

    def tags(self) -> dict[str, str]:
        """Where it begins, as tags of a run."""
        return {
            "base_partition": self.base.partition,
            "base_hash": self.base.state_hash,
            "from_state": (self.previous or self.base).partition,
            "caught_up": ", ".join(self.catch_up),
        }


@dataclass(frozen=True)
class Hour:
    """An hour ready to be scored or adapted on."""

    key: str
    loaded: Mapping[str, str]  #: hours since the oldest base through this one, key → hash of what is loaded
    starts: Sequence[Start]
    logs: Mapping[str, HourLog]  #: this hour and those to catch up
    failed: Mapping[str, str] = field(default_factory=dict)  #: systems without a base model → the reason

    @property
    def day(self) -> str:
        """The day key."""
        return self.key[:10]

    @property
    def of_day(self) -> int:
        """The hour of the day, 0 to 23."""
        return int(self.key[11:13])


class LoadedHours:
    """The loaded hours through one hour, as far back as somebody asks: key → hash of their logs."""

    def __init__(self, warehouse: Warehouse, zone: ServiceZone, through: str) -> None:
        self._warehouse, self._zone = warehouse, zone
        self._end_ms = zone.hour_start_ms(through) + HOUR_MS
        self._start_ms = self._end_ms
        self.hours: Mapping[str, str] = {}

    def since(self, day: str) -> Mapping[str, str]:
        """Those after this day, and perhaps some before."""
        start_ms = self._zone.day_start_ms(day) + DAY_MS
        if start_ms < self._start_ms:
            self._start_ms = start_ms
            self.hours = loaded_hours(self._warehouse, start_ms, self._end_ms)
        return self.hours


def open_hour(warehouse: WarehouseResource, states: States, key: str, run: str | None = None) -> Hour:
    """Choose the states for an hour and read its logs; the warehouse is closed again on return.

    Two steps of one Dagster `run` work on the same hour: what the first has opened, the second takes over.

    Raises:
        NoBaseModel: no daily model of an earlier day is finished for any of the systems.
        LookupError: the hour's exposures are not loaded.
    """
    left = hand_over.of_run(run)
    if left.hour is not None and left.hour.key == key:
        taken: Hour = left.hour
        left.hour = None
        return taken
    deployment = warehouse.deployment
    zone = deployment.service_zone
    with warehouse.open() as opened:
        start_ms = zone.hour_start_ms(key)
        if key not in loaded_hours(opened, start_ms, start_ms + HOUR_MS, ["exposures"]):
            raise LookupError(
                f"the exposures of hour {key} are not loaded: materialise `exposures` of this partition first"
            )
        loaded = LoadedHours(opened, zone, key)
        starts, failed = _starts(states, deployment.systems, key, loaded)
        needed = sorted({key}.union(*(start.catch_up for start in starts)))
        logs = read_hours(opened, zone, needed)
        if deployment.one_account:
            logs = hours_with_account_vectors(logs, opened, zone)
        hour = Hour(key, loaded.hours, starts, logs, failed)
    left.hour = hour
    return hour


def _starts(
    states: States, systems: Sequence[str], key: str, loaded: LoadedHours
) -> tuple[list[Start], dict[str, str]]:
    """Where each system begins, and why some cannot; raises NoBaseModel where none can."""
    starts: list[Start] = []
    failed: dict[str, str] = {}
    for system in systems:
        try:
            starts.append(start_of(states, system, key, loaded))
        except NoBaseModel as error:
            failed[system] = str(error)
    if not starts:
        raise NoBaseModel("; ".join(failed.values()))
    return starts, failed


def start_of(states: States, system: str, key: str, loaded: LoadedHours) -> Start:
    """Where a system begins the hour `key`.

    Later hours of a day stay with the base that its first hour chose. The first one takes the newest finished
    base of an earlier day that is not withheld; when the night's training is late, or was rolled back, it
    goes on from that base's states of the day before.
    """
    day = key[:10]
    previous = states.newest_hour(system, (hour for hour in hours_of(day) if hour < key), loaded.since)
    if previous is not None:
        base = states.base_of(previous)
    else:
        base = states.newest_base(system, day)
        between = [hour for hour in loaded.since(base.partition) if base.partition < hour[:10] < day]
        previous = states.newest_hour(system, between, loaded.since)
        if previous is not None and previous.base_partition != base.partition:
            previous = None
    done = previous.partition if previous is not None else f"{base.partition}-24"
    hours = since(loaded.since(base.partition), base.partition, key)
    return Start(system, base, previous, tuple(hour for hour in hours if done < hour < key))


def scores_key(start: Start, hour: Hour) -> tuple[str, str, str]:
    """Names the scores of an hour by a system: of this state, and of these logs."""
    logs = [f"{key} {hour.loaded[key]}" for key in (*start.catch_up, hour.key)]
    return start.system, start.version, "; ".join(logs)


def open_state(states: States, base: StateRecord, last: StateRecord | None, device: str) -> OpenState:
    """Names the state after `last`, an hour of this base; None: the base itself."""
    state_hash = "" if last is None else last.state_hash
    return OpenState(str(states.root), device, base.system, base.state_hash, state_hash)


def day_before(
    states: States, start: Start, hour: Hour, device: str, *, with_twin: bool = False
) -> ServedDay:
    """The served day as it stands at the hour's start: adapted on every loaded hour between base and hour.

    Its static twin received the same hours and never adapted; at a base model without an hour since, and for
    a system that never adapts, the two are one, and there is none.
    """
    from models.ranking.twin import StaticTwin

    day = hand_over.take(open_state(states, start.base, start.previous, device)) or _open(
        states, start, device
    )
    changed = start.previous is not None or bool(start.catch_up)
    if with_twin and day.twin is None and day.ranker.adapts and changed:
        base = states.checked(states.daily(start.system, start.base.partition))
        day.twin = StaticTwin.load(base, day.ranker, device)
    # A late hour is adapted on in its order: what comes after it begins from there.
    for missed in start.catch_up:
        day.adapt(hour.logs[missed].log)
    return day


def _open(states: States, start: Start, device: str) -> ServedDay:
    """The served day after the last state, from disk."""
    from models.ranking.day import ServedDay
    from models.ranking.hour_chain import BrokenChain
    from models.ranking.ranker import Ranker

    base = states.checked(states.daily(start.system, start.base.partition))
    if start.previous is None:
        return ServedDay(Ranker.load(base, device=device))
    state = states.checked(states.hourly(start.system, start.previous.partition))
    try:
        return ServedDay(Ranker.load_hour(base, state, device=device))
    except BrokenChain as error:
        raise DamagedState(str(error)) from error
