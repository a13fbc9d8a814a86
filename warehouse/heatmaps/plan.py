"""Which event goes to which channel: lookup tables from the warehouse's codes to a modality's channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from warehouse.heatmaps.settings import SHOPPING_EVENTS, ChannelRule
from warehouse.heatmaps.vocabulary import Channel, HeatmapVocabulary, category_values, genre_at
from warehouse.store.warehouse import Warehouse

NO_CHANNEL = -1


@dataclass(frozen=True)
class Layer:
    """To which channel each class of a table's events belongs.

    A class is genre code · 2 + cancelled for purchases, the kind's code for points.
    """

    table: str
    channel: np.ndarray  #: int64 [classes], NO_CHANNEL where events of the class have none


@dataclass(frozen=True)
class Plan:
    """How a modality's cells come about, for the codes that the warehouse has now."""

    layers: tuple[Layer, ...]
    baskets: int | None  #: the channel that counts payments
    last: np.ndarray  #: bool [C], whether a channel holds the hour's last amount instead of a sum
    counted: np.ndarray  #: bool [C], whether it counts events

    @property
    def tables(self) -> list[str]:
        """The tables on which it draws."""
        counted = [] if self.baskets is None else ["purchases"]
        return sorted({layer.table for layer in self.layers} | set(counted))

    @classmethod
    def of(cls, warehouse: Warehouse, vocabulary: HeatmapVocabulary, modality: str) -> Plan:
        """For one modality of a vocabulary."""
        channels = vocabulary.of(modality)
        genres = category_values(warehouse, "purchases", "genre")
        kinds = category_values(warehouse, "points", "kind")
        layers: list[Layer] = []
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
            layer = _points_layer(rule, kinds, number)
            if rule.event in SHOPPING_EVENTS:
                layer = _shopping_layer(rule, genres, number)
            _add(layers, layer)
        aggregates = np.array([channel.aggregate for channel in channels])
        return cls(tuple(layers), baskets, last=aggregates == "last", counted=aggregates == "count")


def _fields(channel: ChannelRule | Channel) -> tuple[object, ...]:
    return channel.modality, channel.event, channel.genre_level, channel.aggregate


def _shopping_layer(rule: ChannelRule, genres: list[str], number: dict[str | None, int]) -> Layer:
    if rule.genre_level is None:
        channel = np.full(len(genres), number[None])
    else:
        level, other = rule.genre_level, number[None]
        channel = np.array([number.get(genre_at(path, level), other) for path in genres], dtype=np.int64)
    classes = np.full((len(genres), 2), NO_CHANNEL)
    classes[:, int(rule.event == "cancelled")] = channel
    return Layer("purchases", classes.ravel())


def _points_layer(rule: ChannelRule, kinds: list[str], number: dict[str | None, int]) -> Layer:
    named = [number[None] if kind == rule.event and None in number else NO_CHANNEL for kind in kinds]
    return Layer("points", np.array(named, dtype=np.int64))


def _add(layers: list[Layer], layer: Layer) -> None:
    """Lay over the first layer with which it has no class in common, so that events are gone through once."""
    for index, upper in enumerate(layers):
        if upper.table != layer.table:
            continue
        if not ((upper.channel != NO_CHANNEL) & (layer.channel != NO_CHANNEL)).any():
            layers[index] = Layer(upper.table, np.maximum(upper.channel, layer.channel))
            return
    layers.append(layer)
