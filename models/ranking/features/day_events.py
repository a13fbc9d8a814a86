"""The events that a day's hours appended to the history: what an hourly save holds instead of the history."""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from typing import Any

import numpy as np

from models.ranking.features.entities import EntityTable
from models.ranking.features.event_log import Entities, EventLog, Exposures, ExternalClicks, rows

DESCRIBED = "described"  #: of users and items, whether `vectors` holds theirs


def mentioned(log: EventLog) -> EventLog:
    """The same events with the entities that they mention, and no others."""
    e, x = log.exposures, log.external
    users = _only(log.users, np.concatenate([e.user, x.user]))
    return replace(log, users=users, items=_only(log.items, np.concatenate([e.item, x.item])))


def with_new_vectors(log: EventLog, users: EntityTable, items: EntityTable) -> EventLog:
    """The same events without the vectors of those whom the tables know: of them nobody reads any."""

    def strangers(entities: Entities, table: EntityTable) -> Entities:
        known = table.knows(entities.index)[:, None]
        return replace(entities, vectors=np.where(known, np.float32(np.nan), entities.vectors))

    return replace(log, users=strangers(log.users, users), items=strangers(log.items, items))


def pack(hours: list[EventLog]) -> dict[str, np.ndarray]:
    """Arrays of a day's hours, in order, integers as narrow as they fit; `unpack` gives the hours back."""
    out = {
        "bounds": np.array([(h.start_ms, h.end_ms, h.zone_offset_ms) for h in hours], np.int64).reshape(-1, 3)
    }
    for part in ("exposures", "external", "users", "items"):
        pieces = [getattr(hour, part) for hour in hours]
        out[f"{part}.length"] = np.array([len(piece) for piece in pieces], np.int64)
        for field in fields(pieces[0]) if pieces else ():
            columns = [getattr(piece, field.name) for piece in pieces]
            if field.name == "vectors" and any(column.shape[1] for column in columns):
                known = [np.isfinite(column).all(axis=1) & (column.shape[1] > 0) for column in columns]
                out[f"{part}.{DESCRIBED}"] = np.concatenate(known)
                columns = [column[its] for column, its in zip(columns, known, strict=True) if column.shape[1]]
            out[f"{part}.{field.name}"] = _narrow(np.concatenate(columns))
    return out


def unpack(arrays: dict[str, np.ndarray]) -> list[EventLog]:
    """The hours that `pack` took; columns that an earlier version did not know get their defaults."""
    types = {"exposures": Exposures, "external": ExternalClicks, "users": Entities, "items": Entities}
    arrays = {name: a.astype(np.int64) if a.dtype.kind == "i" else a for name, a in arrays.items()}
    for name in [name for name in arrays if name.endswith(f".{DESCRIBED}")]:
        described = name.replace(DESCRIBED, "vectors")
        known, vectors = arrays.pop(name), arrays[described]
        arrays[described] = np.full((len(known), vectors.shape[1]), np.nan, np.float32)
        arrays[described][known] = vectors
    ends = {part: np.concatenate([[0], np.cumsum(arrays[f"{part}.length"])]) for part in types}

    def piece(part: str, number: int) -> Any:
        first, last = ends[part][number : number + 2]
        kind = types[part]
        names = [f.name for f in fields(kind) if f"{part}.{f.name}" in arrays]  # older saves have fewer
        return kind(**{name: arrays[f"{part}.{name}"][first:last] for name in names})

    return [
        EventLog(
            **{part: piece(part, number) for part in types},
            start_ms=start,
            end_ms=end,
            zone_offset_ms=zone,
        )
        for number, (start, end, zone) in enumerate(arrays["bounds"].tolist())
    ]


def digest(log: EventLog) -> str:
    """A hash of every event of a log, and of its bounds: two logs with the same one train the same model."""
    state = hashlib.sha256(f"{log.start_ms} {log.end_ms} {log.zone_offset_ms}".encode())
    for part in (log.exposures, log.external, log.users, log.items):
        for field in fields(part):
            state.update(np.ascontiguousarray(getattr(part, field.name)).tobytes())
    return state.hexdigest()


def _narrow(column: np.ndarray) -> np.ndarray:
    """The same numbers in the narrowest signed integers that hold them; other types as they are."""
    if column.dtype.kind != "i" or not column.size:
        return column
    low, high = int(column.min()), int(column.max())
    return column.astype(np.promote_types(np.min_scalar_type(min(low, -1)), np.min_scalar_type(-high - 1)))


def _only(entities: Entities, index: np.ndarray) -> Entities:
    distinct = np.unique(index)
    at = np.searchsorted(entities.index, distinct)
    at = at[at < len(entities)]
    return rows(entities, at[np.isin(entities.index[at], distinct)])
