"""From the simulated world straight to the models' logs, hour by hour, without files in between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from models.ranking.features.day_events import mentioned
from models.ranking.features.event_log import MISSING, Entities, EventLog, Exposures, ExternalClicks
from simulator.feed.world import SLOT_BITS
from simulator.feed.writer import ZONE, context_codes
from warehouse.landing.service_time import HOUR_MS, ServiceZone

if TYPE_CHECKING:
    from simulator.feed.external import External
    from simulator.feed.serving import Requests
    from simulator.feed.world import SimulatedHour, World


class SimulatedLog:
    """Logs of one world. Users keep their numbers; items are the other applications' first, then the news."""

    def __init__(self, world: World) -> None:
        self._world = world
        zone = ServiceZone(ZONE)
        self._start_ms, self._offset_ms = zone.day_start_ms(world.settings.first_day), zone.offset_ms
        self._first_news = len(world.catalogue)
        self._user_fields = np.stack(
            [codes.astype(np.int64) for codes in world.users.fields.values()], axis=1
        )
        self._item_fields, self._published = self._items()
        news, content = world.items, world.content
        self._item_vectors = np.concatenate(
            [content.catalogue(world.catalogue), content.news(news, np.arange(len(news)))]
        )

    def history(self, hours: Sequence[SimulatedHour], external: Sequence[External], end: int) -> EventLog:
        """Everything received before hour `end`, with all accounts and items known by then."""
        return self._log(
            Exposures(*map(np.concatenate, zip(*(self._shown(hour) for hour in hours), strict=True))),
            external,
            0,
            end,
        )

    def hour(self, played: SimulatedHour) -> EventLog:
        """What an hour brought."""
        return mentioned(
            self._log(Exposures(*self._shown(played)), (played.external,), played.hour, played.hour + 1)
        )

    def candidates(self, requests: Requests) -> EventLog:
        """All candidates of an hour as exposures at the first position, row by row; nothing was clicked."""
        offered = requests.item >= 0
        row, opened = np.nonzero(offered)[0], requests.opened
        first = np.ones(len(row), dtype=np.int64)
        exposures = Exposures(
            user=opened.user[row],
            item=requests.item[offered] + self._first_news,
            shown_at=self._ms(opened.at[row]),
            clicked=np.zeros(len(row), dtype=bool),
            dwell_seconds=np.full(len(row), np.nan, dtype=np.float32),
            context=context_codes(opened.device[row], first, opened.number[row]),
            request=requests.impression[row],
        )
        return mentioned(self._log(exposures, (), requests.hour, requests.hour + 1))

    def _shown(self, played: SimulatedHour) -> tuple[np.ndarray, ...]:
        return (
            played.user,
            played.item + self._first_news,
            self._ms(played.at),
            played.clicked,
            np.round(played.dwell, 1).astype(np.float32),
            context_codes(played.device, played.position, played.number),
            played.exposure >> SLOT_BITS,
        )

    def _log(self, exposures: Exposures, external: Sequence[External], start: int, end: int) -> EventLog:
        news = np.searchsorted(self._world.items.published, end)
        known = np.arange(self._first_news + news)
        users = np.arange(np.searchsorted(self._world.users.arrived, end))
        return EventLog(
            exposures=exposures,
            external=self._external(external),
            users=Entities(users, self._user_fields[users], np.full(len(users), MISSING, dtype=np.int64)),
            items=Entities(
                known, self._item_fields[known], self._published[known], self._item_vectors[known]
            ),
            start_ms=self._start_ms + start * HOUR_MS,
            end_ms=self._start_ms + end * HOUR_MS,
            zone_offset_ms=self._offset_ms,
        )

    def _external(self, parts: Sequence[External]) -> ExternalClicks:
        def joined(name: str, kind: type) -> np.ndarray:
            return np.concatenate([np.zeros(0, dtype=kind)] + [getattr(part, name) for part in parts])

        item = joined("item", np.int64)
        return ExternalClicks(
            user=joined("user", np.int64),
            item=item,
            domain=self._world.catalogue.domain[item],
            occurred_at=self._ms(joined("occurred", np.float64)),
            received_at=self._ms(joined("received", np.float64)),
        )

    def _items(self) -> tuple[np.ndarray, np.ndarray]:
        """Field codes [N, 6] and publication times [N]; values of the two kinds of items share no code."""
        catalogue, news = self._world.catalogue, self._world.items
        unknown = np.full(len(catalogue), MISSING)
        providers, kinds = news.provider.max(initial=0) + 1, news.kind.max(initial=0) + 1
        columns = (
            (catalogue.topic, news.topic),  # the topics are the same ones
            (unknown, news.subtopic),
            (catalogue.provider + providers, news.provider),
            (catalogue.domain + kinds, news.kind),
            (unknown, news.length),
            (unknown, news.tone),
        )
        fields = np.stack([np.concatenate(pair) for pair in columns], axis=1).astype(np.int64)
        return fields, np.concatenate([unknown, self._ms(news.published)]).astype(np.int64)

    def _ms(self, hours: np.ndarray) -> np.ndarray:
        return self._start_ms + np.floor(hours * HOUR_MS).astype(np.int64)
