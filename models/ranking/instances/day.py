"""The instances of one service day: encoded once, then read by every training whose window holds the day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np

from models.ranking.features.codes import Layout
from models.ranking.features.event_log import DAY_MS, HOUR_MS, Entities, EventLog, Exposures, ExternalClicks
from models.ranking.features.features import Features
from models.ranking.instances.rows import InstanceRows, chunks_of, hours_of
from models.ranking.instances.spans import Spans, spans_of


class RowSource(Protocol):
    """Where the rows of a day lie: in memory, or in a folder."""

    @property
    def fingerprint(self) -> str:
        """Of all that the day holds; in memory it is computed when it is asked for."""

    def read(self, layout: Layout, chunks: np.ndarray) -> Iterator[InstanceRows]:
        """Chunks of the day by number int64 [n], ascending, one after another; `layout` picks columns."""

    def exposures(self) -> Exposures:
        """All exposures, without context."""

    def external(self) -> ExternalClicks:
        """The external clicks that the day received."""


@dataclass(frozen=True)
class InstanceDay:
    """A service day's exposures with their codes. Opening one reads no row."""

    day: int  #: service days since the epoch
    start_ms: (
        int  #: all that was received in `[start_ms, end_ms)`; whole hours, less than a day at a log's ends
    )
    end_ms: int
    zone_offset_ms: int
    layout: Layout
    hours: np.ndarray  #: int64 [H, 3] of `hours_of`
    clicks: int
    spans: Mapping[str, Spans]  #: of every open field
    source: RowSource
    folder: Path | None = None

    def __len__(self) -> int:
        return int(self.hours[-1, 2]) if len(self.hours) else 0

    @property
    def fingerprint(self) -> str:
        """Of the rows and of all else: what is trained on the same days is the same."""
        return self.source.fingerprint

    @property
    def name(self) -> str:
        """The day as an ISO date."""
        return day_name(self.day)

    @property
    def chunks(self) -> np.ndarray:
        """int64 [C, 3] of `chunks_of`; a chunk's number is its position here."""
        return chunks_of(self.hours)

    def read(self, layout: Layout | None = None, chunks: np.ndarray | None = None) -> Iterator[InstanceRows]:
        """Rows in time order, chunk by chunk; no other chunk is held meanwhile.

        Args:
            layout: some of the day's fields; None: all.
            chunks: numbers of chunks int64 [n], ascending; None: all.
        """
        numbers = np.arange(len(self.chunks)) if chunks is None else chunks
        return self.source.read(layout or self.layout, numbers)

    def log(self) -> EventLog:
        """The day's events, without entities and context."""

        def nobody(width: int) -> Entities:
            empty = np.empty(0, np.int64)
            return Entities(empty, np.empty((0, width), np.int64), empty)

        return EventLog(
            self.source.exposures(),
            self.source.external(),
            nobody(len(self.layout.columns("user_field"))),
            nobody(len(self.layout.columns("item_field"))),
            self.start_ms,
            self.end_ms,
            self.zone_offset_ms,
        )


def encode_day(features: Features, log: EventLog) -> InstanceDay:
    """Take a service day in and keep its exposures with their codes, each as at the start of its hour.

    Args:
        features: the state through the end of the day before; moved to the end of this one.
        log: everything received on the day.
    """
    e, x = log.exposures, log.external
    codes = features.encode_day(log)
    rows = InstanceRows(
        codes, np.asarray(e.shown_at), np.asarray(e.clicked, bool), np.asarray(e.dwell_seconds, np.float32)
    )
    user, item, domain = (column.astype(np.int32, copy=False) for column in (x.user, x.item, x.domain))
    external = ExternalClicks(user, item, domain, x.occurred_at, x.received_at)
    zone = log.zone_offset_ms
    hours = hours_of(rows.shown_at, zone)
    return InstanceDay(
        day=(log.start_ms + zone) // DAY_MS,
        start_ms=log.start_ms,
        end_ms=log.end_ms,
        zone_offset_ms=zone,
        layout=codes.layout,
        hours=hours,
        clicks=int(rows.clicked.sum()),
        spans=spans_of(codes, (rows.shown_at + zone) // HOUR_MS),
        source=MemoryRows(rows, external, chunks_of(hours)),
    )


@dataclass(frozen=True)
class MemoryRows:
    """A `RowSource` whose rows are in memory."""

    rows: InstanceRows
    clicks: ExternalClicks
    chunks: np.ndarray

    @cached_property
    def fingerprint(self) -> str:
        """See `RowSource.fingerprint`."""
        state = sha256(f"{self.rows.codes.layout} {self.chunks.tolist()}".encode())
        rows = self.rows
        columns = [rows.shown_at, rows.clicked, rows.dwell_seconds, *rows.codes.columns]
        for column in columns + [getattr(self.clicks, f.name) for f in fields(self.clicks)]:
            state.update(np.ascontiguousarray(column).data)
        return state.hexdigest()

    def read(self, layout: Layout, chunks: np.ndarray) -> Iterator[InstanceRows]:
        """See `RowSource.read`."""
        rows = replace(self.rows, codes=self.rows.codes.select(layout))
        return (rows.part(slice(first, last)) for _, first, last in self.chunks[chunks].tolist())

    def exposures(self) -> Exposures:
        """See `RowSource.exposures`."""
        return self.rows.exposures()

    def external(self) -> ExternalClicks:
        """See `RowSource.external`."""
        return self.clicks


def day_name(day: int) -> str:
    """A service day since the epoch as an ISO date."""
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
