"""Making one segment: of which loaded batches it is made, what older ones hold of it, and its file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.heatmaps.cells import HeatmapCells
from warehouse.heatmaps.encoding import HeatmapPeriod, encode
from warehouse.heatmaps.manifest import SegmentEntry, Stretch
from warehouse.heatmaps.plan import Plan
from warehouse.heatmaps.segments import read_segment, read_sources, write_segment
from warehouse.heatmaps.vocabulary import HeatmapVocabulary, largest_user
from warehouse.landing.local_time import LocalZone
from warehouse.store.warehouse import Warehouse

FORMAT = 2  #: part of every digest: segments of another layout are encoded anew
#: Encoded together and stored as one row group, so that memory does not grow with the number of users.
USERS_AT_ONCE = 1 << 17


@dataclass(frozen=True)
class Segment:
    """A segment that must stand: where, and made of what."""

    path: Path
    modality: str
    stretch: Stretch
    sources: Mapping[int, str]  #: hash by local day, only days with loaded rows

    @classmethod
    def of(
        cls,
        folder: Path,
        vocabulary: HeatmapVocabulary,
        modality: str,
        stretch: Stretch,
        hashes: Mapping[str, Mapping[int, str]],
    ) -> Segment:
        """The segment of a stretch; `hashes` are those of the days, by table."""
        sources: dict[int, str] = {}
        for table in vocabulary.tables(modality):
            of_table = hashes.get(table, {})
            for day in range(stretch.first_day, stretch.end_day):
                if day in of_table:
                    sources[day] = sources.get(day, "") + of_table[day]
        digest = digest_of([FORMAT, vocabulary.digest, sorted(sources.items())])
        name = f"{stretch.name}.{digest}.parquet"
        return cls(folder / "segments" / vocabulary.digest / modality / name, modality, stretch, sources)

    @property
    def name(self) -> str:
        """As reports call it, such as `shopping 2017-09`."""
        return f"{self.modality} {self.stretch.name}"

    def entry(self, folder: Path) -> SegmentEntry:
        """As a manifest names it."""
        return SegmentEntry(modality=self.modality, file=self.path.relative_to(folder).as_posix())

    def reusable(self) -> dict[Path, list[int]]:
        """Stored segments of this month with days that are as they must be: path → those days."""
        stored: dict[Path, list[int]] = {}
        covered: set[int] = set()
        if self.stretch.end_day - self.stretch.first_day == 1:
            return stored
        for path in sorted(self.path.parent.glob(f"{self.stretch.name}*.parquet")):
            good = [day for day, h in read_sources(path).items() if self.sources.get(day) == h]
            fresh = [day for day in good if day not in covered]
            if fresh:
                stored[path] = fresh
                covered.update(fresh)
        return stored


def user_groups(warehouse: Warehouse) -> list[tuple[int, int]]:
    """Ranges of user_index that are encoded together."""
    return [(first, first + USERS_AT_ONCE) for first in range(0, largest_user(warehouse) + 1, USERS_AT_ONCE)]


def write(
    connection: duckdb.DuckDBPyConnection,
    zone: LocalZone,
    plan: Plan,
    segment: Segment,
    users: Sequence[tuple[int, int]],
) -> int:
    """Write one segment; how many of its days were read from events."""
    stored = segment.reusable()
    missing = sorted(set(segment.sources) - {day for days in stored.values() for day in days})
    if 2 * len(missing) > len(segment.sources):
        stored, missing = {}, sorted(segment.sources)
        periods = [HeatmapPeriod.of(zone, missing[0], missing[-1] + 1)]
    else:
        periods = [HeatmapPeriod.of(zone, day, day + 1) for day in missing]

    def groups() -> Iterator[HeatmapCells]:
        for group in users:
            parts = [
                encode(connection, plan, period, group if len(users) > 1 else None) for period in periods
            ]
            for path, days in stored.items():
                parts += [cells.of_days(days) for cells in read_segment(path, group)]
            cells = parts[0] if len(parts) == 1 else HeatmapCells.together(parts)
            if len(cells):
                yield cells

    write_segment(segment.path, groups(), segment.sources)
    return len(missing)


def digest_of(content: object) -> str:
    """16 hexadecimal digits that name this content (anything that JSON can write)."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]
