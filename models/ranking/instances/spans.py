"""When the codes of an open field appear: what a vocabulary is numbered by, and who counts as new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.ranking.features.codes import Codes, Layout

SHIFT = 1  #: the code of a missing value is −1
NEVER = np.iinfo(np.int32).max


@dataclass(frozen=True)
class Spans:
    """The distinct codes of a field in order of first appearance, each with its first and its last hour."""

    codes: np.ndarray  #: int32 [n]
    first: np.ndarray  #: int32 [n] service hours since the epoch
    last: np.ndarray  #: int32 [n]

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, codes: np.ndarray, hours: np.ndarray) -> Spans:
        """Args: codes [N] ≥ −1 and service hours [N] of instances in time order."""
        size = int(codes.max(initial=-1)) + SHIFT + 1
        order, at = np.arange(len(codes)), codes + SHIFT
        first, last = np.full(size, len(codes)), np.empty(size, np.int64)
        first[at[::-1]] = order[::-1]  # of several writes to one element the last one stays
        last[at] = order
        distinct = np.flatnonzero(first < len(codes))
        distinct = distinct[np.argsort(first[distinct], kind="stable")]
        hours = hours.astype(np.int32)
        return cls((distinct - SHIFT).astype(np.int32), hours[first[distinct]], hours[last[distinct]])

    @classmethod
    def united(cls, days: Sequence[Spans]) -> Spans:
        """The spans of several days, oldest first."""
        size = max((int(day.codes.max(initial=-1)) + SHIFT + 1 for day in days), default=0)
        first, last, new = np.full(size, NEVER, np.int32), np.empty(size, np.int32), []
        for day in days:
            at = day.codes + SHIFT
            unseen = first[at] == NEVER
            new.append(at[unseen])
            first[at[unseen]], last[at] = day.first[unseen], day.last
        distinct = np.concatenate(new) if new else np.empty(0, np.int32)
        return cls(distinct - SHIFT, first[distinct], last[distinct])

    def dense_first(self) -> np.ndarray:
        """int32 [C]: the first hour of code c at position c + 2, as `Vocabulary` looks codes up."""
        out = np.full(int(self.codes.max(initial=-1)) + 3, NEVER, np.int32)
        out[self.codes + 2] = self.first
        return out


def open_fields(layout: Layout) -> tuple[str, ...]:
    """Names of the fields whose codes no layout bounds: IDs and categories."""
    return tuple(spec.name for spec in layout.specs if spec.kind != "bins")


def spans_of(codes: Codes, hours: np.ndarray) -> dict[str, Spans]:
    """Of every open field. Args: hours [N] of the instances, ascending."""
    names = open_fields(codes.layout)
    columns = {spec.name: c for spec, c in zip(codes.layout.specs, codes.columns, strict=True)}
    return {name: Spans.of(columns[name], hours) for name in names}
