"""A small log with something to learn: item quality, user taste, a field match, items born all day."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np

from models.ranking.features.event_log import (
    DAY_MS,
    HOUR_MS,
    MISSING,
    Entities,
    EventLog,
    Exposures,
    ExternalClicks,
)
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS

START = 19_000 * DAY_MS
TRAIN_HOURS = 30


def toy_log(hours: int = 36, per_hour: int = 80, users: int = 60, items: int = 40, seed: int = 0) -> EventLog:
    rng = np.random.default_rng(seed)
    n = hours * per_hour
    time = np.sort(rng.integers(0, hours * HOUR_MS, n))
    user = rng.integers(0, users, n)
    born = np.sort(rng.integers(-10 * HOUR_MS, hours * HOUR_MS, items))
    born[:5] = -10 * HOUR_MS
    alive = np.searchsorted(born, time, side="right")
    item = rng.integers(np.maximum(alive - 12, 0), alive)
    user_fields, item_fields = rng.integers(-1, 4, (users, 6)), rng.integers(-1, 4, (items, 6))
    logit = rng.normal(size=items)[item] + rng.normal(size=users)[user] - 0.5
    logit += 1.5 * (user_fields[user, 0] == item_fields[item, 0])
    clicked = rng.random(n) < 1 / (1 + np.exp(-logit))
    dwell = np.where(clicked, rng.exponential(25, n), np.nan).astype(np.float32)
    x = n // 2
    occurred = np.sort(rng.integers(0, hours * HOUR_MS, x))
    received = occurred + rng.integers(0, 5 * HOUR_MS, x)
    order = np.argsort(received, kind="stable")
    order = order[received[order] < hours * HOUR_MS]
    return EventLog(
        Exposures(user, item, time + START, clicked, dwell, rng.integers(-1, 3, (n, 1))),
        ExternalClicks(
            rng.integers(0, users, x)[order],
            rng.integers(0, items, x)[order],
            rng.integers(0, 3, x)[order],
            occurred[order] + START,
            received[order] + START,
        ),
        Entities(np.arange(users), user_fields, np.full(users, MISSING)),
        Entities(np.arange(items), item_fields, np.where(np.arange(items) % 3 == 0, MISSING, born + START)),
        START,
        START + hours * HOUR_MS,
    )


def hour_of(log: EventLog, number: int) -> EventLog:
    return log.between(START + number * HOUR_MS, START + (number + 1) * HOUR_MS)


def train(system: str, log: EventLog, **options) -> Ranker:
    """The tiny configuration on the first `TRAIN_HOURS`, with stand-in long-term vectors."""
    settings = options.pop("settings", None) or SYSTEMS[system].tiny
    vectors = np.random.default_rng(5).normal(size=(60, 16)).astype(np.float32) * 0.1
    past = options.pop("history", None) or log.between(START, START + TRAIN_HOURS * HOUR_MS)
    return Ranker.train(settings, past, long_term=SimpleNamespace(user_vectors=vectors), **options)


def trained(system: str) -> Ranker:
    """A ranker of one's own as `train` makes it of `toy_log()`, which is trained once a process."""
    return copy.deepcopy(_trained(system))


@cache
def _trained(system: str) -> Ranker:
    return train(system, toy_log())


def future_changed(log: EventLog, hour: int, seed: int = 1) -> tuple[EventLog, np.ndarray]:
    """Another log that agrees on everything received before `hour`.

    From then on labels and dwell change, a fifth of the events are gone, others are added: of known and of
    new users and items.

    Returns:
        The log, and for each of its exposures its position in `log`, -1 if added.
    """
    rng = np.random.default_rng(seed)
    cut = START + hour * HOUR_MS
    e, x = log.exposures, log.external
    late = e.shown_at >= cut
    old_users, old_items = len(log.users), len(log.items)
    added = 150
    origin = np.flatnonzero(~late | (rng.random(len(e)) < 0.8))
    origin = np.concatenate([origin, np.full(added, -1)])
    time = np.where(origin >= 0, e.shown_at[origin], rng.integers(cut, log.end_ms, len(origin)))
    order = np.argsort(time, kind="stable")
    origin, time = origin[order], time[order]
    new = origin < 0
    user = np.where(new, rng.integers(0, old_users + 9, len(origin)), e.user[origin])
    item = np.where(new, rng.integers(0, old_items + 9, len(origin)), e.item[origin])
    clicked = np.where(time >= cut, rng.random(len(origin)) < 0.5, e.clicked[origin])
    dwell = np.where(time >= cut, 1000.0, e.dwell_seconds[origin]).astype(np.float32)
    context = np.where(new[:, None], 7, e.context[origin])
    keep = (x.received_at < cut) | (rng.random(len(x)) < 0.5)
    more = np.sort(rng.integers(cut, log.end_ms, 90))
    external = ExternalClicks(
        np.concatenate([x.user[keep], rng.integers(0, old_users + 9, 90)]),
        np.concatenate([x.item[keep], rng.integers(0, old_items + 9, 90)]),
        np.concatenate([x.domain[keep], rng.integers(0, 5, 90)]),
        np.concatenate([x.occurred_at[keep], more - 3 * HOUR_MS]),
        np.concatenate([x.received_at[keep], more]),
    )
    by_receipt = np.argsort(external.received_at, kind="stable")
    external = ExternalClicks(
        *(getattr(external, name)[by_receipt] for name in external.__dataclass_fields__)
    )
    changed = replace(
        log,
        exposures=Exposures(user, item, time, clicked, dwell, context),
        external=external,
        users=_more(log.users, rng),
        items=_more(log.items, rng),
    )
    return changed, origin


def same_requests_before(log: EventLog, changed: EventLog, origin: np.ndarray) -> np.ndarray:
    """Which exposures of `future_changed` have no exposure of their user before them that came or went."""
    one, other = changed.exposures, log.exposures
    gone = np.setdiff1d(np.arange(len(other)), origin)
    first = np.full(len(changed.users), log.end_ms)
    np.minimum.at(first, one.user[origin < 0], one.shown_at[origin < 0])
    np.minimum.at(first, other.user[gone], other.shown_at[gone])
    return one.shown_at <= first[one.user]


def with_vectors(log: EventLog, user_width: int = 3, item_width: int = 5) -> EventLog:
    """The same log with content vectors; those of every seventh user and item are unknown."""
    rng = np.random.default_rng(8)

    def described(entities: Entities, width: int) -> Entities:
        vectors = rng.normal(size=(len(entities), width)).astype(np.float32)
        vectors[::7] = np.nan
        return replace(entities, vectors=vectors)

    return replace(log, users=described(log.users, user_width), items=described(log.items, item_width))


def _more(entities: Entities, rng: np.random.Generator) -> Entities:
    width = entities.vectors.shape[1]
    return Entities(
        np.arange(len(entities) + 9),
        np.concatenate([entities.fields, rng.integers(0, 9, (9, 6))]),
        np.concatenate([entities.published_at, np.full(9, START)]),
        np.concatenate([entities.vectors, rng.normal(size=(9, width)).astype(np.float32)]),
    )


def toy_days() -> list[tuple[EventLog, list[EventLog]]]:
    """Two short days: what was received before hour 20 and hours 20, 21; the same for hour 24."""
    log = toy_log(hours=26, per_hour=40)
    return [
        (log.between(START, START + first * HOUR_MS), [hour_of(log, first), hour_of(log, first + 1)])
        for first in (20, 24)
    ]
