"""Results that someone asked for: comparisons, A/B tests, evaluations, audiences."""

from __future__ import annotations

from assets.upkeep.due import Entry, Kind
from warehouse.home import SourceHome

FOLDERS = ("comparisons", "ab", "profile-evaluations", "audiences")
DAY_SECONDS = 86_400


def old_studies(home: SourceHome, days: int | None) -> Kind:
    """Those last written more than `days` days before the newest; None keeps all."""
    kind = Kind("reports", home.reports)
    written = {
        path: path.stat().st_mtime
        for name in FOLDERS
        for path in sorted((home.reports / name).glob("*"))
        if not path.name.startswith(".")
    }
    first = max(written.values(), default=0.0) - (days or 0) * DAY_SECONDS
    for path, at in written.items():
        (kind.due if days is not None and at < first else kind.rest).append(Entry("", path))
    return kind
