"""The channels of a set of heatmaps, fixed once: which genres have one of their own, which are `other`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from warehouse.heatmaps.settings import (
    GENRE_EVENTS,
    SHOPPING_EVENTS,
    Aggregate,
    ChannelRule,
    Event,
    HeatmapSettings,
)
from warehouse.landing.local_time import LocalZone
from warehouse.store.statements import statement
from warehouse.store.warehouse import Warehouse

DAYS = 365  #: of a heatmap (paper 3.1)
OTHER = "other"
GENRE_SEPARATOR = "/"
_FINGERPRINTS = 64


class Channel(BaseModel):
    """One channel of a modality; its number is its position among the modality's channels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str  #: as pictures show it
    modality: str
    event: Event
    genre_level: int | None
    genre: str | None  #: path down to `genre_level`; None: `other`, or a rule without genres
    aggregate: Aggregate


class HeatmapVocabulary(BaseModel):
    """Channels fitted to a year before a date, and the users whose dense numbers they were fitted with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fitted_at: str  #: date (`YYYY-MM-DD`) before which the genres were counted
    history: int  #: days from the first event of the year before `fitted_at` to it, at most 365
    zone: str  #: IANA zone of days and hours
    settings: HeatmapSettings
    channels: tuple[Channel, ...]
    #: some user ids by user_index: heatmaps of a warehouse that was made anew are not taken for this one's
    users: Mapping[int, str] = Field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Names the vocabulary: 16 hexadecimal digits of everything in it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    @property
    def modalities(self) -> tuple[str, ...]:
        """Those that have a channel, in order."""
        return tuple(dict.fromkeys(channel.modality for channel in self.channels))

    def of(self, modality: str) -> tuple[Channel, ...]:
        """The channels of a modality, in the order of their numbers."""
        return tuple(channel for channel in self.channels if channel.modality == modality)

    def tables(self, modality: str) -> tuple[str, ...]:
        """The tables on which a modality draws."""
        shopping = [channel.event in SHOPPING_EVENTS for channel in self.of(modality)]
        return ("purchases",) * any(shopping) + ("points",) * (not all(shopping))

    def counted_with(self, warehouse: Warehouse) -> bool:
        """Whether this warehouse gives users the numbers that they had when the vocabulary was fitted."""
        return _user_ids(warehouse, list(self.users)) == dict(self.users)

    @classmethod
    def fit(
        cls, warehouse: Warehouse, settings: HeatmapSettings, zone: LocalZone, as_of: str, history: int
    ) -> HeatmapVocabulary:
        """From the 365 days before `as_of`: the genres of most users, and rules that have any event at all.

        A rule without a single event in that time (nothing cancelled, no points) gets no channel; what it
        would have encoded later is left out until heatmaps are fitted anew.
        """
        day = zone.day(as_of)
        window = {"start_ms": zone.midnight_ms(day - DAYS), "end_ms": zone.midnight_ms(day)}
        channels: list[Channel] = []
        for rule in settings.rules:
            if rule.genre_level is None:
                genres: list[str | None] = [None] if _happened(warehouse, rule.event, window) else []
            else:
                genres = _genres(warehouse, rule, settings.max_genres, window)
            channels += [_channel(rule, genre) for genre in genres]
        last = largest_user(warehouse)
        sample = np.unique(np.linspace(0, max(last, 0), _FINGERPRINTS).astype(int))
        return cls(
            fitted_at=as_of,
            history=history,
            zone=zone.name,
            settings=settings,
            channels=tuple(channels),
            users=_user_ids(warehouse, sample.tolist()),
        )


def genre_at(path: str, level: int) -> str:
    """The part of a genre's path down to a level; a shorter path stands for itself."""
    return GENRE_SEPARATOR.join(path.split(GENRE_SEPARATOR)[: level + 1])


def largest_user(warehouse: Warehouse) -> int:
    """The largest user_index given so far, -1 without users."""
    row = warehouse.connection.execute(statement("heatmaps", "largest_user")).fetchone()
    return int(row[0]) if row else -1


def category_values(warehouse: Warehouse, table: str, column: str) -> list[str]:
    """The values of a categorical column, by code."""
    return list(warehouse.category_names(table, column))


def _channel(rule: ChannelRule, genre: str | None) -> Channel:
    name = rule.event + (f" {genre or OTHER}" if rule.genre_level is not None else "")
    if rule.genre_level:
        name += f" (level {rule.genre_level})"
    if rule.aggregate != ("count" if rule.event == "payments" else "sum") and rule.event in SHOPPING_EVENTS:
        name += f", {rule.aggregate}"
    return Channel(
        name=name,
        modality=rule.modality,
        event=rule.event,
        genre_level=rule.genre_level,
        genre=genre,
        aggregate=rule.aggregate,
    )


def _happened(warehouse: Warehouse, event: Event, window: Mapping[str, int]) -> bool:
    if event in SHOPPING_EVENTS:
        parameters: dict[str, Any] = {**window, "cancelled": event == "cancelled"}
        query = statement("heatmaps", "any_purchase")
    else:
        parameters, query = {**window, "kind": event}, statement("heatmaps", "any_points")
    return bool(warehouse.connection.execute(query, parameters).fetchall())


def _genres(
    warehouse: Warehouse, rule: ChannelRule, most: int, window: Mapping[str, int]
) -> list[str | None]:
    """The genres of a rule's level with most users, by that number and then by name, and None for the rest.

    Empty where the rule has no event.
    """
    if rule.event not in GENRE_EVENTS or rule.genre_level is None:
        return []
    paths = category_values(warehouse, "purchases", "genre")
    names = [genre_at(path, rule.genre_level) for path in paths]
    labels = pa.table(
        {"genre": pa.array(range(len(paths)), pa.int32()), "name": pa.array(names, pa.string())}
    )
    warehouse.connection.register("genre_labels", labels)
    try:
        parameters = {**window, "cancelled": rule.event == "cancelled", "most": most}
        rows = warehouse.connection.execute(statement("heatmaps", "genres_by_users"), parameters).fetchall()
    finally:
        warehouse.connection.unregister("genre_labels")
    return [*(name for (name,) in rows), None] if rows else []


def _user_ids(warehouse: Warehouse, indices: list[int]) -> dict[int, str]:
    rows = warehouse.connection.execute(statement("heatmaps", "user_ids"), {"places": indices}).fetchall()
    return dict(rows)
