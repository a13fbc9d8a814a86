"""From rows of a day to instances of a training or of an hour: codes looked up, held narrow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from models.ranking.features.event_log import HOUR_MS
from models.ranking.features.field_matrix import FieldMatrix, MatrixColumns
from models.ranking.features.instances import ContentIndex, Instances, VectorsByMorning
from models.ranking.features.neighbours import NeighbourIndex
from models.ranking.features.vocabulary import Vocabulary
from models.ranking.instances.newcomers import Hiding
from models.ranking.instances.rows import InstanceRows


@dataclass(frozen=True)
class InstanceMaker:
    """What instances' rows, neighbours and vectors come from."""

    vocabulary: Vocabulary
    zone_offset_ms: int
    graph: NeighbourIndex | None = None
    long_term: VectorsByMorning | None = None
    reads_codes: bool = False  #: whether batches carry the codes
    hiding: Hiding | None = None  #: of newcomers; None: nobody is hidden
    content: ContentIndex | None = None

    def make(self, parts: Iterable[InstanceRows], length: int) -> Instances:
        """Instances of `length` rows, given part by part so that no other copy of them is held."""
        layout = self.vocabulary.layout
        is_open = np.array([spec.kind != "bins" for spec in layout.specs])
        open_columns, bin_columns = np.flatnonzero(is_open).tolist(), np.flatnonzero(~is_open).tolist()
        rows = np.empty((length, len(open_columns)), np.int32)
        codes = np.empty_like(rows) if self.reads_codes else None
        bins = np.empty((length, len(bin_columns)), np.uint8)
        users, items = np.empty(length, np.int32), np.empty(length, np.int32)
        hours, labels = np.empty(length, np.int64), np.empty(length, np.float32)
        end = 0
        for part in parts:
            here = slice(end, end := end + len(part))
            columns = part.codes.columns
            hours[here] = (part.shown_at + self.zone_offset_ms) // HOUR_MS
            labels[here] = part.clicked
            users[here], items[here] = part.field("user_id"), part.field("item_id")
            for at, c in enumerate(bin_columns):
                bins[here, at] = columns[c]
            for at, c in enumerate(open_columns):
                seen = columns[c] if self.hiding is None else self.hiding.codes(c, columns[c], hours[here])
                rows[here, at] = self.vocabulary.look_up(c, seen)
                if codes is not None:
                    codes[here, at] = seen
        offsets = np.array([self.vocabulary.oov_row(c) for c in range(len(layout))])
        return Instances(
            users,
            items,
            hours,
            FieldMatrix(rows, bins, MatrixColumns.of(layout, offsets)),
            labels,
            self.zone_offset_ms,
            self.graph,
            self.long_term,
            None if codes is None else FieldMatrix(codes, bins, MatrixColumns.of(layout)),
            self.content,
        )
