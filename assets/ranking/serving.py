"""Answering requests with a version of the ranker: candidates in the ids of the logs → scores.

A version is a daily model; each hour of the days after it is answered by the newest state that was adapted
from it before that hour, as the asset `hourly_auc` scores it. Nothing received at or after an hour's start is
read for its scores.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from assets.common.faults import BadRequest, DamagedState
from assets.ranking.serving_catalogue import ServingCatalogue
from assets.ranking.serving_request import Columns, read_candidates
from assets.ranking.states import StateRecord, States
from models.ranking import hour_chain
from models.ranking.ranker import CHUNK, Ranker
from warehouse.home import Deployment, Home, SourceHome
from warehouse.landing.service_time import DAY_MS, HOUR_MS
from warehouse.store.waiting import WarehouseBusy
from warehouse.store.warehouse import Warehouse

FIRST_WAIT_SECONDS, WAIT_SECONDS = 60.0, 0.2  #: for a load to end: before the first answer, and later
PADDED = 8  #: a short list is padded to a multiple of this, and not to an hour's length

_log = logging.getLogger("hourfold.serving")


@dataclass(frozen=True)
class OpenHour:
    """What answers the candidates of one service hour."""

    hour: str
    seen: int  #: when the folder of hourly states changed last, in ns
    adapted: StateRecord | None  #: the hourly state; None: the version as trained
    ranker: Ranker
    catalogue: ServingCatalogue


@dataclass(frozen=True)
class Answer:
    """What a request for scores is answered with."""

    scores: np.ndarray  #: float64 [N], in the order of the candidates
    cold_users: int  #: distinct users that the warehouse does not know
    cold_items: int  #: distinct items, likewise


class ServedRanker:
    """A version of the ranker, with the home that it belongs to; requests are answered one at a time."""

    def __init__(self, folder: Path, *, followed: bool = False) -> None:
        """Args:
            folder: of the version: a daily state inside a home, or a copy of one, whose home is that of
                HOURFOLD_HOME.
            followed: somebody calls `refresh` every few seconds, so that no request waits for a new state of
                its hour.

        Raises:
            DamagedState: the folder holds no finished state, or the home is of another source.
        """
        home, inside = _home_of(folder)
        self._deployment = Deployment.load(home)
        self._source = inside or self._deployment.paths(home)
        if self._source.root.name != self._deployment.source:
            raise DamagedState(
                f"{folder} is a ranker of {self._source.root.name}, but {home.root} is the home of "
                f"{self._deployment.source}: point HOURFOLD_HOME at the home that it was trained in"
            )
        self._folder, self._states = folder, States(self._source.models)
        self._record = self._states.finished(folder)
        with self._warehouse(FIRST_WAIT_SECONDS) as warehouse:
            self._context = warehouse.fields("exposures")
        self._open: OpenHour | None = None
        self._earlier: OpenHour | None = None  #: was open before; about the turn of an hour both are asked
        self._followed = followed
        self._lock = threading.Lock()

    @property
    def opened(self) -> OpenHour | None:
        """What answered last; None before the first request."""
        return self._open

    @property
    def received_ms(self) -> int:
        """The instant before which everything was received that the answers rest on."""
        zone, opened = self._deployment.service_zone, self._open
        if opened is None or opened.adapted is None:
            return zone.day_start_ms(self._record.partition) + DAY_MS
        return zone.hour_start_ms(opened.adapted.partition) + HOUR_MS

    def warm(self) -> None:
        """Open the hour of now, so that the first request need not wait, and see that it answers."""
        with self._lock:
            self._take(self._read_warm(*self._seen(self._present_hour())))

    def refresh(self) -> bool:
        """Take up what is newer than what answers, of its hour or of the hour of now; whether there was any.

        Raises what reading it raises; what answers stays as it is then.
        """
        former, present = self._open, self._present_hour()
        if former is None:
            return False
        was_present = former.hour == self._present_hour(-HOUR_MS)
        hour, seen = self._seen(present if was_present else former.hour)
        if (former.hour, former.seen) == (hour, seen):
            return False
        opened = self._read_warm(hour, seen)
        with self._lock:
            self._take(opened)
        return True

    def score(self, table: Columns) -> np.ndarray:
        """Click probabilities float64 [N] of a table of candidates; see `answer`."""
        return self.answer(table).scores

    def answer(self, table: Columns) -> Answer:
        """Score a table of candidates (`assets.ranking.serving_request`).

        Raises:
            BadRequest: the table cannot be answered as it stands; the message says what to change.
        """
        with self._lock, torch.inference_mode():
            rows = read_candidates(table, self._context)
            scores = np.empty(len(rows))
            hours = rows.shown_at // HOUR_MS
            users = items = 0
            for number in np.unique(hours):
                index = np.flatnonzero(hours == number)
                index = index[np.argsort(rows.shown_at[index], kind="stable")]
                opened = self._opened(self._hour_key(int(number) * HOUR_MS))
                log = opened.catalogue.log_of(rows, index, int(number) * HOUR_MS)
                scores[index] = opened.ranker.score(log, min(-(-len(index) // PADDED) * PADDED, CHUNK))
                users += opened.catalogue.strangers(log.users, opened.catalogue.user_numbers)
                items += opened.catalogue.strangers(log.items, opened.catalogue.item_numbers)
            return Answer(scores, users, items)

    def _hour_key(self, start_ms: int) -> str:
        zone, trained = self._deployment.service_zone, self._record.partition
        first_ms = zone.day_start_ms(trained) + DAY_MS
        try:
            if start_ms >= first_ms:
                return zone.hour_key(start_ms)
        except OverflowError as error:
            raise BadRequest(f"shown_at {start_ms} ms is in no calendar: send epoch milliseconds") from error
        raise BadRequest(
            f"shown_at lies in the hour that begins at {start_ms} ms, but this version was trained on "
            f"everything through {trained}: it answers hours from {zone.hour_key(first_ms)} on"
        )

    def _present_hour(self, shift_ms: int = 0) -> str:
        """The hour of now, or the first that this version answers if that is later."""
        zone = self._deployment.service_zone
        first_ms = zone.day_start_ms(self._record.partition) + DAY_MS
        return zone.hour_key(max(time.time_ns() // 1_000_000 + shift_ms, first_ms))

    def _seen(self, hour: str) -> tuple[str, int]:
        folder = self._states.hourly(self._record.system, hour).parent
        return hour, folder.stat().st_mtime_ns if folder.is_dir() else 0

    def _take(self, opened: OpenHour) -> None:
        if self._open is not None and self._open.hour != opened.hour:
            self._earlier = self._open
        self._open = opened

    def _opened(self, hour: str) -> OpenHour:
        """What answers `hour`: the same as before, unless an hourly state came, or another hour is asked for.

        Where the new state or the warehouse cannot be read just now, the former goes on, and it is said.
        """
        former, earlier = self._open, self._earlier
        _, seen = self._seen(hour)
        for one in (former, earlier):
            if one is not None and one.hour == hour and (self._followed or one.seen == seen):
                return one
        try:
            opened = self._read(hour, seen)
        except (DamagedState, hour_chain.BrokenChain, FileNotFoundError, WarehouseBusy) as error:
            if former is None or former.hour > hour:
                raise
            _log.warning("hour %s is answered as hour %s was: %s", hour, former.hour, error)
            return former
        self._take(opened)
        return opened

    def _read_warm(self, hour: str, seen: int) -> OpenHour:
        """What answers `hour`; a ranker that was not open before has scored two strangers."""
        opened, former = self._read(hour, seen), self._open
        if former is None or opened.ranker is not former.ranker:
            start_ms = self._deployment.service_zone.hour_start_ms(hour)
            strangers = {"user_id": ["?", "?"], "item_id": ["?", "!"], "shown_at": [start_ms, start_ms]}
            rows = read_candidates(strangers, self._context)
            opened.ranker.score(opened.catalogue.log_of(rows, np.arange(2), start_ms), PADDED)
        return opened

    def _read(self, hour: str, seen: int) -> OpenHour:
        if self._states.finished(self._folder) != self._record:
            raise DamagedState(f"{self._folder} was trained again since it was opened: load the model again")
        former, adapted = self._open, self._adapted_before(hour)
        wait = FIRST_WAIT_SECONDS if former is None else WAIT_SECONDS
        with self._warehouse(wait) as warehouse:
            catalogue = ServingCatalogue.read(warehouse, self._deployment, hour, self._context)
        if former is not None and former.adapted == adapted:
            return OpenHour(hour, seen, adapted, former.ranker, catalogue)
        base, device = self._states.checked(self._folder), self._deployment.device
        if adapted is None:
            return OpenHour(hour, seen, None, Ranker.load(base, device), catalogue)
        state = self._states.checked(self._states.hourly(adapted.system, adapted.partition))
        return OpenHour(hour, seen, adapted, Ranker.load_hour(base, state, device), catalogue)

    def _warehouse(self, wait_seconds: float) -> Warehouse:
        return Warehouse(self._source.warehouse, read_only=True, wait_seconds=wait_seconds)

    def _adapted_before(self, hour: str) -> StateRecord | None:
        """The newest whole state that was adapted from this version on hours before `hour`."""
        folder, first = self._states.hourly(self._record.system, hour).parent, self._record.partition
        names = (path.name for path in folder.glob("*-*-*-*"))
        before = self._states.hourly(self._record.system, hour).name
        for name in sorted((name for name in names if first < name < before), reverse=True):
            record = self._states.record(folder / name)
            if record is None or record.base_hash != self._record.state_hash:
                continue
            if hour_chain.whole(self._states.ranker_path(folder / name)):
                return record
        return None


def _home_of(folder: Path) -> tuple[Home, SourceHome | None]:
    """The home that a daily state lies in, with its source; of a copy elsewhere, the home of this process."""
    parents = folder.resolve().parents  # <home>/sources/<source>/models/daily/<system>/<day>
    if len(parents) > 5 and (parents[1].name, parents[2].name, parents[4].name) == (
        *("daily", "models", "sources"),
    ):
        return Home(parents[5]), SourceHome(parents[3])
    return Home.current(), None
