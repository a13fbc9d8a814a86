"""One account, two systems: what the shop knows of an account, as its vector where rankers read users.

Off unless the deployment says `one_account`. All instances of a training, and the hours of the day after it,
read what was bought before the *first* of the training's days began, `LAG_DAYS` before that day after. So no
instance meets a purchase made after it, and training and serving read the same; against a year of purchases
the days left out are few. A feature state holds one vector a user, which is why they are not a day's each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from assets.common.partitions import WINDOW_DAYS
from models.profiling.account_vectors import AccountVectors
from models.ranking.features.event_log import Entities
from warehouse.landing.service_time import DAY_MS

if TYPE_CHECKING:
    from assets.ranking.reading import HourLog
    from models.ranking.features.entities import EntityTable
    from models.ranking.features.event_log import EventLog
    from models.ranking.training.system import SystemSettings
    from warehouse.landing.service_time import ServiceZone
    from warehouse.store.warehouse import Warehouse

YEAR_MS = 365 * DAY_MS  #: of purchases that count
LAG_DAYS = WINDOW_DAYS  #: days before a service day's start, from which on no purchase counts on that day


def purchases_end_ms(zone: ServiceZone, day: str) -> int:
    """The instant before which purchases count on a service day."""
    return zone.day_start_ms(day) - LAG_DAYS * DAY_MS


def read_account_vectors(
    warehouse: Warehouse, zone: ServiceZone, day: str, users: np.ndarray | None = None
) -> AccountVectors:
    """The vectors that count on a service day, of `users` (int64 [n]) or of everybody who bought anything."""
    from warehouse.heatmaps.bought import bought_by_genre, genre_paths

    end_ms, paths = purchases_end_ms(zone, day), genre_paths(warehouse)
    parts = [
        AccountVectors.of_counts(part.user, part.genre, part.items, paths)
        for part in bought_by_genre(warehouse, end_ms - YEAR_MS, end_ms, users)
    ]
    return AccountVectors.together(parts)


def purchases_hash(warehouse: Warehouse, zone: ServiceZone, day: str) -> str:
    """Hash of the loaded purchases that may count on a service day."""
    loaded = warehouse.loaded("purchases", start_ms=0, end_ms=purchases_end_ms(zone, day))
    return hashlib.sha256("\n".join(sorted(loaded["data_hash"])).encode()).hexdigest()


def with_account_vectors(
    users: Entities, vectors: AccountVectors, known: EntityTable | None = None
) -> Entities:
    """The same users with the vectors of what they bought.

    Args:
        users: as described; none of them may have a vector of the log's own.
        vectors: of accounts.
        known: users met before; those of them with a vector stand in the result although nothing new
            describes them, with the fields that are known.

    Raises:
        ValueError: the log brings vectors of users.
    """
    if users.vectors.shape[1]:
        raise ValueError(
            f"users have vectors of the log's own ({users.vectors.shape[1]} numbers), and a user has one "
            "vector: set one_account to false in deployment.json, or leave out the users' vector column"
        )
    if known is not None:
        met = vectors.user[known.knows(vectors.user)]
        users = _with_others(users, np.setdiff1d(met, users.index, assume_unique=True), known)
    return replace(users, vectors=vectors.of(users.index))


def log_with_account_vectors(log: EventLog, warehouse: Warehouse, zone: ServiceZone, day: str) -> EventLog:
    """The log of a day, or of an hour of it, whose users have the vectors that count on it."""
    vectors = read_account_vectors(warehouse, zone, day, log.users.index)
    return replace(log, users=with_account_vectors(log.users, vectors))


def hours_with_account_vectors(
    hours: Mapping[str, HourLog], warehouse: Warehouse, zone: ServiceZone
) -> dict[str, HourLog]:
    """The same hours, by key: whoever is first met in one has a vector at once."""
    return {
        key: replace(hour, log=log_with_account_vectors(hour.log, warehouse, zone, key[:10]))
        for key, hour in hours.items()
    }


def check_windows(systems: Mapping[str, SystemSettings]) -> None:
    """Raise a ValueError if a training would read purchases that were made after some of its instances."""
    for name, settings in systems.items():
        days = settings.training.window_days
        if days is None or days > LAG_DAYS:
            raise ValueError(
                f"{name}: training.window_days is {days}, but must not exceed {LAG_DAYS} with one_account: "
                "instances of earlier days would read purchases made after them; lower it, or set "
                "one_account to false in deployment.json"
            )


def _with_others(users: Entities, index: np.ndarray, known: EntityTable) -> Entities:
    """Users and others, whose fields `known` has."""
    fields, published = known.lookup(index)
    order = np.argsort(np.concatenate([users.index, index]))
    return Entities(
        np.concatenate([users.index, index])[order],
        np.concatenate([users.fields, fields.reshape(len(index), users.fields.shape[1])])[order],
        np.concatenate([users.published_at, published])[order],
    )
