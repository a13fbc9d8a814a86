"""Which segments make up the heatmaps before a date: one small JSON file an as-of date."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from warehouse.heatmaps.vocabulary import DAYS, HeatmapVocabulary
from warehouse.landing.local_time import LocalZone
from warehouse.landing.writing import replace_text


class HeatmapsMissing(LookupError):
    """No heatmaps are stored for a date."""


class SegmentEntry(BaseModel):
    """One segment of a manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    modality: str
    file: str  #: path inside the folder of heatmaps


class Manifest(BaseModel):
    """The heatmaps of `[as_of - 365 days, as_of)`; days of a segment before it are left out in reading."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    as_of: str
    vocabulary: str  #: digest
    data_hash: str  #: of the loaded batches on which the window draws
    segments: tuple[SegmentEntry, ...]  #: by modality, then in order of time

    def save(self, folder: Path) -> None:
        """Write it, whole or not at all."""
        replace_text(manifest_path(folder, self.as_of), self.model_dump_json(indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path, as_of: str) -> Manifest:
        """The manifest of a date; HeatmapsMissing names those that there are."""
        path = manifest_path(folder, as_of)
        if not path.exists():
            known = as_of_dates(folder)
            others = (
                f"those there are: {known[0]} … {known[-1]} ({len(known)})" if known else "there are none"
            )
            raise HeatmapsMissing(f"{path} is missing: no heatmaps were encoded for {as_of}; {others}")
        return cls.model_validate_json(path.read_text())


class Stretch(NamedTuple):
    """What a segment covers: a whole month, or a day of the month that is not over."""

    name: str  #: `2017-09` or `2017-09-30`
    first_day: int
    end_day: int  #: not included


def stretches(as_of_day: int) -> list[Stretch]:
    """The months that overlap `[as_of_day - 365, as_of_day)`, the last one by days unless it is complete."""
    covering = []
    day = as_of_day - DAYS
    while day < as_of_day:
        month = LocalZone.key(day)[:7]
        first, after = LocalZone.day(f"{month}-01"), _next_month(month)
        if after <= as_of_day:
            covering.append(Stretch(month, first, after))
        else:
            covering += [Stretch(LocalZone.key(d), d, d + 1) for d in range(first, as_of_day)]
        day = after
    return covering


def manifest_path(folder: Path, as_of: str) -> Path:
    """Where the manifest of a date lies."""
    return folder / "as_of" / f"{as_of}.json"


def as_of_dates(folder: Path) -> list[str]:
    """The dates that have a manifest, ascending."""
    return sorted(path.stem for path in (folder / "as_of").glob("*.json"))


def vocabularies(folder: Path) -> list[HeatmapVocabulary]:
    """Every vocabulary in the folder, by the date at which it was fitted.

    Those that another version of the program wrote in another form are as if they were not there.
    """
    readable = []
    for path in sorted((folder / "vocabularies").glob("*.json")):
        with suppress(ValidationError):
            readable.append(HeatmapVocabulary.model_validate_json(path.read_text()))
    return sorted(readable, key=lambda vocabulary: (vocabulary.fitted_at, vocabulary.digest))


def save_vocabulary(folder: Path, vocabulary: HeatmapVocabulary) -> None:
    """Write a vocabulary under its digest."""
    replace_text(vocabulary_path(folder, vocabulary.digest), vocabulary.model_dump_json(indent=1) + "\n")


def vocabulary_path(folder: Path, digest: str) -> Path:
    """Where a vocabulary lies."""
    return folder / "vocabularies" / f"{digest}.json"


def _next_month(month: str) -> int:
    year, number = int(month[:4]), int(month[5:])
    return LocalZone.day(f"{year + number // 12:04d}-{number % 12 + 1:02d}-01")
