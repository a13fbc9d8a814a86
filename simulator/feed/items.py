"""News items and the catalogues of the other applications, with the topics that run hot.

All closed forms: which items exist and what is hot is settled before a single exposure is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.feed.habits import PUBLISHING
from simulator.feed.randomness import Stream, stream
from simulator.feed.settings import SimulatorSettings
from simulator.feed.users import STYLES

LOOK_BACK_DAYS = 10  #: news of that many days before the log is in the first items file
DOMAINS = ("video", "shop", "search")
KINDS = ("article", "analysis", "gallery", "clip", "opinion", "live")
LENGTHS = ("short", "medium", "long")
TONES = ("neutral", "warm", "grave")
FIELDS = ("topic", "subtopic", "provider", "kind", "length", "tone")
_GRID = 4  # points an hour of the table of hot topics


@dataclass(frozen=True)
class FeedItems:
    """News in order of publication, float64 hours since the first day's start."""

    published: np.ndarray  #: float64 [N]
    taken_up: np.ndarray  #: float64 [N], when the feed may first show it; ≥ published
    life: np.ndarray  #: float64 [N], time constant in hours
    topic: np.ndarray  #: int64 [N]
    subtopic: np.ndarray  #: int64 [N]
    provider: np.ndarray  #: int64 [N]
    kind: np.ndarray  #: int64 [N]
    length: np.ndarray  #: int64 [N]
    tone: np.ndarray  #: int64 [N]
    appeal: np.ndarray  #: float64 [N], what it adds to the logit, provider included
    push: np.ndarray  #: float64 [N], the editor's push (log attention)
    style: np.ndarray  #: float32 [N, STYLES], unit variance: whose tastes it meets

    def __len__(self) -> int:
        return len(self.published)


@dataclass(frozen=True)
class HotTopics:
    """How hot each topic is, tabulated on a fine grid: rises within hours, fades within a day."""

    start: float  #: hours, the grid's first point
    table: np.ndarray  #: float32 [points, K]

    def heat(self, topics: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Heat of topics at hours `at`, linear between grid points; the two broadcast."""
        point = np.clip((np.asarray(at) - self.start) * _GRID, 0, len(self.table) - 1.001)
        low = point.astype(np.int64)
        share = (point - low).astype(np.float32)
        return (1 - share) * self.table[low, topics] + share * self.table[low + 1, topics]


@dataclass(frozen=True)
class Catalogue:
    """Items of the other applications: `domain`, `topic` and rank within both."""

    domain: np.ndarray  #: int64 [X]
    topic: np.ndarray  #: int64 [X]
    provider: np.ndarray  #: int64 [X]
    per_topic: int
    popularity: np.ndarray  #: float64 [per_topic], cumulative shares of the ranks

    def __len__(self) -> int:
        return len(self.domain)


def build_hot_topics(settings: SimulatorSettings, days: int) -> HotTopics:
    """Hot topics of all days and of the look-back."""
    news = settings.news
    start = -24.0 * LOOK_BACK_DAYS
    points = start + np.arange(int((days * 24 - start) * _GRID) + 2) / _GRID
    table = np.zeros((len(points), news.topics), dtype=np.float32)
    for day in range(-LOOK_BACK_DAYS, days):
        rng = stream(settings.seed, Stream.HOT, day)
        count = rng.poisson(news.hot_topics_per_day)
        begins = 24.0 * day + rng.choice(24, size=count, p=PUBLISHING) + rng.uniform(0, 1, count)
        peaks = rng.uniform(*news.hot_peak_hours, count)
        strengths = rng.uniform(0.5, 1.5, count)
        topics = rng.integers(0, news.topics, count)
        through = np.clip((points[:, None] - begins) / peaks, 0, None)
        profile = strengths * through * np.exp(1 - through) * (points[:, None] - begins < 24)
        for event in range(count):
            topic = topics[event]  # two events on one topic: the hotter one counts
            table[:, topic] = np.maximum(table[:, topic], profile[:, event])
    return HotTopics(start=start, table=table)


def build_items(settings: SimulatorSettings, hot: HotTopics, days: int) -> FeedItems:
    """News of the look-back and of all simulated days; the news of more days begin with those of fewer."""
    tables = _NewsTables(settings)
    hours = [_published_in(settings, tables, hot, hour) for hour in range(-24 * LOOK_BACK_DAYS, 24 * days)]
    return FeedItems(**{name: np.concatenate([hour[name] for hour in hours]) for name in hours[0]})


def build_catalogue(settings: SimulatorSettings) -> Catalogue:
    """The other applications' items, the same all the time."""
    per_topic, topics = settings.external.items_per_topic, settings.news.topics
    rng = stream(settings.seed, Stream.CATALOGUE)
    count = len(DOMAINS) * topics * per_topic
    share = 1 / np.arange(1, per_topic + 1)
    return Catalogue(
        domain=np.repeat(np.arange(len(DOMAINS)), topics * per_topic),
        topic=np.tile(np.repeat(np.arange(topics), per_topic), len(DOMAINS)),
        provider=rng.integers(0, 8, count),
        per_topic=per_topic,
        popularity=np.cumsum(share / share.sum()),
    )


class _NewsTables:
    """Shares and appeals of topics, providers and kinds."""

    def __init__(self, settings: SimulatorSettings) -> None:
        news = settings.news
        rng = stream(settings.seed, Stream.TABLES, 1)
        self.topic_log_share = 0.5 * rng.standard_normal(news.topics)
        provider_share = 1 / np.arange(1, news.providers + 1) ** 0.8
        self.provider_share = provider_share / provider_share.sum()
        self.provider_appeal = rng.standard_normal(news.providers)
        self.provider_style = rng.standard_normal((news.providers, STYLES))
        self.kind_share = np.array([0.5, 0.12, 0.1, 0.12, 0.1, 0.06])
        self.kind_style = rng.standard_normal((len(KINDS), STYLES))


def _published_in(
    settings: SimulatorSettings, tables: _NewsTables, hot: HotTopics, hour: int
) -> dict[str, np.ndarray]:
    news, click, policy = settings.news, settings.click, settings.policy
    rng = stream(settings.seed, Stream.NEWS, hour)
    count = rng.poisson(news.items_per_day * PUBLISHING[hour % 24])
    published = np.sort(hour + rng.uniform(0, 1, count))
    heat = hot.heat(np.arange(news.topics), np.asarray(hour + 0.5))
    share = np.exp(tables.topic_log_share + news.hot_publication * heat)
    topic = rng.choice(news.topics, size=count, p=share / share.sum())
    provider = rng.choice(news.providers, size=count, p=tables.provider_share)
    kind = rng.choice(len(KINDS), size=count, p=tables.kind_share)
    direct = rng.uniform(size=count) < news.direct_share
    soon = rng.exponential(0.25, count)
    later = news.take_up_hours * np.exp(news.take_up_spread * rng.standard_normal(count))
    own = _bounded(rng, count)
    noise = _bounded(rng, count)
    blend = policy.push_quality * own + np.sqrt(1 - policy.push_quality**2) * noise
    shared = (tables.provider_style[provider] + tables.kind_style[kind]) / np.sqrt(2)
    item = {
        "published": published,
        "taken_up": published + np.where(direct, soon, later),
        "life": news.life_hours * np.exp(news.life_spread * _bounded(rng, count) - news.burning * blend),
        "topic": topic,
        "subtopic": topic * news.subtopics_per_topic + rng.integers(0, news.subtopics_per_topic, count),
        "provider": provider,
        "kind": kind,
        "length": rng.choice(len(LENGTHS), size=count, p=[0.5, 0.35, 0.15]),
        "tone": rng.choice(len(TONES), size=count, p=[0.6, 0.25, 0.15]),
        "appeal": click.quality * own + click.provider * tables.provider_appeal[provider],
        "push": policy.push_spread * blend,
    }
    audience = np.sqrt(click.audience) * rng.standard_normal((count, STYLES))
    item["style"] = (np.sqrt(1 - click.audience) * shared + audience).astype(np.float32)
    return item


def _bounded(rng: np.random.Generator, count: int) -> np.ndarray:
    """Standard normal draws within two σ: no single item of a lucky draw shapes a fortnight."""
    return np.clip(rng.standard_normal(count), -2, 2)
