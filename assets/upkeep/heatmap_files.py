"""As-of dates of heatmaps, and the segments that none of them uses any more."""

from __future__ import annotations

import time
from pathlib import Path

from assets.upkeep.due import Entry, Kind, dated, judge
from warehouse.heatmaps.manifest import Manifest
from warehouse.home import SourceHome
from warehouse.keeping import first_day

YOUNG_SECONDS = 86_400  #: a segment is written before the manifest that names it


def heatmap_kinds(home: SourceHome, days: int | None, today: str) -> list[Kind]:
    """The dates' manifests, then segments without one. A date that is asked for again is encoded again."""
    root = home.heatmaps
    entries = dated((root / "as_of").glob("*.json"))
    newest = {entry.path for entry in entries[-1:]}
    tomorrow = first_day(today, 0)  # the as-of date of a day is the morning after it
    dates = judge("heatmaps", root, entries, days, tomorrow, newest=newest)
    segments = Kind("heatmap segments", root)
    if days is not None and entries:
        used = {
            root / segment.file
            for entry in dates.rest
            for segment in Manifest.load(root, entry.path.stem).segments
        }
        for path in sorted((root / "segments").glob("*/*/*.parquet")):
            entry = Entry("", path)
            (segments.rest if path in used or _is_young(path) else segments.due).append(entry)
    return [dates, segments]


def _is_young(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < YOUNG_SECONDS
    except FileNotFoundError:
        return True
