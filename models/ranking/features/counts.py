"""The history that counts and rates are read from: one table of counts for each kind of key.

Kinds over exposures (shown, clicked, long): everything, user, item, each item field, user × item, user ×
each item field, each user field × each item field (`group_counts`). Over external clicks (clicks): user,
user × domain, item, user × each item field.

What is held is the state through the end of the last day that was encoded (see `dense_counts`, `pair_counts`)
and what the hours appended since. Periods are hours since hour 0 of the history's first service day.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.ranking.features.bins import count_bins, rate_bins
from models.ranking.features.cells import pair_key
from models.ranking.features.count_columns import CLICKED, DAY, GROUPS, SHOWN, CountColumn
from models.ranking.features.day_stream import overall_rates
from models.ranking.features.dense_counts import DenseCounts, DenseKind
from models.ranking.features.entities import EntityTable
from models.ranking.features.event_log import HOUR_MS, EventLog, Exposures, ExternalClicks, concatenated
from models.ranking.features.group_counts import FieldValues, GroupCounts
from models.ranking.features.named_arrays import named, part_of
from models.ranking.features.pair_counts import PairCounts


class CountHistory:
    """Counts over everything received: days are taken in whole, hours appended behind them."""

    def __init__(
        self,
        first_hour: int,
        zone_offset_ms: int,
        long_seconds: float,
        fields: tuple[int, int],
        columns: Sequence[CountColumn],
        domains: int,
        pair_days: int | None,
        group_values: int,
    ) -> None:
        """Start empty.

        Args:
            first_hour: first hour of the history, in service hours since the epoch.
            zone_offset_ms: service time minus UTC.
            long_seconds: the dwell from which an exposure counts as long engagement.
            fields: number of user fields and of item fields.
            columns: what will be asked; kinds that none of them reads are not held.
            domains: how many external domains are counted apart.
            pair_days: days without an event after which a pair begins anew; None: never.
            group_values: how many values of a field are counted by group.
        """
        self.origin = first_hour // DAY * DAY
        self.end = first_hour - self.origin  #: the period that follows the last one taken in by days
        self.appended = False  #: whether hours were appended since
        self.columns = tuple(columns)
        self.domains: tuple[int, ...] = ()  #: external domains in the order of their ranks
        self._zone_offset_ms, self._long_seconds = zone_offset_ms, long_seconds
        self._ranks, self._pair_days = domains, pair_days
        item_fields = fields[1]
        asked = {column.kind for column in columns} | {"item"} | ({"all"} if columns else set())
        kinds = _dense_kinds(item_fields, domains)
        self.dense = {name: DenseCounts(kinds[name], self.end) for name in kinds if name in asked}
        pairs = _pair_kinds(item_fields)
        self.pairs = {name: PairCounts(pairs[name], pair_days) for name in pairs if name in asked}
        self.groups = GroupCounts(*fields, group_values) if GROUPS in asked else None

    def period(self, at_ms: np.ndarray) -> np.ndarray:
        """Periods of instants."""
        return (at_ms + self._zone_offset_ms) // HOUR_MS - self.origin

    def append(self, logs: Sequence[EventLog], users: EntityTable, items: EntityTable) -> None:
        """Take in logs of hours; costs in proportion to them. The tables must know everybody already."""
        e = concatenated([log.exposures for log in logs])
        x = concatenated([log.external for log in logs])
        self.appended = True
        if len(e):
            fields, periods = items.lookup(e.item)[0], self.period(e.shown_at)
            masks = [np.ones(len(e), bool), np.asarray(e.clicked, bool), self.long(e)]
            self._append(_exposure_keys(e.user, e.item, fields), periods, np.stack(masks, axis=1))
            if self.groups is not None:
                described = FieldValues.of(users.lookup(e.user)[0]), FieldValues.of(fields)
                self.groups.append(*described, periods // DAY, masks[CLICKED])
        if len(x):
            fields, periods = items.lookup(x.item)[0], self.period(x.received_at)
            self._append(_external_keys(x.user, x.item, fields), periods, np.ones((len(x), 1), np.int64))
            if "external_domain" in self.dense:
                measures = np.stack(self.domain_masks(x), axis=1)
                self.dense["external_domain"].append(x.user, periods, measures)

    def _append(self, keys: Mapping[str, np.ndarray], periods: np.ndarray, measures: np.ndarray) -> None:
        for kind, kind_keys in keys.items():
            if kind in self.dense:
                counts = self.dense[kind]
                counts.append(kind_keys, periods, measures[:, : counts.kind.measures].astype(np.int64))
            elif kind in self.pairs:
                pairs = self.pairs[kind]
                pairs.append(kind_keys, periods, measures[:, : pairs.measures].astype(np.int64))

    def codes(
        self,
        e: Exposures,
        user_fields: np.ndarray,
        fields: np.ndarray,
        periods: np.ndarray,
        smoothing: float,
    ) -> list[np.ndarray]:
        """Bins uint8 [E] of every column, each strictly before `periods` int64 [E] (none before `end`).

        Args:
            user_fields, fields: int64 [E, Fu] and [E, F] of users and items.
        """
        if not self.columns:
            return []
        keys = _exposure_keys(e.user, e.item, fields) | _external_keys(e.user, e.item, fields)
        keys["external_domain"] = keys["user"]
        overall = overall_rates(self.dense["all"].query(keys["all"], periods, (None,))[0])
        grouped: Iterator[np.ndarray] = iter(())
        if self.groups is not None:
            described = FieldValues.of(user_fields), FieldValues.of(fields)
            grouped = iter(self.groups.bins(*described, periods // DAY, smoothing))
        answers: dict[tuple[str, int | None], np.ndarray] = {}
        for kind in dict.fromkeys(column.kind for column in self.columns if column.kind != GROUPS):
            if kind in self.pairs:
                answers[kind, None] = self.pairs[kind].query(keys[kind], periods)
                continue
            windows = tuple({column.window for column in self.columns if column.kind == kind})
            counted = self.dense[kind].query(keys[kind], periods, windows)
            answers |= {(kind, window): table for window, table in zip(windows, counted, strict=True)}
        out: list[np.ndarray] = []
        for column in self.columns:
            if column.kind == GROUPS:
                out.append(next(grouped))
                continue
            counts = answers[column.kind, column.window]
            if column.value == "idle":
                _, last = self.dense[column.kind].met(keys[column.kind], periods)
                out.append(count_bins(np.where(last < 0, 0, periods - last)))
            elif column.value == "rate":
                rates = overall[:, column.measure]
                out.append(rate_bins(counts[:, column.measure], counts[:, SHOWN], rates, smoothing))
            else:
                out.append(count_bins(counts[:, column.measure]))
        return out

    def long(self, e: Exposures) -> np.ndarray:
        """bool [E]: which exposures count as long engagement."""
        return np.nan_to_num(e.dwell_seconds, nan=0.0) >= self._long_seconds

    def domain_masks(self, x: ExternalClicks) -> list[np.ndarray]:
        """Of each rank, bool [X]: which clicks are of the domain that has it."""
        none = np.full(len(x), False)
        masks = [x.domain == domain for domain in self.domains]
        return masks + [none] * (self._ranks - len(masks))

    def meet_domains(self, x: ExternalClicks) -> None:
        """Rank the domains that a day brought first, busiest first, behind those of earlier days."""
        codes, clicks = np.unique(x.domain, return_counts=True)
        new = ~np.isin(codes, self.domains)
        ranked = codes[new][np.argsort(-clicks[new], kind="stable")].tolist()
        self.domains = (*self.domains, *ranked)[: self._ranks]

    def save(self, folder: Path, prefix: str) -> dict[str, np.ndarray]:
        """Write what is merged while it is written, as `<prefix>.…`; returns the rest to write, by name."""
        left = {kind: counts.arrays() for kind, counts in self.dense.items()}
        left |= {kind: counts.save(folder, f"{prefix}.{kind}") for kind, counts in self.pairs.items()}
        if self.groups is not None:
            left[GROUPS] = self.groups.arrays()
        return named(left)

    def describe(self) -> dict[str, Any]:
        """The small rest of the state, as JSON values."""
        return {
            "origin": self.origin,
            "end": self.end,
            "appended": self.appended,
            "domains": list(self.domains),
        }

    def restore(self, described: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Take the state that was saved; the arrays may be memory-mapped."""
        self.origin, self.end, self.appended = (described[name] for name in ("origin", "end", "appended"))
        self.domains = tuple(described["domains"])
        for kind, dense in self.dense.items():
            self.dense[kind] = DenseCounts.from_arrays(dense.kind, self.end, part_of(arrays, kind))
        if self.groups is not None:
            self.groups.restore(part_of(arrays, GROUPS))
        for kind, pairs in self.pairs.items():
            last_day = max(self.end - 1, 0) // DAY
            self.pairs[kind] = PairCounts.from_arrays(
                pairs.measures, self._pair_days, last_day, part_of(arrays, kind)
            )


def _dense_kinds(item_fields: int, domains: int) -> dict[str, DenseKind]:
    kinds = {"all": DenseKind(3, wide=True)}
    kinds |= {kind: DenseKind(3, window=DAY, met=True) for kind in ("user", "item")}
    kinds |= {f"field{f}": DenseKind(2, wide=True, window=DAY) for f in range(item_fields)}
    kinds |= {kind: DenseKind(1, window=DAY) for kind in ("external_user", "external_item")}
    return kinds | {"external_domain": DenseKind(domains)}


def _pair_kinds(item_fields: int) -> dict[str, int]:
    """Measures of each kind of pair."""
    fields = range(item_fields)
    kinds = {"user_item": 2} | {f"user_field{f}": 2 for f in fields}
    return kinds | {f"external_user_field{f}": 1 for f in fields}


def _exposure_keys(user: np.ndarray, item: np.ndarray, item_fields: np.ndarray) -> dict[str, np.ndarray]:
    """Keys of user–item pairs: user, item int64 [E], item_fields int64 [E, F] → kind: int64 [E]."""
    keys = {
        "all": np.zeros(len(user), np.int64),
        "user": user,
        "item": item,
        "user_item": pair_key(user, item),
    }
    for f, codes in enumerate(item_fields.T):
        keys |= {f"field{f}": codes, f"user_field{f}": pair_key(user, codes)}
    return keys


def _external_keys(user: np.ndarray, item: np.ndarray, item_fields: np.ndarray) -> dict[str, np.ndarray]:
    """Keys of external clicks, of domains apart."""
    keys = {"external_user": user, "external_item": item}
    return keys | {f"external_user_field{f}": pair_key(user, codes) for f, codes in enumerate(item_fields.T)}
