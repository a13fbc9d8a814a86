"""The click graphs of a log as PyG's data objects, with which any GNN of PyG can be tried (docs/graphs.md).

Every edge has two instants, int64 epoch milliseconds: `occurred_at`, and `time`, from which on a model may
use it. An external click may be used once it is received; a click on an exposure from the next hour on, since
an hour is scored before its labels are known. `time` is what PyG's temporal samplers compare.

Importing this module imports torch_geometric.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import HeteroData, TemporalData

from models.ranking.features.event_log import HOUR_MS, Entities, EventLog

EdgeType = tuple[str, str, str]
CLICK: EdgeType = ("user", "click", "item")


@dataclass(frozen=True)
class GraphNames:
    """What a log says in numbers, in words."""

    domains: Sequence[str] = ()  #: of external clicks, by code; a code beyond them is its own name
    user_fields: Sequence[str] = ()
    item_fields: Sequence[str] = ()


@dataclass(frozen=True)
class _Edges:
    """Edges of one type in order of `time`, as numpy columns."""

    user: np.ndarray
    item: np.ndarray
    times: Mapping[str, np.ndarray] = field(default_factory=dict)


def long_term_data(log: EventLog, names: GraphNames | None = None) -> HeteroData:
    """All clicks of all applications: the graph of `long_term_graph`.

    Nodes have `warehouse_id` int64 [N] (`user_index` or `item_index`), `fields` int64 [N, F] (category codes,
    −1 where unknown) and `field_names`; items have `published_at` too (−1 where unknown). An edge type is
    ('user', 'click', 'item'), or ('user', 'external_<domain>', 'item') for each domain of the log's clicks.
    """
    names = names or GraphNames()
    data = HeteroData()
    for kind, entities, fields in (
        ("user", log.users, names.user_fields),
        ("item", log.items, names.item_fields),
    ):
        data[kind].num_nodes = len(entities)
        data[kind].warehouse_id = _tensor(entities.index)
        data[kind].fields = _tensor(entities.fields)
        data[kind].field_names = list(fields)
    data["item"].published_at = _tensor(log.items.published_at)
    for edge_type, edges in _edges(log, names.domains).items():
        data[edge_type].edge_index = torch.stack([_tensor(edges.user), _tensor(edges.item)])
        for name, times in edges.times.items():
            data[edge_type][name] = _tensor(times)
    data.end_ms = log.end_ms
    return data


def short_term_data(log: EventLog, names: GraphNames | None = None) -> HeteroData:
    """Clicks on exposures alone: the graph of the short-term encoder. Tensors are shared, not copied."""
    return long_term_data(log, names).edge_type_subgraph([CLICK])


def temporal_data(log: EventLog, domains: Sequence[str] = ()) -> tuple[TemporalData, list[EdgeType]]:
    """The clicks of `long_term_data` as one stream of events, in order of `t`, which is the edges' `time`.

    Returns:
        `src` [E] users; `dst` [E] items, numbered behind the U users; `t` [E]; `msg` float32 [E, T], one-hot
        edge type; `occurred_at` [E]. And the T edge types.
    """
    by_type = _edges(log, domains)
    parts = list(by_type.values())
    times = np.concatenate([part.times["time"] for part in parts])
    order = np.argsort(times, kind="stable")
    types = np.repeat(np.arange(len(parts)), [len(part.user) for part in parts])[order]
    events = TemporalData(
        src=_tensor(np.concatenate([part.user for part in parts])[order]),
        dst=_tensor(np.concatenate([part.item for part in parts])[order] + len(log.users)),
        t=_tensor(times[order]),
        msg=torch.eye(len(parts))[_tensor(types)],
        occurred_at=_tensor(np.concatenate([part.times["occurred_at"] for part in parts])[order]),
    )
    return events, list(by_type)


def graphs(log: EventLog, names: GraphNames) -> dict[str, Any]:
    """Everything of a log in one dictionary: `long_term`, `short_term`, `events` and `event_types`."""
    long_term = long_term_data(log, names)
    events, types = temporal_data(log, names.domains)
    short_term = long_term.edge_type_subgraph([CLICK])
    return {"long_term": long_term, "short_term": short_term, "events": events, "event_types": types}


def _edges(log: EventLog, domains: Sequence[str]) -> dict[EdgeType, _Edges]:
    e, x = log.exposures, log.external
    clicked = np.asarray(e.clicked, dtype=bool)
    shown_at = e.shown_at[clicked]
    next_hour = (shown_at // HOUR_MS + 1) * HOUR_MS
    clicks = {"time": next_hour, "occurred_at": shown_at}
    edges = {CLICK: _between(log, e.user[clicked], e.item[clicked], clicks)}
    for domain, name in _edge_names(np.unique(x.domain), domains).items():
        of = x.domain == domain
        received_at = x.received_at[of]
        times = {"time": received_at, "occurred_at": x.occurred_at[of], "received_at": received_at}
        edges["user", name, "item"] = _between(log, x.user[of], x.item[of], times)
    return edges


def _between(log: EventLog, user: np.ndarray, item: np.ndarray, times: Mapping[str, np.ndarray]) -> _Edges:
    return _Edges(_positions(log.users, user), _positions(log.items, item), times)


def _positions(entities: Entities, index: np.ndarray) -> np.ndarray:
    """Node numbers of warehouse indices, which may have gaps: those that were first met after the log."""
    return np.searchsorted(entities.index, index)


def _edge_names(codes: np.ndarray, domains: Sequence[str]) -> dict[int, str]:
    """An edge name a domain, in characters that PyG allows in the name of a module."""
    names = {int(c): domains[c] if c < len(domains) else str(c) for c in codes}
    plain = {c: "external_" + re.sub(r"[\W_]+", "_", name).strip("_") for c, name in names.items()}
    twice = {name for name in plain.values() if list(plain.values()).count(name) > 1}
    return {c: f"{name}_{c}" if name in twice else name for c, name in plain.items()}


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))
