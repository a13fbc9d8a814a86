"""Figures of a news log: pure functions of its columns, the same for a simulated log and for a real one.

Two figures of an hour's ranking of articles, concentration and overlap, depend on how many clicks an hour
has: a log with a thirtieth of the clicks has noisier tops. They are taken of *expected* clicks (`Log.weight`,
the sum of the simulator's true probabilities), which stand in for a log of the real size. All other figures
count clicks as they fell.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

DAY = 24


@dataclass(frozen=True)
class Log:
    """Exposures in order of time; hours are counted from the first day's start."""

    user: np.ndarray  #: int64 [E]
    item: np.ndarray  #: int64 [E], rows of `published`
    at: np.ndarray  #: float64 [E], hours
    impression: np.ndarray  #: int64 [E]
    clicked: np.ndarray  #: bool [E]
    weight: np.ndarray  #: float64 [E], expected clicks
    published: np.ndarray  #: float64 [N], hours

    @property
    def days(self) -> int:
        """Days from the first day's start to the last exposure."""
        return int(self.at[-1] // DAY) + 1

    @cached_property
    def age(self) -> np.ndarray:
        """Hours since publication of each exposure, float64 [E]."""
        return self.at - self.published[self.item]

    @cached_property
    def first_shown(self) -> np.ndarray:
        """Hour of each item's first exposure, float64 [N], inf for items never shown."""
        first = np.full(len(self.published), np.inf)
        np.minimum.at(first, self.item, self.at)
        return first

    @cached_property
    def first_clicked(self) -> np.ndarray:
        """Hour of each item's first click, float64 [N], inf without one."""
        first = np.full(len(self.published), np.inf)
        np.minimum.at(first, self.item[self.clicked], self.at[self.clicked])
        return first

    @cached_property
    def item_hours(self) -> ItemHours:
        """The log summed by item and hour."""
        hour = self.at.astype(np.int64)
        key, inverse = np.unique(hour * len(self.published) + self.item, return_inverse=True)
        return ItemHours(
            hour=key // len(self.published),
            item=key % len(self.published),
            exposures=np.bincount(inverse),
            clicks=np.bincount(inverse, weights=self.clicked),
            weight=np.bincount(inverse, weights=self.weight),
        )


@dataclass(frozen=True)
class ItemHours:
    """One row an item and hour with an exposure, in order of hour, then item."""

    hour: np.ndarray  #: int64 [R]
    item: np.ndarray  #: int64 [R]
    exposures: np.ndarray  #: int64 [R]
    clicks: np.ndarray  #: float64 [R]
    weight: np.ndarray  #: float64 [R]

    @cached_property
    def by_hour(self) -> list[slice]:
        """Rows of hour 0, 1, 2, …"""
        edges = np.searchsorted(self.hour, np.arange(self.hour[-1] + 2))
        return [slice(low, high) for low, high in pairwise(edges)]


def top_shares(log: Log, sizes: tuple[int, ...]) -> np.ndarray:
    """Share of an hour's (expected) clicks on its top articles, a value a size, mean over clicks."""
    rows = log.item_hours
    tops = np.zeros(len(sizes))
    for hour in rows.by_hour:
        cumulative = np.cumsum(np.sort(rows.weight[hour])[::-1])
        if len(cumulative):
            tops += cumulative[np.minimum(sizes, len(cumulative)) - 1]
    return tops / rows.weight.sum()


def top_overlap(log: Log, lags: tuple[int, ...], size: int = 20) -> np.ndarray:
    """Share of an hour's top articles that are among the top again some hours later, a value a lag."""
    rows = log.item_hours
    tops = [rows.item[hour][np.argsort(-rows.weight[hour], kind="stable")[:size]] for hour in rows.by_hour]
    shared = [
        [len(np.intersect1d(top, tops[hour + lag])) / size for hour, top in enumerate(tops[:-lag])]
        for lag in lags
    ]
    return np.array([np.mean(values) for values in shared])


def younger_than(log: Log, hours: tuple[int, ...], *, clicks: bool) -> np.ndarray:
    """Share of clicks (or of exposures) on articles younger than so many hours."""
    age = log.age[log.clicked] if clicks else log.age
    return np.array([(age < limit).mean() for limit in hours])


def first_shown_today(log: Log) -> float:
    """Share of a day's exposures on articles first shown that day; day one has no past and is left out."""
    day, first = (log.at // DAY).astype(int), log.first_shown[log.item] // DAY
    later = day >= 1
    return float((day == first)[later].mean())


def _finished_articles(log: Log, least_clicks: int) -> np.ndarray:
    """Articles whose whole life lies in the log: first shown after a day and 72 h before its end."""
    clicks = np.bincount(log.item[log.clicked], minlength=len(log.published))
    inside = (log.first_shown >= DAY) & (log.first_shown < log.days * DAY - 72)
    return np.flatnonzero(inside & (clicks >= least_clicks))


def hours_to_share(log: Log, share: float, least_clicks: int = 20) -> np.ndarray:
    """Hours from an article's first click until it has a share of its clicks, one value an article."""
    articles = _finished_articles(log, least_clicks)
    rows = np.flatnonzero(log.clicked & np.isin(log.item, articles))
    rows = rows[np.argsort(log.item[rows], kind="stable")]
    begins = np.searchsorted(log.item[rows], articles)
    counts = np.diff(np.append(begins, len(rows)))
    reached = rows[begins + np.ceil(share * counts).astype(int) - 1]
    return log.at[reached] - log.first_clicked[articles]


def peaks(log: Log, least_clicks: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Hours from the first click's hour to the hour of most clicks, and that hour's share, by article."""
    rows = log.item_hours
    articles = _finished_articles(log, least_clicks)
    row = np.flatnonzero(np.isin(rows.item, articles))
    row = row[np.lexsort((-rows.hour[row], rows.clicks[row], rows.item[row]))]  # ties: the earlier hour
    peak = row[np.searchsorted(rows.item[row], articles, side="right") - 1]
    total = np.bincount(rows.item, weights=rows.clicks, minlength=len(log.published))[articles]
    return rows.hour[peak] - np.floor(log.first_clicked[articles]), rows.clicks[peak] / total


def click_rate_by_age(log: Log, edges: tuple[float, ...]) -> np.ndarray:
    """Click rate in bins of age since publication, float64 [bins]."""
    age_bin = np.searchsorted(edges, log.age, side="right") - 1
    exposures = np.bincount(age_bin, minlength=len(edges))
    return np.bincount(age_bin, weights=log.clicked, minlength=len(edges)) / np.maximum(exposures, 1)


def rate_persistence(log: Log, least_exposures: int = 20) -> float:
    """Correlation of an article's click rates in consecutive hours with enough exposures in both."""
    rows = log.item_hours
    enough = rows.exposures >= least_exposures
    key = (rows.item * (rows.hour[-1] + 2) + rows.hour)[enough]
    rate = (rows.clicks / rows.exposures)[enough]
    order = np.argsort(key)
    key, rate = key[order], rate[order]
    next_ = np.flatnonzero(np.diff(key) == 1)
    return float(np.corrcoef(rate[next_], rate[next_ + 1])[0, 1])


def clicks_per_user(log: Log, quantiles: tuple[float, ...]) -> np.ndarray:
    """Quantiles of the clicks of users with a click."""
    clicks = np.bincount(log.user[log.clicked])
    return np.quantile(clicks[clicks > 0], quantiles)


def seen_before(log: Log, after_days: int = 7) -> float:
    """Share of a day's users who were seen on earlier days, mean over the days after so many."""
    day = (log.at // DAY).astype(np.int64)
    pairs = np.unique(day * (log.user.max() + 1) + log.user)
    day, user = np.divmod(pairs, log.user.max() + 1)
    first = np.full(user.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, user, day)
    late = day >= after_days
    shares = np.bincount(day[late], weights=(first[user] < day)[late]) / np.maximum(np.bincount(day[late]), 1)
    return float(shares[after_days:].mean())


def clicks_by_hour_of_day(log: Log) -> np.ndarray:
    """Share of clicks by hour of the day, [24]."""
    hours = (log.at[log.clicked] % DAY).astype(int)
    return np.bincount(hours, minlength=DAY) / len(hours)


def articles_with_click(log: Log) -> tuple[float, int]:
    """Articles with a click: in an hour (mean over clicks), and in the whole log."""
    rows = log.item_hours
    clicks = np.bincount(rows.hour, weights=rows.clicks)
    distinct = np.bincount(rows.hour, weights=rows.clicks > 0)
    return float((distinct * clicks).sum() / clicks.sum()), len(np.unique(rows.item[rows.clicks > 0]))


def recent_rate(log: Log, *, half_life_hours: float = 6.0, prior_exposures: float = 20.0) -> np.ndarray:
    """Each exposure's item's click rate from earlier hours, fading, shrunk towards the mean, float64 [E]."""
    rows = log.item_hours
    mean, keep = log.clicked.mean(), 0.5 ** (1 / half_life_hours)
    shown, clicks = np.zeros(len(log.published)), np.zeros(len(log.published))
    score = np.empty(len(log.at))
    edges = np.searchsorted(log.at, np.arange(len(rows.by_hour) + 1))
    for hour, low, high in zip(rows.by_hour, edges[:-1], edges[1:], strict=True):
        rate = (clicks + prior_exposures * mean) / (shown + prior_exposures)
        score[low:high] = rate[log.item[low:high]]
        shown, clicks = keep * shown, keep * clicks
        shown[rows.item[hour]] += rows.exposures[hour]
        clicks[rows.item[hour]] += rows.clicks[hour]
    return score
