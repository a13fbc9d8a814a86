"""The fields of an instance beside its counts: who, what, when, and how old the item is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from models.ranking.features.bins import AGE_LIMITS, age_bins
from models.ranking.features.codes import FieldSpec, Layout
from models.ranking.features.count_columns import CountColumn
from models.ranking.features.event_log import HOUR_MS, MISSING, Exposures


def layout_of(
    user_fields: int, item_fields: int, context_width: int, columns: Sequence[CountColumn]
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
    specs.append(FieldSpec("item_age", "bins", len(AGE_LIMITS) + 2))
    specs += [FieldSpec(column.name, "bins", column.bins) for column in columns]
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
    """Bins uint8 [E] of the hours since the items' publication; 0 where nothing is known.

    Args:
        published: int64 [E], ms; MISSING where unknown.
        since_first: int64 [E] hours since an item was first shown, read where its publication is unknown;
            below 0 where it never was.
    """
    start_ms = (e.shown_at + zone_offset_ms) // HOUR_MS * HOUR_MS - zone_offset_ms
    unpublished = published == MISSING
    bins = age_bins(np.where(unpublished, since_first, (start_ms - published) / HOUR_MS))
    bins[unpublished & (since_first < 0)] = 0
    return bins
