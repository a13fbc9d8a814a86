"""The fields of an instance beside its counts: who, what, when, and how old the item is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from models.ranking.features.bins import AGE_BINS, age_bins
from models.ranking.features.codes import FieldSpec, Layout
from models.ranking.features.count_columns import CountColumn
from models.ranking.features.event_log import HOUR_MS, MISSING, Exposures
from models.ranking.features.feature_settings import FeatureSettings
from models.ranking.features.lists import list_specs
from models.ranking.features.visits import SPECS

MINUTE_MS = 60_000


def layout_of(
    settings: FeatureSettings,
    user_fields: int,
    item_fields: int,
    context_width: int,
    columns: Sequence[CountColumn],
) -> Layout:
    """The layout of instances with so many fields and these count columns."""
    specs = [FieldSpec("user_id", "user_id"), FieldSpec("item_id", "item_id")]
    for name, width in (
        ("user_field", user_fields),
        ("item_field", item_fields),
        ("context", context_width),
    ):
        specs += [FieldSpec(f"{name}{f}", "category") for f in range(width)]
    specs += [FieldSpec("hour_of_day", "bins", 24), FieldSpec("weekday", "bins", 7)]
    specs.append(FieldSpec("item_age", "bins", AGE_BINS, "age"))
    specs += [FieldSpec(column.name, "bins", column.bins, column.scale) for column in columns]
    if settings.session:
        specs += SPECS
    if settings.list_context:
        specs += list_specs([spec.name for spec in specs], item_fields)
    return Layout(tuple(specs))


def instance_columns(
    e: Exposures,
    zone_offset_ms: int,
    user_fields: Iterable[np.ndarray],
    item_fields: Iterable[np.ndarray],
    age: np.ndarray,
) -> list[np.ndarray]:
    """The columns [E] before the counts, in the layout's order; of fields and age, those given [E]."""
    hours = (e.shown_at + zone_offset_ms) // HOUR_MS
    calendar = [(hours % 24).astype(np.uint8), ((hours // 24 + 3) % 7).astype(np.uint8)]
    return [e.user, e.item, *user_fields, *item_fields, *e.context.T, *calendar, age]


def item_ages(
    e: Exposures, zone_offset_ms: int, published: np.ndarray, since_first: np.ndarray
) -> np.ndarray:
    """Bins uint8 [E] of the items' ages as they are asked for; 0 where nothing is known.

    Args:
        published: int64 [E], ms; MISSING where unknown.
        since_first: int64 [E] hours from that in which an item was first shown to the exposure's own, read
            where its publication is unknown; below 1 where it was not shown before its own.
    """
    unpublished = published == MISSING
    first_ms = (e.shown_at + zone_offset_ms) // HOUR_MS * HOUR_MS - zone_offset_ms - since_first * HOUR_MS
    bins = age_bins((e.shown_at - np.where(unpublished, first_ms, published)) / MINUTE_MS)
    bins[unpublished & (since_first < 1)] = 0
    return bins
