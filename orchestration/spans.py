"""Hours in words: `hours 03–05 and 07 of 2026-05-01`, whole days and long lists in short."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

MOST_DAYS = 6  #: named one by one; more are counted
REMEDY, MOST_REMEDIES = "What to do", 2  #: how such a line begins; so many are said behind the causes


def runs(keys: Sequence[str], follows: Callable[[str, str], bool]) -> list[list[str]]:
    """Keys in order, cut wherever one does not follow the one before it."""
    cut: list[list[str]] = []
    for key in keys:
        if cut and follows(cut[-1][-1], key):
            cut[-1].append(key)
        else:
            cut.append([key])
    return cut


def in_words(hours: Iterable[str]) -> str:
    """Hour keys as a phrase; empty for none.

    Example: `hours 03–05 and 07 of 2026-05-01, all hours of 2026-05-02 to 2026-05-09`.
    """
    by_day: dict[str, list[int]] = {}
    for key in sorted(set(hours)):
        by_day.setdefault(key[:10], []).append(int(key[11:13]))
    phrases: list[str] = []
    whole: list[str] = []
    for day, clocks in by_day.items():
        if len(clocks) == 24:
            whole.append(day)
        else:
            phrases.append(f"hour{'s' if len(clocks) > 1 else ''} {_clocks(clocks)} of {day}")
    if len(phrases) > MOST_DAYS:
        left = sum(len(by_day[day]) for day in [day for day in by_day if day not in whole][MOST_DAYS:])
        phrases = [*phrases[:MOST_DAYS], f"{left} hours of {len(by_day) - len(whole) - MOST_DAYS} more days"]
    if whole:
        phrases.append(f"all hours of {_days(whole)}")
    return ", ".join(phrases)


def sentence(hours: Iterable[str], verb: str, rest: str) -> str:
    """A sentence on hours: `hour 03 of 2026-05-01 has no files`; `verb` is the plural, `have` or another."""
    keys = set(hours)
    one = "has" if verb == "have" else f"{verb}s"
    return f"{in_words(keys)} {one if len(keys) == 1 else verb} {rest}"


def _clocks(clocks: Sequence[int]) -> str:
    cut = runs([f"{clock:02d}" for clock in clocks], lambda last, key: int(key) == int(last) + 1)
    parts = [part[0] if len(part) == 1 else f"{part[0]}–{part[-1]}" for part in cut]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _days(days: Sequence[str]) -> str:
    if len(days) == 1:
        return days[0]
    return f"{len(days)} days from {days[0]} to {days[-1]}"


def shortened(texts: Iterable[str], most: int = 10) -> str:
    """The first lines of several texts, each once, how many more there are, and at last what to do."""
    lines = list(dict.fromkeys(line for text in texts for line in text.splitlines() if line.strip()))
    remedies = [line for line in lines if line.startswith(REMEDY)]
    causes = [line for line in lines if not line.startswith(REMEDY)]
    more = [f"and {len(causes) - most} more"] if len(causes) > most else []
    return "\n".join([*causes[:most], *more, *remedies[:MOST_REMEDIES]])
