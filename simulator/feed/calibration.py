"""The simulator's figures beside those of real news logs, each with its band.

The real figures come from two public logs: one of 2.98 M clicks in 16 days, one of 0.58 M exposures in 14
days. Where a log's size matters, the note of a figure says how the real one was scaled.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from simulator.calibration import ANYTHING, BandedFigure, auc, between, near, times
from simulator.feed import statistics
from simulator.feed.habits import READING
from simulator.feed.settings import SimulatorSettings
from simulator.feed.statistics import Log
from simulator.feed.world import SLOT_BITS, World
from warehouse.landing.progress import Progress

DAYS = 14  #: days of the figures that depend on the window, as in the real exposure log

_AGES = (1, 3, 6, 12, 24, 48)
_AGE_EDGES = (0, 1, 3, 6, 12, 24)
_RATE_BY_AGE = (0.080, 0.116, 0.117, 0.116, 0.074, 0.029)
_CLICKS_YOUNGER = (0.02, 0.08, 0.17, 0.32, 0.55, 0.78)
_EXPOSURES_YOUNGER = (0.21, 0.50, 0.65, 0.80, 0.86)
_QUANTILES = (0.10, 0.25, 0.50, 0.75, 0.90, 0.99)
_REAL_DAYS, _REAL_ARTICLES_HOUR, _REAL_ARTICLES = 16, 666, 45_542
_REAL_CLICKS_A_DAY = 2_980_000 / _REAL_DAYS
_NOTE_EXPECTED = "of expected clicks, which stand in for a log of the real size"


def figures(log: Log) -> list[BandedFigure]:
    """All figures of a simulated log of `DAYS` days, in the order of the page of real figures."""
    parts = (_concentration, _ages, _lives, _rates, _users, _difficulty)
    return [figure for part in parts for figure in part(log)]


def check(
    settings: SimulatorSettings | None = None, *, progress: Progress | None = None
) -> list[BandedFigure]:
    """Simulate `DAYS` days in memory (nothing is written, no row is broken) and return all figures."""
    world = World(settings or SimulatorSettings(), DAYS)
    return [*figures(simulated_log(world, progress)), *content_figures(world)]


def content_figures(world: World) -> list[BandedFigure]:
    """What a linear reading of content vectors, fitted to every other item, tells of those in between."""
    items = world.items
    vectors = world.content.news(items, np.arange(len(items)))
    topics = np.eye(world.settings.news.topics)[items.topic]
    outcomes = np.column_stack([topics, items.appeal, items.style])
    inputs = np.column_stack([vectors, np.ones(len(items))])
    read = inputs[1::2] @ np.linalg.lstsq(inputs[::2], outcomes[::2], rcond=None)[0]
    true, kinds = outcomes[1::2], topics.shape[1]
    topic = float((read[:, :kinds].argmax(axis=1) == items.topic[1::2]).mean())
    explained = 1 - ((read - true) ** 2)[:, kinds:].mean(axis=0) / true[:, kinds:].var(axis=0)
    share, audiences = float(explained[0]), float(explained[1:].mean())
    note = "chosen, not measured on real logs"
    return [
        BandedFigure("topics that content vectors tell", "–", 0.9, 1.0, topic, note),
        BandedFigure("variance of appeal that content vectors tell", "–", 0.0, 0.1, share, note),
        BandedFigure("variance of audiences that content vectors tell", "–", 0.0, 0.5, audiences, note),
    ]


def simulated_log(world: World, progress: Progress | None = None) -> Log:
    """Play a world and keep its exposures."""
    hours = []
    for played in world.hours():
        hours.append(played)
        if progress:
            progress("simulated hours", len(hours), 24 * world.days)
    return Log(
        user=np.concatenate([hour.user for hour in hours]),
        item=np.concatenate([hour.item for hour in hours]),
        at=np.concatenate([hour.at for hour in hours]),
        impression=np.concatenate([hour.exposure for hour in hours]) >> SLOT_BITS,
        clicked=np.concatenate([hour.clicked for hour in hours]),
        weight=np.concatenate([hour.probability for hour in hours]),
        published=world.items.published,
    )


def expected_articles(clicks: float) -> float:
    """Articles with a click in an hour of so many clicks, if clicks fell on articles as in the real log.

    The real hour's shares of its top 1, 10, 50, 100 and 666 articles, interpolated over the log of the rank,
    give each rank's share p; of n clicks, Σ 1 − (1 − p)^n articles get one.
    """
    ranks = np.arange(1, _REAL_ARTICLES_HOUR + 1)
    known = np.log([1, 10, 50, 100, _REAL_ARTICLES_HOUR])
    share = np.diff(np.interp(np.log(ranks), known, [0.13, 0.55, 0.80, 0.87, 1.0]), prepend=0.0)
    return float((1 - (1 - share) ** clicks).sum())


def _concentration(log: Log) -> Iterator[BandedFigure]:
    sizes = (1, 10, 50, 100)
    shares = statistics.top_shares(log, sizes)
    for size, real, simulated in zip(sizes, (0.13, 0.55, 0.80, 0.87), shares, strict=True):
        yield near(f"share of an hour's clicks on its top {size}", real, 0.08, simulated, _NOTE_EXPECTED)
    lags = (1, 3, 6, 12, 24)
    overlaps = statistics.top_overlap(log, lags)
    for lag, real, simulated in zip(lags, (0.82, 0.62, 0.42, 0.21, 0.04), overlaps, strict=True):
        yield near(f"overlap of the top 20 with those {lag} h later", real, 0.08, simulated, _NOTE_EXPECTED)


def _ages(log: Log) -> Iterator[BandedFigure]:
    shares = statistics.younger_than(log, _AGES, clicks=True)
    for age, real, simulated in zip(_AGES, _CLICKS_YOUNGER, shares, strict=True):
        yield near(f"share of clicks on articles younger than {age} h", real, 0.08, simulated)
    shares = statistics.younger_than(log, _AGES[:-1], clicks=False)
    for age, low, high, simulated in zip(_AGES, _CLICKS_YOUNGER, _EXPOSURES_YOUNGER, shares, strict=False):
        name = f"share of exposures on articles younger than {age} h"
        yield between(name, high, low, high, simulated, "between the feed and the click log")
    fresh = statistics.first_shown_today(log)
    yield between("share of exposures on articles first shown that day", 0.61, 0.5, 0.7, fresh)


def _lives(log: Log) -> Iterator[BandedFigure]:
    half = np.quantile(statistics.hours_to_share(log, 0.5), (0.1, 0.5, 0.9))
    note = "articles with 20 clicks or more"
    for name, real, simulated in zip(("p10", "median", "p90"), (2.7, 7.2, 19.8), half, strict=True):
        yield near(f"hours to half of an article's clicks, {name}", real, real / 4, simulated, note)
    ninety = float(np.median(statistics.hours_to_share(log, 0.9)))
    yield near("hours to 90 % of an article's clicks, median", 22.4, 22.4 / 4, ninety, note)
    hour, share = statistics.peaks(log)
    for name, real, values, quantile in (
        ("hours from first click to peak, median", 2, hour, 0.5),
        ("hours from first click to peak, p90", 20, hour, 0.9),
        ("share of clicks in the peak hour, median", 0.18, share, 0.5),
        ("share of clicks in the peak hour, p90", 0.32, share, 0.9),
    ):
        yield near(name, real, 0.4 * real, float(np.quantile(values, quantile)), note)


def _rates(log: Log) -> Iterator[BandedFigure]:
    by_age = statistics.click_rate_by_age(log, _AGE_EDGES)
    likeness = float(np.corrcoef(by_age, _RATE_BY_AGE)[0, 1])
    yield between("click rate by age: correlation with the real shape", 1, 0.9, 1.0, likeness)
    for low, high, real, simulated in zip(
        _AGE_EDGES, (*_AGE_EDGES[1:], np.inf), _RATE_BY_AGE, by_age, strict=True
    ):
        name = f"click rate at {low}–{high} h" if np.isfinite(high) else f"click rate beyond {low} h"
        yield between(name, real, *ANYTHING, simulated, "its shape has the band")
    yield near("correlation of click rates in consecutive hours", 0.55, 0.1, statistics.rate_persistence(log))
    slots = len(log.at) / len(np.unique(log.impression))
    yield between("exposures a request", 11.6, 8, 14, slots)
    yield between("click rate", 0.086, 0.06, 0.12, log.clicked.mean())


def _users(log: Log) -> Iterator[BandedFigure]:
    clicks = statistics.clicks_per_user(log, _QUANTILES)
    for quantile, real, simulated in zip(_QUANTILES, (2, 2, 4, 10, 21, 67), clicks, strict=True):
        yield times(f"clicks a user in {DAYS} days, p{100 * quantile:.0f}", real, 2, simulated, "same order")
    yield BandedFigure(
        "users of a day already seen, after a week", "0.81–0.85", 0.76, 0.90, statistics.seen_before(log)
    )
    distance = float(np.abs(statistics.clicks_by_hour_of_day(log) - READING).sum() / 2)
    yield between("clicks by hour of day: share at other hours", 0, 0.0, 0.05, distance, "same shape")
    in_hour, in_all = statistics.articles_with_click(log)
    rows = log.item_hours
    clicks_by_hour = np.bincount(rows.hour, weights=rows.clicks)
    typical = float((clicks_by_hour**2).sum() / clicks_by_hour.sum())
    # Scaled to fewer users: at least as a site smaller in proportion, at most as the same site seen by fewer.
    smaller = log.clicked.sum() / log.days / _REAL_CLICKS_A_DAY
    rarefied = expected_articles(typical) / _REAL_ARTICLES_HOUR
    counts = (
        ("articles with a click in an hour", float(_REAL_ARTICLES_HOUR), in_hour),
        (f"articles with a click in {log.days} days", _REAL_ARTICLES * log.days / _REAL_DAYS, float(in_all)),
    )
    for name, expected, simulated in counts:
        note = f"real × {smaller:.3f} (clicks a day) to × {rarefied:.3f} (an hour of {typical:.0f} clicks)"
        yield BandedFigure(name, f"{expected:.0f}", expected * smaller, expected * rarefied, simulated, note)


def _difficulty(log: Log) -> Iterator[BandedFigure]:
    late = log.at >= 7 * statistics.DAY
    recent = auc(statistics.recent_rate(log)[late], log.clicked[late])
    yield near("AUC of the item's recent click rate alone", 0.63, 0.02, recent)
    best = auc(log.weight[late], log.clicked[late])
    yield BandedFigure(
        "AUC of the true click probability", "–", 0.5, 1.0, best, "the best possible; unknown of a real log"
    )
