"""Content vectors of simulated items: what an embedding of their text would know, and it is not the clicks.

A fixed random projection of an item's topic, subtopic and style, of content that only this item has and that
moves nobody's clicks, and, weakly, of its appeal; with noise. It is a closed form of the item and the seed
that takes nothing from the streams which draw the log: a log is the same with it and without.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from simulator.feed.items import Catalogue, FeedItems
from simulator.feed.randomness import Stream, hashed_normal, stream
from simulator.feed.settings import SimulatorSettings
from simulator.feed.users import STYLES

OWN = 8  #: dimensions of the content that only one item has
_NEWS, _CATALOGUE, _CONTENT, _NOISE = range(4)  # what a hashed number is about


class SimulatedContent:
    """The vectors of one world's items, float32, of unit variance over items."""

    def __init__(self, settings: SimulatorSettings) -> None:
        self._settings, self._content = settings, settings.content
        news = settings.news
        rng = stream(settings.seed, Stream.CONTENT)
        width = self._content.width
        self._topic = rng.standard_normal((news.topics, width))
        self._subtopic = rng.standard_normal((news.topics * news.subtopics_per_topic, width))
        self._style = rng.standard_normal((STYLES, width)) / np.sqrt(STYLES)
        self._own = rng.standard_normal((OWN, width)) / np.sqrt(OWN)
        self._appeal = rng.standard_normal(width)

    def news(self, items: FeedItems, rows: np.ndarray) -> np.ndarray:
        """Vectors of news items (positions), float32 [N, width]."""
        content, click = self._content, self._settings.click
        appeal = items.appeal[rows] / max(np.hypot(click.quality, click.provider), 1e-9)
        return self._scaled(
            content.topic * self._topic[items.topic[rows]]
            + content.subtopic * self._subtopic[items.subtopic[rows]]
            + content.style * items.style[rows] @ self._style
            + content.appeal * appeal[:, None] * self._appeal
            + self._of_its_own(_NEWS, rows)
        )

    def catalogue(self, catalogue: Catalogue) -> np.ndarray:
        """Vectors of the other applications' items: topics are the same ones, subtopics unknown."""
        return self._scaled(
            self._content.topic * self._topic[catalogue.topic]
            + self._of_its_own(_CATALOGUE, np.arange(len(catalogue)))
        )

    def _of_its_own(self, kind: int, rows: np.ndarray) -> np.ndarray:
        content, seed = self._content, self._settings.seed
        own = hashed_normal(seed, kind, _CONTENT, rows[:, None], np.arange(OWN))
        noise = hashed_normal(seed, kind, _NOISE, rows[:, None], np.arange(content.width))
        return content.own * own @ self._own + content.noise * noise

    def _scaled(self, vectors: np.ndarray) -> np.ndarray:
        return (vectors / self._deviation).astype(np.float32)

    @cached_property
    def _deviation(self) -> float:
        content = self._content
        parts = (content.topic, content.subtopic, content.style, content.own, content.appeal, content.noise)
        return float(np.linalg.norm(parts)) or 1.0
