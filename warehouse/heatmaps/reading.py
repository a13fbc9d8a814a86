"""Heatmaps of the year before a date, as columns of cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from warehouse.heatmaps.cells import HeatmapCells
from warehouse.heatmaps.manifest import Manifest, vocabulary_path
from warehouse.heatmaps.segments import read_segment, read_sources, read_users
from warehouse.heatmaps.vocabulary import DAYS, HeatmapVocabulary
from warehouse.landing.local_time import LocalZone

_NOT_CHOSEN = -1


@dataclass(frozen=True)
class CellColumns:
    """Cells by (user, day, hour, channel); those of the i-th user lie at `offsets[i]:offsets[i + 1]`."""

    offsets: np.ndarray  #: int64 [U + 1]
    day: np.ndarray  #: int64 [n], 0..364; 364 is the day before the as-of date
    hour: np.ndarray  #: int64 [n], 0..23, local
    channel: np.ndarray  #: int64 [n]
    value: np.ndarray  #: float32 [n]


@dataclass(frozen=True)
class Heatmaps:
    """The stored heatmaps of one as-of date."""

    folder: Path
    manifest: Manifest
    vocabulary: HeatmapVocabulary

    @classmethod
    def open(cls, folder: Path, as_of: str) -> Heatmaps:
        """Those that were encoded for `as_of`; HeatmapsMissing where none were."""
        manifest = Manifest.load(folder, as_of)
        text = vocabulary_path(folder, manifest.vocabulary).read_text()
        return cls(folder, manifest, HeatmapVocabulary.model_validate_json(text))

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that have channels."""
        return self.vocabulary.modalities

    def channels(self, modality: str) -> tuple[str, ...]:
        """The names of a modality's channels."""
        return tuple(channel.name for channel in self.vocabulary.of(modality))

    @property
    def users(self) -> np.ndarray:
        """user_index of everybody with a cell in any modality, int64 [U], ascending."""
        first_day = LocalZone.day(self.manifest.as_of) - DAYS
        days = range(first_day, first_day + DAYS)
        users = [np.zeros(0, dtype=np.int32)]
        for segment in self.manifest.segments:
            path = self.folder / segment.file
            if min(read_sources(path)) >= first_day:
                users.append(read_users(path))
            else:  # a month that is expired in part
                users += [cells.of_days(days).user for cells in read_segment(path)]
        return np.unique(np.concatenate(users)).astype(np.int64)

    def cells(self, modality: str, users: np.ndarray | None = None) -> CellColumns:
        """The cells of these users (int64 [U] user_index, each once, any order), in that order.

        Default: of `self.users`. A user without cells has an empty stretch.
        """
        chosen = self.users if users is None else np.asarray(users, dtype=np.int64)
        positions = np.full(int(chosen.max()) + 1 if len(chosen) else 0, _NOT_CHOSEN)
        positions[chosen] = np.arange(len(chosen))
        first_day = LocalZone.day(self.manifest.as_of) - DAYS
        parts = [_SegmentPart.of(cells, positions, first_day) for cells in self._segments(modality)]
        lengths = np.zeros(len(chosen), dtype=np.int64)
        for part in parts:
            lengths[part.position] += part.lengths
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        columns = {name: np.empty(offsets[-1], dtype=np.int64) for name in ("day", "hour", "channel")}
        columns["value"] = np.empty(offsets[-1], dtype=np.float32)
        free = offsets[:-1].copy()
        for part in parts:
            # Segments follow each other in time: a user's next cells go behind those that are there.
            before = np.cumsum(part.lengths) - part.lengths
            target = np.repeat(free[part.position] - before, part.lengths) + np.arange(len(part.day))
            for name, column in columns.items():
                column[target] = getattr(part, name)
            free[part.position] += part.lengths
        columns["day"] -= first_day
        return CellColumns(offsets, **columns)

    def _segments(self, modality: str) -> Iterator[HeatmapCells]:
        for segment in self.manifest.segments:
            if segment.modality == modality:
                yield from read_segment(self.folder / segment.file)


@dataclass(frozen=True)
class _SegmentPart:
    """What one segment has for the chosen users, in its own order of users."""

    position: np.ndarray  #: int64 [u], among the chosen users
    lengths: np.ndarray  #: int64 [u], cells of each
    day: np.ndarray
    hour: np.ndarray
    channel: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, cells: HeatmapCells, positions: np.ndarray, first_day: int) -> _SegmentPart:
        index = np.full(len(cells.user), _NOT_CHOSEN)
        known = cells.user < len(positions)
        index[known] = positions[cells.user[known]]
        lengths = np.diff(cells.offsets).astype(np.int64)
        within = np.repeat(index != _NOT_CHOSEN, lengths) & (cells.day >= first_day)
        running = np.concatenate([[0], np.cumsum(within)])
        lengths = running[cells.offsets[1:]] - running[cells.offsets[:-1]]
        columns = (cells.day, cells.hour, cells.channel, cells.value)
        users = lengths > 0
        return cls(index[users], lengths[users], *(column[within] for column in columns))
