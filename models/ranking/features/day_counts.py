"""A service day enters the counts: its columns, each instance as at its hour's start, and the state after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.ranking.features import day_dense, day_pairs
from models.ranking.features.cells import pair_key
from models.ranking.features.count_columns import DAY, GROUPS, CountColumn
from models.ranking.features.counts import CountHistory
from models.ranking.features.day_pairs import PairOrder
from models.ranking.features.day_stream import DayStream, Masks, Overall
from models.ranking.features.dense_counts import DayCells
from models.ranking.features.event_log import EventLog
from models.ranking.features.group_counts import FieldValues
from models.ranking.features.ordering import Ranks


@dataclass(frozen=True)
class DayKeys:
    """The keys of a day's exposures and external clicks."""

    users: Ranks
    items: Ranks
    user_fields: np.ndarray  #: int64 [D, F] fields of the distinct users
    fields: np.ndarray  #: int64 [D, F] fields of the distinct items
    external_fields: np.ndarray  #: int32 [X, F] fields of the external clicks' items

    def field(self, f: int) -> Ranks:
        """Ranks of an item field of the exposures."""
        codes = Ranks.of(self.fields[:, f])
        return codes.through(self.items.local)


def check_day(history: CountHistory, log: EventLog) -> None:
    """Raise a ValueError if a log is not a day that can be taken in next."""
    begin, end = (int(history.period(np.array(at))) for at in (log.start_ms, log.end_ms))
    if end - begin < 1 or begin // DAY != (end - 1) // DAY:
        raise ValueError(
            f"a log of {end - begin} hours from hour {begin % DAY} of its day on was given where one service "
            f"day or its rest is due; cut it with EventDays.of"
        )
    if begin < history.end:
        raise ValueError(
            f"the day starts {history.end - begin} hours before the end of what the feature state holds; "
            f"load the state of the day before"
        )
    if history.appended:
        raise ValueError(
            "hours were appended to this feature state: load its morning's to encode the whole day"
        )
    times = {
        "exposures by shown_at": log.exposures.shown_at,
        "external clicks by received_at": log.external.received_at,
    }
    for name, at in times.items():
        if len(at) and (at[0] < log.start_ms or at[-1] >= log.end_ms or bool((at[1:] < at[:-1]).any())):
            raise ValueError(f"the {name} are not in order within [{log.start_ms}, {log.end_ms}) ms")


class DayCounts:
    """One day on its way into a `CountHistory`."""

    def __init__(self, history: CountHistory, log: EventLog, keys: DayKeys) -> None:
        """Prepare a day that follows what the history holds."""
        e, x = log.exposures, log.external
        self._history, self._x, self._keys = history, x, keys
        self._end = int(history.period(np.array(log.end_ms)))
        start = (self._end - 1) // DAY * DAY
        self._clicked = np.asarray(e.clicked, bool)
        self._day = start // DAY
        self._columns: dict[str, list[CountColumn]] = {}  # asked for, by kind
        self._overall = Overall.none()
        self.periods = history.period(e.shown_at)  #: int64 [E] of the day's exposures
        self._asked = DayStream.of(start, self.periods, [None, self._clicked, history.long(e)])
        self._external = DayStream.of(start, history.period(x.received_at), [None])

    def since_first_met(self) -> np.ndarray:
        """Hours int64 [E] since each exposure's item was first shown, -1 where it was not before its hour."""
        return day_dense.first_met(self._history.dense["item"], self._keys.items, self._asked)

    def take(self, columns: Sequence[CountColumn], smoothing: float) -> dict[str, np.ndarray]:
        """Take the day in: bins uint8 [E] of `columns` by name."""
        n = len(self._asked.hours)
        out = {column.name: np.empty(n, np.uint8) for column in columns}
        if n and columns:
            self._overall = Overall.of(self._history.dense["all"], self._asked, smoothing)
            for column in columns:
                self._columns.setdefault(column.kind, []).append(column)
        out |= self._dense_kinds()
        out |= self._pair_kinds()
        out |= self._groups(smoothing)
        self._history.end = self._end
        return out

    def _dense_kinds(self) -> dict[str, np.ndarray]:
        keys, x, asked, clicks = self._keys, self._x, self._asked, self._external
        everything = Ranks.of(np.zeros(len(asked.hours), np.int32))
        shown = {"all": everything, "user": keys.users, "item": keys.items}
        out: dict[str, np.ndarray] = {}
        for kind, ranks in shown.items():
            out |= self._dense(kind, ranks, asked, ranks)
        for f in range(keys.fields.shape[1]):
            ranks = keys.field(f)
            out |= self._dense(f"field{f}", ranks, asked, ranks)
        users, items = Ranks.of(x.user), Ranks.of(x.item)
        out |= self._dense("external_user", keys.users, clicks, users)
        out |= self._dense("external_item", keys.items, clicks, items)
        by_domain = replace(clicks, masks=[*self._history.domain_masks(x)])
        # Ranks are given when the day is over: which of its new domains is busiest is known only then.
        self._history.meet_domains(x)
        after = [*self._history.domain_masks(x)]
        return out | self._dense("external_domain", keys.users, by_domain, users, after)

    def _dense(
        self,
        kind: str,
        keys: Ranks,
        events: DayStream,
        event_keys: Ranks,
        masks: Masks | None = None,
    ) -> dict[str, np.ndarray]:
        """One kind: its columns for instances with `keys`, then its events join the counts."""
        if kind not in self._history.dense:
            return {}
        counts, columns = self._history.dense[kind], self._columns.get(kind, [])
        events = replace(events, masks=events.masks[: counts.kind.measures])
        out = {}
        tabled = [column for column in columns if column.value != "idle"]
        if tabled:
            local = (
                event_keys.local if event_keys is keys else keys.find(event_keys.distinct)[event_keys.local]
            )
            out = day_dense.encode(counts, keys, self._asked, local, events, tabled, self._overall)
        for column in columns:
            if column.value == "idle":
                out[column.name] = day_dense.idle(counts, keys, self._asked)
        masks = masks or events.masks
        cells = DayCells.of(event_keys.distinct, event_keys.local, events.hours, masks)
        counts.take_day(cells, events.start, self._end)
        return out

    def _pair_kinds(self) -> dict[str, np.ndarray]:
        keys, hours, x = self._keys, self._asked.hours, self._x
        if not self._history.pairs:
            return {}
        out = self._pairs("user_item", PairOrder.of(keys.users, keys.items, hours))
        for f in range(keys.fields.shape[1]):
            pairs = PairOrder.of(keys.users, keys.field(f), hours)
            out |= self._pairs(f"user_field{f}", pairs)
            kind = f"external_user_field{f}"
            if kind in self._history.pairs:
                counts = self._history.pairs[kind]
                counts.settle()
                clicked = pair_key(x.user, keys.external_fields[:, f])
                columns, run = day_pairs.encode_external(
                    counts, pairs, self._day, clicked, self._external.hours, self._columns.get(kind, [])
                )
                counts.take_day(self._day, run)
                out |= columns
        return out

    def _groups(self, smoothing: float) -> dict[str, np.ndarray]:
        groups, keys, n = self._history.groups, self._keys, len(self._asked.hours)
        if groups is None or not n:
            return {}
        groups.fold(self._day)
        described = (
            FieldValues(keys.user_fields, keys.users.local),
            FieldValues(keys.fields, keys.items.local),
        )
        columns, days = self._columns.get(GROUPS, []), np.broadcast_to(np.int64(self._day), n)
        bins = groups.bins(*described, days, smoothing) if columns else []
        groups.append(*described, days, self._clicked)
        return {column.name: its for column, its in zip(columns, bins, strict=True)}

    def _pairs(self, kind: str, pairs: PairOrder) -> dict[str, np.ndarray]:
        counts = self._history.pairs[kind]
        counts.settle()
        columns = self._columns.get(kind, [])
        out, run = day_pairs.encode(counts, pairs, self._day, self._clicked, columns, self._overall)
        counts.take_day(self._day, run)
        return out
