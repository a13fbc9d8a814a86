"""Which event goes to which channel: lookup tables from the warehouse's codes to a modality's channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from warehouse.heatmaps.settings import SHOPPING_EVENTS, ChannelRule
from warehouse.heatmaps.vocabulary import Channel, HeatmapVocabulary, category_values, genre_at
from warehouse.store.warehouse import Warehouse

_SCHEMA = pa.schema([("class", pa.int32()), ("channel", pa.uint16()), ("aggregate", pa.string())])


@dataclass(frozen=True)
class Plan:
    """How a modality's cells come about, for the codes that the warehouse has now."""

    #: table → class, channel, aggregate (sum, last or count). A class is genre code · 2 + cancelled for
    #: purchases, the kind's code for points; its events may go to several channels, or to none
    channels: Mapping[str, pa.Table]
    baskets: int | None  #: the channel that counts payments

    @classmethod
    def of(cls, warehouse: Warehouse, vocabulary: HeatmapVocabulary, modality: str) -> Plan:
        """For one modality of a vocabulary."""
        channels = vocabulary.of(modality)
        genres = category_values(warehouse, "purchases", "genre")
        kinds = category_values(warehouse, "points", "kind")
        rows: dict[str, list[tuple[int, int, str]]] = {}
        baskets = None
        for rule in vocabulary.settings.rules:
            number = {
                channel.genre: index
                for index, channel in enumerate(channels)
                if _fields(channel) == _fields(rule)
            }
            if not number:
                continue
            if (rule.event, rule.aggregate) == ("payments", "count"):
                baskets = number[None]
                continue
            shopping = rule.event in SHOPPING_EVENTS
            classes = _of_purchases(rule, genres, number) if shopping else _of_points(rule, kinds, number)
            table = "purchases" if shopping else "points"
            rows.setdefault(table, []).extend((one, number, rule.aggregate) for one, number in classes)
        tables = {
            table: pa.Table.from_arrays([pa.array(c) for c in zip(*listed, strict=True)], _SCHEMA.names)
            for table, listed in rows.items()
            if listed
        }
        return cls({table: columns.cast(_SCHEMA) for table, columns in tables.items()}, baskets)


def _fields(channel: ChannelRule | Channel) -> tuple[object, ...]:
    return channel.modality, channel.event, channel.genre_level, channel.aggregate


def _of_purchases(
    rule: ChannelRule, genres: list[str], number: dict[str | None, int]
) -> list[tuple[int, int]]:
    """Class and channel of every genre."""
    cancelled = int(rule.event == "cancelled")
    if rule.genre_level is None:
        return [(2 * code + cancelled, number[None]) for code in range(len(genres))]
    named = (number.get(genre_at(path, rule.genre_level), number[None]) for path in genres)
    return [(2 * code + cancelled, channel) for code, channel in enumerate(named)]


def _of_points(rule: ChannelRule, kinds: list[str], number: dict[str | None, int]) -> list[tuple[int, int]]:
    """Class and channel of the rule's kind."""
    return [(code, number[None]) for code, kind in enumerate(kinds) if kind == rule.event]
