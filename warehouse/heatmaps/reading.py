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
_COLUMNS = {"day": np.int16, "hour": np.uint8, "channel": np.uint16, "value": np.float32}


@dataclass(frozen=True)
class CellColumns:
    """Cells by (user, day, hour, channel); those of the i-th user lie at `offsets[i]:offsets[i + 1]`."""

    offsets: np.ndarray  #: int64 [U + 1]
    day: np.ndarray  #: int16 [n], 0..364; 364 is the day before the as-of date
    hour: np.ndarray  #: uint8 [n], 0..23, local
    channel: np.ndarray  #: uint16 [n]
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
        end = LocalZone.day(self.manifest.as_of)
        return self.users_between(end - DAYS, end)

    def users_between(self, first_day: int, end_day: int) -> np.ndarray:
        """user_index of everybody with a cell on the year's local days `[first_day, end_day)`, any modality.

        int64 [U], ascending. Cells are read only of months that lie partly outside.
        """
        as_of = LocalZone.day(self.manifest.as_of)
        days = range(max(first_day, as_of - DAYS), min(end_day, as_of))
        users = [np.zeros(0, dtype=np.int32)]
        for segment in self.manifest.segments:
            path = self.folder / segment.file
            made_of = read_sources(path)
            if all(day in days for day in made_of):
                users.append(read_users(path))
            elif any(day in days for day in made_of):
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
        columns = {name: np.empty(offsets[-1], dtype) for name, dtype in _COLUMNS.items()}
        free = offsets[:-1].copy()
        while parts:
            part = parts.pop(0)
            # Segments follow each other in time: a user's next cells go behind those that are there.
            before = np.cumsum(part.lengths) - part.lengths
            target = np.repeat(free[part.position] - before, part.lengths) + np.arange(len(part.day))
            for name, column in columns.items():
                column[target] = getattr(part, name)
            free[part.position] += part.lengths
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
    day: np.ndarray  #: int16 [n], from the first day of the window
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
        users = lengths > 0
        # A row group's cells lie in memory that is shared with the file's reader: what is chosen is copied.
        day = (cells.day[within].astype(np.int32) - first_day).astype(np.int16)
        columns = (column[within] for column in (cells.hour, cells.channel, cells.value))
        return cls(index[users], lengths[users], day, *columns)
