"""Who is new in training, and which codes have table rows.

Open fields read their OOV row where a value is new, as they will in ranking. So OOV rows are trained on what
they stand for, and a value that lives for one hour (an impression's id) gets no row to learn by heart. A user
or item may be new for its whole first day: then training meets the day's newcomers just as the daily model
will, and their counts have to tell what a row trained on that same day would have given away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from models.ranking.features.codes import FieldSpec, Layout
from models.ranking.features.vocabulary import UNSEEN, Vocabulary
from models.ranking.instances.spans import Spans

#: Who is new: nobody; whatever is in its first hour; users and items on their first day and values of other
#: fields in their first hour.
Newcomers = Literal["own", "hour", "day"]


def hours_new(spec: FieldSpec, newcomers: Newcomers) -> int:
    """For how long a value of a field is new, in hours; 0: never."""
    if newcomers == "own" or spec.kind == "bins":
        return 0
    return 24 if newcomers == "day" and spec.kind != "category" else 1


def vocabulary_of(layout: Layout, spans: Mapping[int, Spans], newcomers: Newcomers) -> Vocabulary:
    """Number rows for the codes that are met when they are no longer new, by first appearance.

    Args:
        layout: of the fields.
        spans: of each open column.
        newcomers: who is new.
    """
    known = {}
    for c, its in spans.items():
        hours = hours_new(layout.specs[c], newcomers)
        known[c] = its.codes if not hours else its.codes[its.last // hours > its.first // hours]
    return Vocabulary.number(layout, known)


class Hiding:
    """Replaces the codes of newcomers by `UNSEEN`."""

    def __init__(self, layout: Layout, spans: Mapping[int, Spans], newcomers: Newcomers) -> None:
        """Args: as `vocabulary_of`."""
        self._first: dict[int, tuple[int, np.ndarray]] = {}
        for c, its in spans.items():
            hours = hours_new(layout.specs[c], newcomers)
            if hours:
                self._first[c] = hours, its.dense_first() // hours

    def codes(self, column: int, codes: np.ndarray, hours: np.ndarray) -> np.ndarray:
        """Codes [N] of an open column, of instances in service hours [N]; all of them lie in the spans."""
        if column not in self._first:
            return codes
        length, first = self._first[column]
        return np.where(hours // length == first.take(codes + 2), UNSEEN, codes)
