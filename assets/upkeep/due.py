"""Which entries of a kind are due: those older than its days, unless something needs them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from warehouse.keeping import first_day

NEWEST = "newest"  #: a reason to stay, as are the values of `needed`
DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Entry:
    """One folder or file that was made for a day."""

    day: str
    path: Path
    owner: str = ""  #: the system that made it: of each one the newest stays

    @property
    def name(self) -> str:
        """As a page names it, such as `deepfm/2026-03-02`."""
        return f"{self.path.parent.name}/{self.path.name}"


@dataclass
class Kind:
    """What there is of one kind, and what of it is due."""

    name: str  #: as in `KeepSettings`
    root: Path  #: inside which the trash lies
    due: list[Entry] = field(default_factory=list)
    stays: dict[Path, str] = field(default_factory=dict)  #: older than its days → why it stays
    rest: list[Entry] = field(default_factory=list)  #: not due: within its days, or needed


def dated(paths: Iterable[Path], owner: Collection[str] | None = None) -> list[Entry]:
    """Entries of paths whose names begin with a day; others are nobody's, and left alone.

    Args:
        paths: `<owner>/<day or hour>`.
        owner: whose newest is needed; None: every folder's.
    """
    entries = []
    for path in paths:
        if DAY.match(path.name):
            named = path.parent.name if owner is None or path.parent.name in owner else ""
            entries.append(Entry(path.name[:10], path, named))
    return sorted(entries, key=lambda entry: (entry.day, str(entry.path)))


def judge(
    name: str,
    root: Path,
    entries: Iterable[Entry],
    days: int | None,
    today: str,
    needed: Mapping[Path, str] | None = None,
    newest: Collection[Path] = (),
) -> Kind:
    """What of `entries` is due when the newest of them is the last of `days` days.

    A day after today is no measure of age, and nothing of it is removed: a clock or a name may be wrong.

    Args:
        name, root: of the kind.
        entries: of all owners.
        days: None keeps everything.
        today: the present day of service time.
        needed: path → why it stays, whatever its age.
        newest: the newest sound entry of each owner, which stays too.
    """
    kind = Kind(name, root)
    entries = list(entries)
    passed = [entry.day for entry in entries if entry.day <= today]
    if days is None or not passed:
        kind.rest = entries
        return kind
    first = first_day(max(passed), days)
    why = dict.fromkeys(newest, NEWEST) | dict(needed or {})
    for entry in entries:
        if entry.day >= first:
            kind.rest.append(entry)
        elif entry.path in why:
            kind.rest.append(entry)
            kind.stays[entry.path] = why[entry.path]
        else:
            kind.due.append(entry)
    return kind
