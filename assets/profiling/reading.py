"""From the warehouse's columns and the stored heatmaps to the models' `ProfileData`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from models.profiling.clicks import ClickLog
from models.profiling.data import (
    MISSING,
    Demographics,
    GenrePaths,
    Labels,
    ProfileData,
    PurchaseLog,
    SparseHeatmaps,
    StoredModalities,
)
from models.profiling.purchases import ROWS_AT_ONCE
from warehouse.heatmaps.clicked import TopicClicks, clicks_by_topic
from warehouse.heatmaps.reading import Heatmaps
from warehouse.heatmaps.settings import HeatmapSettings, default_settings
from warehouse.heatmaps.store import encode_heatmaps
from warehouse.heatmaps.vocabulary import DAYS
from warehouse.landing.local_time import LocalZone
from warehouse.store import profiling
from warehouse.store.warehouse import Warehouse

if TYPE_CHECKING:
    from warehouse.home import SourceHome
    from warehouse.landing.description import SourceDescription
    from warehouse.store.profiling import DemographicColumns, LabelColumns, PurchaseColumns

FOREVER_MS = 2**62
#: Clicks of so many days are read: those of `CLICK_DAYS` before a teaching window, and before one held back.
CLICKS_READ_DAYS = 2 * 92 + 28
GENRE_SEPARATOR = "/"


class UnknownUser(LookupError):
    """A user id that nothing was known of."""


def profile_data(
    home: SourceHome,
    description: SourceDescription,
    as_of: str,
    *,
    settings: HeatmapSettings | None = None,
    fitted_at: str | None = None,
    clicks: bool = False,
) -> ProfileData:
    """Everything known before local midnight of `as_of`; heatmaps are encoded where they are not yet.

    The cells of the heatmaps are read when a model first asks for them. Users are all with an event, a label
    or a demographics row before the date, ids ascending.

    Args:
        home, description: the source's folders, and what it says of itself.
        as_of: date `YYYY-MM-DD`, itself not included.
        settings: channels of the heatmaps; default: those of the paper.
        fitted_at: date before which the genres of the channels are fixed. Give the date at which a model was
            trained to have its channels at a later one; default: see `encode_heatmaps`.
        clicks: read what these users clicked in the feed and in other applications, too.

    Raises:
        ValueError: a date that is none, or nothing in the year before it.
        WarehouseMissing: nothing was ingested yet.
    """
    zone = LocalZone(description.local)
    day = zone.day(as_of)
    end_ms = zone.midnight_ms(day)
    channels = settings or default_settings(description.points)
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        ids, index = profiling.users_before(warehouse, end_ms)
        if not len(ids):
            raise ValueError(f"{home.warehouse} knows nobody before {as_of}: choose a later date")
        purchases = profiling.purchases_before(warehouse, end_ms)
        demographics = profiling.demographics_before(warehouse, end_ms)
        labels = profiling.labels_before(warehouse, end_ms)
        encoded = encode_heatmaps(warehouse, home.heatmaps, zone, channels, as_of, fitted_at=fitted_at)
        clicked = clicks_by_topic(warehouse, zone, day - CLICKS_READ_DAYS, day) if clicks else None
    heatmaps = Heatmaps(home.heatmaps, encoded.manifest, encoded.vocabulary)
    position = _positions(index)
    return ProfileData(
        as_of_day=day,
        user_ids=ids,
        modalities=_stored(heatmaps, index, position),
        purchases=_purchase_log(purchases, position, zone),
        demographics=None if demographics is None else _demographics(demographics, position, len(ids)),
        labels=None if labels is None else _labels(labels, position, len(ids)),
        clicks=None if clicked is None else _click_log(clicked, position),
    )


def sparse_heatmaps(heatmaps: Heatmaps, modality: str, users: np.ndarray) -> SparseHeatmaps:
    """The heatmaps of one modality of these users (int64 [U] user_index), in that order."""
    cells = heatmaps.cells(modality, users)
    return SparseHeatmaps(
        modality=modality,
        channels=heatmaps.channels(modality),
        offsets=cells.offsets,
        day=cells.day,
        hour=cells.hour,
        channel=cells.channel,
        value=cells.value,
    )


def _stored(heatmaps: Heatmaps, index: np.ndarray, position: np.ndarray) -> StoredModalities:
    """The modalities of these users (`index` int64 [U] user_index), whose positions `position` gives."""
    first_day = LocalZone.day(heatmaps.manifest.as_of) - DAYS
    return StoredModalities(
        heatmaps.modalities,
        read=partial(sparse_heatmaps, heatmaps, users=index),
        known_before=partial(_known_between, heatmaps, position, first_day),
        digest=f"{heatmaps.vocabulary.digest} {heatmaps.manifest.data_hash}",
    )


def _known_between(heatmaps: Heatmaps, position: np.ndarray, first_day: int, day: int) -> np.ndarray:
    """Positions of who had a cell in `[first_day, day)`, int64."""
    return position[heatmaps.users_between(first_day, day)]


def user_heatmaps(
    home: SourceHome, description: SourceDescription, user_id: str, as_of: str
) -> tuple[SparseHeatmaps, ...]:
    """The heatmaps of one user, a modality each, encoded first where they are not yet.

    Raises:
        UnknownUser: nobody of this id was known before the date.
        ValueError, WarehouseMissing: as `profile_data`.
    """
    zone = LocalZone(description.local)
    end_ms = zone.midnight_ms(zone.day(as_of))
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        encoded = encode_heatmaps(warehouse, home.heatmaps, zone, default_settings(description.points), as_of)
        ids, index = profiling.users_before(warehouse, end_ms)
    position = np.flatnonzero(ids == user_id)
    if not len(position):
        raise UnknownUser(
            f"user {user_id!r} has no purchase, points, label or demographics row before {as_of}; "
            f"{len(ids):,} users have, such as {str(ids[0])!r} and {str(ids[-1])!r}"
        )
    heatmaps = Heatmaps(home.heatmaps, encoded.manifest, encoded.vocabulary)
    return tuple(sparse_heatmaps(heatmaps, name, index[position]) for name in heatmaps.modalities)


def purchase_log(home: SourceHome, description: SourceDescription) -> tuple[np.ndarray, PurchaseLog]:
    """The purchases of all days, and the ids (str [U], ascending) of everybody whom the profiler ever knew.

    A brand or genre has the number that it has in `profile_data` of any date; users are numbered by these
    ids.
    """
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        ids, index = profiling.users_before(warehouse, FOREVER_MS)
        purchases = profiling.purchases_before(warehouse, FOREVER_MS)
    return ids, _purchase_log(purchases, _positions(index), LocalZone(description.local))


def profile_data_hash(
    home: SourceHome, description: SourceDescription, as_of: str | None = None, clicks: bool = False
) -> str:
    """Hash of the loaded batches that `profile_data` (or, without a date, `purchase_log`) draws on."""
    zone = LocalZone(description.local)
    end_ms = FOREVER_MS if as_of is None else zone.midnight_ms(zone.day(as_of))
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        digest = profiling.data_hash(warehouse, end_ms)
        return f"{digest} {warehouse.data_hash(0, end_ms)}" if clicks else digest


def _positions(index: np.ndarray) -> np.ndarray:
    """From user_index to position, int64 [largest user_index + 1]; MISSING for users not in `index`."""
    position = np.full(int(index.max()) + 1 if len(index) else 0, MISSING)
    position[index] = np.arange(len(index))
    return position


def _purchase_log(purchases: PurchaseColumns, position: np.ndarray, zone: LocalZone) -> PurchaseLog:
    columns = purchases.columns
    day = np.empty(len(columns["at_ms"]), dtype=np.int32)
    for start in range(0, len(day), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        day[rows] = zone.days_of(columns["at_ms"][rows])
    levels, names = _genre_levels(purchases.genres)
    log = PurchaseLog(
        user=position[columns["user"]],
        day=day,
        at_ms=columns["at_ms"],
        brand=columns["brand"],
        genre=GenrePaths(columns["genre"], levels),
        price=columns["price"],
        cancelled=columns["cancelled"],
        brand_names=purchases.brands,
        genre_names=names,
    )
    # Sorted by instant already; local days run backwards only where a clock was set back past midnight.
    in_order = bool((day[1:] >= day[:-1]).all())
    return log if in_order else log.rows(np.argsort(day, kind="stable"))


def _genre_levels(paths: tuple[str, ...]) -> tuple[np.ndarray, tuple[tuple[str, ...], ...]]:
    """For every genre code its number at each level, int64 [codes, L], and the names of each level.

    Numbers follow the first code with the name. A path shorter than the deepest stands for itself below.
    """
    parts = [path.split(GENRE_SEPARATOR) for path in paths]
    depth = max((len(part) for part in parts), default=1)
    levels, names = np.zeros((len(paths), depth), dtype=np.int64), []
    for level in range(depth):
        number: dict[str, int] = {}
        for code, part in enumerate(parts):
            name = GENRE_SEPARATOR.join(part[: level + 1])
            levels[code, level] = number.setdefault(name, len(number))
        names.append(tuple(number))
    return levels, tuple(names)


def _click_log(read: TopicClicks, position: np.ndarray) -> ClickLog:
    """The clicks of those whom the shop knows; clicking alone makes nobody a customer or a prospect."""
    known = read.user < len(position)
    known[known] = position[read.user[known]] != MISSING
    rows = np.flatnonzero(known)
    return ClickLog(
        user=position[read.user[rows]],
        day=read.day[rows].astype(np.int32),
        topic=read.topic[rows],
        clicks=read.clicks[rows],
        topics=read.topics,
    )


def _demographics(read: DemographicColumns, position: np.ndarray, users: int) -> Demographics:
    rows = position[read.user]
    numeric = np.full((users, len(read.numeric_names)), np.nan, dtype=np.float32)
    categorical = np.full((users, len(read.categorical_names)), MISSING)
    numeric[rows], categorical[rows] = read.numeric, read.categorical
    return Demographics(numeric, read.numeric_names, categorical, read.categorical_names, read.categories)


def _labels(read: LabelColumns, position: np.ndarray, users: int) -> Labels:
    value = np.full((users, len(read.tasks)), np.nan, dtype=np.float32)
    value[position[read.user], read.task] = read.label
    return Labels(read.tasks, value)
