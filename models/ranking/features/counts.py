"""The history that counts and rates are read from: one table of counts for each kind of key.

Kinds over exposures (shown, clicked, long): everything, user, item, each item field, user × item, user ×
each item field. Kinds over external clicks (clicks): user, user × domain, item, user × each item field.
"""

from __future__ import annotations

import numpy as np

from models.ranking.features.cells import CountCells, Counted, pair_key
from models.ranking.features.entities import EntityTable
from models.ranking.features.event_log import HOUR_MS, EventLog, ExternalClicks
from models.ranking.features.named_arrays import named, part_of

SHOWN, CLICKED, LONG = 0, 1, 2


def exposure_keys(user: np.ndarray, item: np.ndarray, item_fields: np.ndarray) -> dict[str, np.ndarray]:
    """Count keys of user–item pairs: user, item int64 [E], item_fields int64 [E, F] → kind: int64 [E]."""
    keys = {
        "all": np.zeros(len(user), np.int64),
        "user": pair_key(user),
        "item": pair_key(item),
        "user_item": pair_key(user, item),
    }
    for f, codes in enumerate(item_fields.T):
        keys[f"field{f}"] = pair_key(codes)
        keys[f"user_field{f}"] = pair_key(user, codes)
    return keys


def external_keys(user: np.ndarray, item: np.ndarray, item_fields: np.ndarray) -> dict[str, np.ndarray]:
    """Count keys of external clicks, domains apart (`external_user_domain` is `pair_key(user, domain)`)."""
    keys = {"external_user": pair_key(user), "external_item": pair_key(item)}
    for f, codes in enumerate(item_fields.T):
        keys[f"external_user_field{f}"] = pair_key(user, codes)
    return keys


class CountHistory:
    """Counts over everything received: `append` takes hours, `query` answers as at any period's start."""

    def __init__(self, origin: int, zone_offset_ms: int, long_seconds: float, item_fields: int) -> None:
        """Start empty.

        Args:
            origin: first hour of the history, in service hours since the epoch.
            zone_offset_ms: service time minus UTC.
            long_seconds: the dwell from which an exposure counts as long engagement.
            item_fields: number of item fields.
        """
        self.origin = origin
        self._zone_offset_ms = zone_offset_ms
        self._long_seconds = long_seconds
        none, no_fields = np.empty(0, np.int64), np.empty((0, item_fields), np.int64)
        self.kinds = {kind: CountCells(3) for kind in exposure_keys(none, none, no_fields)}
        self.kinds |= {kind: CountCells(1) for kind in external_keys(none, none, no_fields)}
        self.kinds["external_user_domain"] = CountCells(1)

    def period(self, at_ms: np.ndarray) -> np.ndarray:
        """Periods of instants: service hours since the first hour of the history."""
        return (at_ms + self._zone_offset_ms) // HOUR_MS - self.origin

    def append(self, log: EventLog, items: EntityTable) -> None:
        """Take in what `log` received; costs in proportion to `log`. `items` must know its items already."""
        e, x = log.exposures, log.external
        if len(e):
            long = np.nan_to_num(e.dwell_seconds, nan=0.0) >= self._long_seconds
            measures = np.stack([np.ones(len(e), np.int64), e.clicked, long], axis=1)
            periods = self.period(e.shown_at)
            for kind, keys in exposure_keys(e.user, e.item, items.lookup(e.item)[0]).items():
                self.kinds[kind].append(keys, periods, measures)
        if len(x):
            self._append_external(x, items)

    def _append_external(self, x: ExternalClicks, items: EntityTable) -> None:
        periods, ones = self.period(x.received_at), np.ones((len(x), 1), np.int64)
        keys = external_keys(x.user, x.item, items.lookup(x.item)[0])
        keys["external_user_domain"] = pair_key(x.user, x.domain)
        for kind, kind_keys in keys.items():
            self.kinds[kind].append(kind_keys, periods, ones)

    def query(
        self, kind: str, keys: np.ndarray, periods: np.ndarray, windows: tuple[int | None, ...]
    ) -> Counted:
        """Counts of `kind` strictly before `periods`; see `CountCells.query`."""
        return self.kinds[kind].query(keys, periods, windows)

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything, as `<kind>.keys` and `<kind>.sums`."""
        return named({kind: cells.arrays() for kind, cells in self.kinds.items()})

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Take the state that `arrays` gave; the arrays may be memory-mapped."""
        self.kinds = {kind: CountCells.from_arrays(part_of(arrays, kind)) for kind in self.kinds}
