"""What a training reads: the instances of some days, the state as of their end, and the events for graphs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from models.ranking.features.codes import Layout
from models.ranking.features.event_log import DAY_MS, EventDays, EventLog
from models.ranking.features.features import Features, FeatureSettings
from models.ranking.instances.day import InstanceDay, encode_day
from models.ranking.instances.manifest import BESIDE, STATE, read_manifest
from models.ranking.instances.partition import read_day, version_of
from models.ranking.instances.spans import Spans


@dataclass(frozen=True)
class TrainingWindow:
    """Days of instances, oldest first, of one version and without a gap. Opening one reads no row."""

    days: tuple[InstanceDay, ...]
    features: Features  #: as of the end of the last day
    events: EventDays  #: may reach further back than the days
    fingerprint: str  #: of the days: what is trained on two windows with the same one is the same
    state_folder: Path | None = None  #: where `features` was loaded from

    def __len__(self) -> int:
        """Number of instances."""
        return sum(map(len, self.days))

    @property
    def layout(self) -> Layout:
        """The fields that the feature settings ask for."""
        return self.features.layout

    @property
    def zone_offset_ms(self) -> int:
        """Service time minus UTC."""
        return self.days[0].zone_offset_ms

    @property
    def end_ms(self) -> int:
        """Everything received before this instant is known."""
        return self.days[-1].end_ms

    def own_features(self) -> Features:
        """A state of the caller's own, to be moved on hour by hour: others train from this window too."""
        if self.state_folder is None:
            return copy.deepcopy(self.features)
        return Features.load(self.state_folder, self.features.settings)

    def spans(self) -> dict[int, Spans]:
        """When the codes of each open column appear in the window."""
        names = {c: spec.name for c, spec in enumerate(self.layout.specs) if spec.kind != "bins"}
        return {c: Spans.united([day.spans[name] for day in self.days]) for c, name in names.items()}

    def last(self, days: int | None) -> TrainingWindow:
        """The service days that the last `days` × 24 hours touch; None: all of them. Events stay."""
        first = _first_day(self.days[0].day, self.end_ms + self.zone_offset_ms, days)
        recent = tuple(day for day in self.days if day.day >= first)
        return replace(self, days=recent, fingerprint=_fingerprint(recent))

    @classmethod
    def of(cls, log: EventLog, settings: FeatureSettings, days: int | None = None) -> TrainingWindow:
        """Encode a log in memory, day by day.

        Args:
            log: everything received before the day to rank.
            settings: of the features.
            days: only the last ones get instances; what came before is counted all the same. None: all.
        """
        zone = log.zone_offset_ms
        first = _first_day((log.start_ms + zone) // DAY_MS, log.end_ms + zone, days)
        start_ms = max(log.start_ms, first * DAY_MS - zone)
        if start_ms == log.start_ms:
            features = Features.start(settings, log)
        else:
            features = Features.of(settings, log.between(log.start_ms, start_ms))
        recent = log.between(start_ms, log.end_ms)
        encoded = tuple(encode_day(features, day) for day in EventDays.of(recent))
        return cls(encoded, features, EventDays.of(log), _fingerprint(encoded))

    @classmethod
    def open(
        cls,
        folders: Sequence[Path],
        settings: FeatureSettings,
        event_folders: Sequence[Path] | None = None,
    ) -> TrainingWindow:
        """The days that `write_day` wrote; the state is that of the last one.

        Args:
            folders: of partitions of consecutive days, oldest first.
            settings: of the features; with `counts` or `external` off, fewer columns of the same partitions.
            event_folders: partitions whose events graphs may read, up to the same last day; None: `folders`.

        Raises:
            FileNotFoundError, ValueError: as `read_day`; a partition is of another version; days are missing.
        """
        if not folders:
            raise ValueError("no day to train on: materialise training_instances of the day before")
        days = tuple(read_day(folder) for folder in folders)
        features = Features.load(folders[-1] / STATE, settings)
        for folder, day in zip(folders, days, strict=True):
            _check_version(folder, day, settings, features.layout)
        _check_consecutive(days)
        event_days = days if event_folders is None else tuple(read_day(folder) for folder in event_folders)
        _check_consecutive(event_days)
        events = EventDays(
            [day.log for day in event_days],
            event_days[0].start_ms,
            event_days[-1].end_ms,
            event_days[0].zone_offset_ms,
            [None if day.folder is None else day.folder / BESIDE for day in event_days],
        )
        return cls(days, features, events, _fingerprint(days), folders[-1] / STATE)


def _first_day(earliest: int, local_end_ms: int, days: int | None) -> int:
    return earliest if days is None else max(earliest, (local_end_ms - days * DAY_MS) // DAY_MS)


def _fingerprint(days: Sequence[InstanceDay]) -> str:
    return sha256(" ".join(day.fingerprint for day in days).encode()).hexdigest()


def _check_version(folder: Path, day: InstanceDay, settings: FeatureSettings, layout: Layout) -> None:
    version, wanted = read_manifest(folder)["version"], version_of(settings, layout)
    missing = [spec.name for spec in layout.specs if spec not in day.layout.specs]
    if version != wanted or missing:
        raise ValueError(
            f"{folder}: the instances of {day.name} are of version {version}, made under other feature "
            f"settings than those asked for (version {wanted}"
            + (f"; fields without a column: {', '.join(missing)}" if missing else "")
            + "); materialise training_instances of that day under the present settings"
        )


def _check_consecutive(days: Sequence[InstanceDay]) -> None:
    for before, after in pairwise(days):
        if after.start_ms != before.end_ms:
            raise ValueError(
                f"instances of {before.name} are followed by those of {after.name}: days between them are "
                "missing or out of order; materialise training_instances of every day of the window"
            )
