"""Days of a shop as they are loaded: in which runs, which have no files, and which were odd; in words."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import pandas as pd

from orchestration.spans import runs
from warehouse.landing import closed_days
from warehouse.landing.service_time import ServiceZone

if TYPE_CHECKING:
    from warehouse.home import SourceHome

#: Of landed files that one run gates at once; a year of 2,469 households is 20 MB of Parquet.
BYTES_A_RUN = 32_000_000
PARTITIONS_A_RUN = 744  #: with files: a month of hours, two years of days; each has its verdicts in Dagster
MOST_NAMED = 6  #: ranges or days that a sentence names
_EVERY_WEEK = 0.8  # share of a weekday's dates without files that makes it 'every Sunday'


def bounded_runs(days: Sequence[str], size: Mapping[str, int], settled: Collection[str]) -> list[list[str]]:
    """Due days (or hours) cut into ranges of at most BYTES_A_RUN of files (one alone may be larger).

    A day without files lies inside a range and costs nothing. One that is loaded as it lies there would be
    loaded again: a range ends before it.

    Args:
        days: due ones, in order.
        size: day → bytes of its files.
        settled: days that are loaded as they lie there.
    """
    cut: list[list[str]] = []
    room, bars = 0, sorted(settled)
    for day in days:
        follows = cut and bisect_right(bars, day) == bisect_right(bars, cut[-1][-1])
        if follows and size[day] <= room and len(cut[-1]) < PARTITIONS_A_RUN:
            cut[-1].append(day)
        else:
            cut.append([day])
            room = BYTES_A_RUN
        room -= size[day]
    return cut


def holes_before(due: Iterable[str], landed: Collection[str], zone: ServiceZone) -> list[str]:
    """Days without files just before a due day, as far back as the nearest day with files, in order.

    A hole is named when the day after it comes, and not again.
    """
    wanted, holes = set(due), []
    for before, day in pairwise(sorted(landed)):
        if day in wanted:
            holes += zone.days_between(before, day)[1:-1]
    return holes


def holes_in_words(holes: Sequence[str], declared: Sequence[str]) -> list[str]:
    """One sentence on days without files that nobody declared to be closed; none without such days.

    Example: `57 days without purchases or points are taken as days on which the shop was closed: 52 Sundays,
    2026-04-03 to 2026-04-06. …`
    """
    named = closed_days.of(declared, holes)
    holes = [day for day in holes if day not in named]
    if not holes:
        return []
    dates = {day: dt.date.fromisoformat(day) for day in holes}
    span = [
        dates[holes[0]] + dt.timedelta(days=n) for n in range((dates[holes[-1]] - dates[holes[0]]).days + 1)
    ]
    weekly = {
        weekday
        for weekday in range(7)
        if (of_all := sum(date.weekday() == weekday for date in span)) >= 3
        and sum(date.weekday() == weekday for date in dates.values()) >= _EVERY_WEEK * of_all
    }
    single = [day for day in holes if dates[day].weekday() not in weekly]

    def follows(last: str, day: str) -> bool:
        between = [dates[last] + dt.timedelta(days=n) for n in range(1, (dates[day] - dates[last]).days)]
        return all(date.weekday() in weekly for date in between)

    words = [
        f"{sum(date.weekday() == weekday for date in dates.values())} "
        f"{closed_days.WEEKDAYS[weekday].capitalize()}s"
        for weekday in sorted(weekly)
    ]
    ranges = [run[0] if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs(single, follows)]
    words += ranges[:MOST_NAMED]
    words += [f"and {len(ranges) - MOST_NAMED} more"] if len(ranges) > MOST_NAMED else []
    many = f"{len(holes)} days without files of purchases or points are taken as days"
    one = f"{holes[0]} has no files of purchases or points and is taken as a day"
    which = f": {', '.join(words)}" if len(holes) > 1 else ""
    return [
        f"{one if len(holes) == 1 else many} on which the shop was closed{which}. "
        'Late files are loaded when they come; days named in "closed_days" of source.json are not mentioned'
    ]


def odd_partitions(paths: SourceHome, table: str, partitions: Collection[str]) -> list[str]:
    """One sentence on partitions loaded as history whose rows or prices lie out of their band."""
    from assets.logs.judging import reading

    if not partitions:
        return []
    with reading(paths.warehouse) as warehouse:
        if warehouse is None:
            return []
        statistics = warehouse.history(table)
    statistics = statistics[statistics.index.isin(list(partitions))]
    if "settled" not in statistics or statistics.empty:
        return []
    why = _out_of_band(statistics[statistics["settled"] == 1])
    odd = why[why != ""]
    if odd.empty:
        return []
    named = [f"{partition} ({text})" for partition, text in odd.head(MOST_NAMED).items()]
    more = [f"and {len(odd) - MOST_NAMED} more"] if len(odd) > MOST_NAMED else []
    return [
        f"{table}: {len(odd)} of {len(statistics)} lie far off what came before them and were loaded as "
        f"history, each with a warning in its checks: {', '.join([*named, *more])}"
    ]


def _out_of_band(statistics: pd.DataFrame) -> pd.Series:
    """Of each partition, in words, what lies out of its band; empty where nothing does."""
    limits = ["rows", "rows_low", "rows_high", "level", "level_low", "level_high"]
    limits += ["hours_missing_judged", "hours_missing_high"]
    figures = statistics.reindex(columns=limits).astype("float64")
    words = pd.Series("", statistics.index, dtype=object)
    off = (figures["rows"] < figures["rows_low"]) | (figures["rows"] > figures["rows_high"])
    for day, row in figures[off].iterrows():
        words[day] = f"{row['rows']:.0f} rows, {row['rows_low']:.0f} to {row['rows_high']:.0f} expected"
    off = (figures["level"] < figures["level_low"]) | (figures["level"] > figures["level_high"])
    words[off] += "; other prices than usual"
    off = figures["hours_missing_judged"] > figures["hours_missing_high"]
    words[off] += "; no rows in hours that usually have many"
    return words.str.removeprefix("; ")
