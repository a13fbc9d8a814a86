"""Keeping heatmaps up to date: what is missing for a date is encoded, all else is taken as it lies.

    vocabularies/<digest>.json                              channels, fitted once
    segments/<vocabulary>/<modality>/<month or day>.<digest>.parquet
    as_of/<date>.json                                       which segments make up the year before the date

A segment's name ends in a digest of what it was made of. Moving the as-of date by a day encodes that day;
when it ends a month, the month's days are laid together into one segment. A partition that was loaded again
changes the hash of its days: those are encoded anew, the rest of their month is taken from the older segment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import duckdb

from warehouse.heatmaps.making import Segment, digest_of, user_groups, write
from warehouse.heatmaps.manifest import Manifest, save_vocabulary, stretches, vocabularies
from warehouse.heatmaps.plan import Plan
from warehouse.heatmaps.settings import HeatmapSettings
from warehouse.heatmaps.vocabulary import DAYS, HeatmapVocabulary
from warehouse.landing.local_time import LocalZone
from warehouse.landing.service_time import DAY_MS
from warehouse.store.engine import cursor_of
from warehouse.store.statements import statement
from warehouse.store.warehouse import Warehouse


class NothingToEncode(ValueError):
    """Nothing happened in the year before a date."""


@dataclass(frozen=True)
class EncodeReport:
    """What an encoding did."""

    manifest: Manifest
    vocabulary: HeatmapVocabulary
    fitted: bool  #: whether the vocabulary was fitted now
    encoded: tuple[str, ...]  #: segments made from events, wholly or by the days that changed
    compacted: tuple[str, ...]  #: months laid together from segments stored before
    reused: int  #: segments stored before
    last_day: str  #: the newest day of the window with events
    days_encoded: int  #: days read from events, a modality counting by itself


def encode_heatmaps(
    warehouse: Warehouse,
    folder: Path,
    zone: LocalZone,
    settings: HeatmapSettings,
    as_of: str,
    *,
    fitted_at: str | None = None,
    workers: int = 1,
) -> EncodeReport:
    """Make the heatmaps of `[as_of - 365 days, as_of)` stand in the folder, whatever it holds already.

    Nothing on or after local midnight of `as_of` is read. Twice is the same as once, byte for byte; a run
    that is killed leaves the older manifest.

    Args:
        warehouse: opened, reading is enough.
        folder: of the source's heatmaps; made if need be.
        zone: of local days and hours.
        settings: which channels.
        as_of: date `YYYY-MM-DD`, itself not included.
        fitted_at: date before which the channels' genres are fixed, not after `as_of`; see `_vocabulary`.
        workers: segments encoded at once, each on a thread.

    Raises:
        NothingToEncode: no purchases and no points in that year.
        ValueError: a date that is none, or `fitted_at` after `as_of`.
    """
    day = zone.day(as_of)
    if fitted_at is not None and zone.day(fitted_at) > day:
        raise ValueError(
            f"channels fitted at {fitted_at} know more than was known at {as_of}: fit them earlier"
        )
    hashes = day_hashes(warehouse, zone, day - DAYS - 31, day)
    first_day, last_day = _known(warehouse, hashes, day - DAYS, as_of)
    vocabulary, fitted = _vocabulary(warehouse, folder, zone, settings, as_of, fitted_at, day - first_day)
    work = _segments(folder, vocabulary, day, hashes)
    missing = [segment for segment in work if not segment.path.exists()]
    days_read = _make(warehouse, zone, vocabulary, missing, workers)
    return EncodeReport(
        manifest=_saved_manifest(folder, as_of, vocabulary, work),
        vocabulary=vocabulary,
        fitted=fitted,
        encoded=tuple(segment.name for segment, days in zip(missing, days_read, strict=True) if days),
        compacted=tuple(segment.name for segment, days in zip(missing, days_read, strict=True) if not days),
        reused=len(work) - len(missing),
        last_day=zone.key(last_day),
        days_encoded=sum(days_read),
    )


def _saved_manifest(
    folder: Path, as_of: str, vocabulary: HeatmapVocabulary, segments: Sequence[Segment]
) -> Manifest:
    manifest = Manifest(
        as_of=as_of,
        vocabulary=vocabulary.digest,
        data_hash=digest_of([segment.path.name for segment in segments]),
        segments=tuple(segment.entry(folder) for segment in segments),
    )
    manifest.save(folder)
    return manifest


def _segments(
    folder: Path, vocabulary: HeatmapVocabulary, as_of_day: int, hashes: Mapping[str, Mapping[int, str]]
) -> list[Segment]:
    """The segments of the year before a day that have any loaded row."""
    segments = (
        Segment.of(folder, vocabulary, modality, stretch, hashes)
        for modality in vocabulary.modalities
        for stretch in stretches(as_of_day)
    )
    return [segment for segment in segments if segment.sources]


def day_hashes(
    warehouse: Warehouse, zone: LocalZone, first_day: int, end_day: int
) -> dict[str, dict[int, str]]:
    """By table, for every local day in `[first_day, end_day)` with loaded rows: a hash of its batches.

    A local day may draw on two partitions, which are days of service time: its first hour in summer lies in
    the partition of the day before.
    """
    window = {"start_ms": zone.midnight_ms(first_day), "end_ms": zone.midnight_ms(end_day)}
    batches = warehouse.connection.execute(statement("heatmaps", "batches"), window).fetchall()
    midnights = {day: zone.midnight_ms(day) for day in range(first_day, end_day + 1)}
    parts: dict[str, dict[int, list[list[str]]]] = {}
    for table, start, partition, data_hash in batches:
        # A partition's rows lie within its 24 hours, which touch two or three local days at most.
        near = start // DAY_MS
        for day in range(max(near - 1, first_day), min(near + 3, end_day)):
            if midnights[day] < start + DAY_MS and start < midnights[day + 1]:
                parts.setdefault(table, {}).setdefault(day, []).append([table, partition, data_hash])
    return {
        table: {day: digest_of(batch) for day, batch in sorted(days.items())} for table, days in parts.items()
    }


def _known(
    warehouse: Warehouse, hashes: Mapping[str, Mapping[int, str]], first_day: int, as_of: str
) -> tuple[int, int]:
    """The first and the last day with loaded rows, not before `first_day`."""
    days = {day for table in hashes.values() for day in table if day >= first_day}
    if not days:
        raise NothingToEncode(
            f"{warehouse.path} has no purchases and no points in the 365 days before {as_of}: "
            "choose a date within the log, or ingest these tables first"
        )
    return min(days), max(days)


def _vocabulary(
    warehouse: Warehouse,
    folder: Path,
    zone: LocalZone,
    settings: HeatmapSettings,
    as_of: str,
    fitted_at: str | None,
    history: int,
) -> tuple[HeatmapVocabulary, bool]:
    """The vocabulary to use, and whether it was fitted now.

    Without `fitted_at`, the newest stored one of these settings that is not newer than `as_of` and knew more
    than half the days known now, else one fitted at `as_of`. So a log that begins is fitted again whenever
    its history has doubled, and never again after half a year.
    """
    stored = [
        vocabulary
        for vocabulary in vocabularies(folder)
        if vocabulary.settings == settings
        and vocabulary.zone == zone.name
        and (
            vocabulary.fitted_at <= as_of and 2 * vocabulary.history > history
            if fitted_at is None
            else vocabulary.fitted_at == fitted_at
        )
        and vocabulary.counted_with(warehouse)
    ]
    if stored:
        return stored[-1], False
    if fitted_at is not None:
        day = zone.day(fitted_at)
        hashes = day_hashes(warehouse, zone, day - DAYS, day)
        history = day - _known(warehouse, hashes, day - DAYS, fitted_at)[0]
    fitted = HeatmapVocabulary.fit(warehouse, settings, zone, fitted_at or as_of, history)
    if not fitted.channels:
        raise NothingToEncode(
            f"none of the {len(settings.rules)} channel rules has an event in the year before "
            f"{fitted.fitted_at}: fit the channels at a later date"
        )
    save_vocabulary(folder, fitted)
    return fitted, True


def _make(
    warehouse: Warehouse,
    zone: LocalZone,
    vocabulary: HeatmapVocabulary,
    segments: Sequence[Segment],
    workers: int,
) -> list[int]:
    """Write these segments; of each, how many of its days were read from events."""
    plans = {
        modality: Plan.of(warehouse, vocabulary, modality)
        for modality in dict.fromkeys(segment.modality for segment in segments)
    }
    users = user_groups(warehouse)

    def make(segment: Segment, connection: duckdb.DuckDBPyConnection) -> int:
        return write(connection, zone, plans[segment.modality], segment, users)

    if workers == 1 or len(segments) < 2:
        return [make(segment, warehouse.connection) for segment in segments]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda segment: make(segment, cursor_of(warehouse.connection)), segments))
