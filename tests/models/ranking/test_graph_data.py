"""Graphs for PyG hold every click of the log once, with its times, and nothing that came later."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch_geometric.data import HeteroData

from models.ranking.features.event_log import HOUR_MS, Entities
from models.ranking.graph_data import (
    CLICK,
    GraphNames,
    graphs,
    long_term_data,
    short_term_data,
    temporal_data,
)
from models.ranking.lsttm.random_walks import ClickGraph, Clicks
from tests.models.ranking.toy import START, future_changed, toy_log

NAMES = GraphNames(("video", "Search/Web", "search_web"), ("age",) * 6, ("topic",) * 6)
EXTERNAL = {
    0: ("user", "external_video", "item"),
    1: ("user", "external_Search_Web", "item"),
    2: ("user", "external_search_web", "item"),
}


@pytest.fixture(scope="module")
def log():
    return toy_log()


@pytest.fixture(scope="module")
def data(log) -> HeteroData:
    return long_term_data(log, NAMES)


def edges(data: HeteroData, kind, *times: str) -> list[tuple[int, ...]]:
    columns = [*data[kind].edge_index, *(data[kind][name] for name in times)]
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_every_click_is_an_edge_of_its_application_with_its_times(log, data) -> None:
    data.validate()
    e, x = log.exposures, log.external
    expected = [
        (e.user[i], e.item[i], (e.shown_at[i] // HOUR_MS + 1) * HOUR_MS, e.shown_at[i])
        for i in range(len(e))
        if e.clicked[i]
    ]
    assert edges(data, CLICK, "time", "occurred_at") == expected
    assert set(data.edge_types) == {CLICK, *EXTERNAL.values()}
    for domain, kind in EXTERNAL.items():
        expected = [
            (x.user[i], x.item[i], x.received_at[i], x.occurred_at[i], x.received_at[i])
            for i in range(len(x))
            if x.domain[i] == domain
        ]
        assert edges(data, kind, "time", "occurred_at", "received_at") == expected


def test_nodes_have_the_fields_of_the_log(log, data) -> None:
    for kind, entities in (("user", log.users), ("item", log.items)):
        assert data[kind].num_nodes == len(entities)
        assert np.array_equal(data[kind].fields, entities.fields)
    assert np.array_equal(data["item"].published_at, log.items.published_at)
    assert data["user"].field_names == ["age"] * 6
    assert data.end_ms == log.end_ms


def test_it_is_the_graph_that_long_term_training_walks_on(log, data) -> None:
    graph = ClickGraph.of(Clicks.of(log))
    sources = torch.repeat_interleave(torch.arange(graph.users + graph.items), graph.degrees)
    walked = Counter(
        (u, i - graph.users)
        for u, i in zip(sources.tolist(), graph.targets.tolist(), strict=True)
        if u < graph.users
    )
    assert Counter(edge for kind in data.edge_types for edge in edges(data, kind)) == walked


def test_the_short_term_graph_has_clicks_on_exposures_alone(log, data) -> None:
    short = short_term_data(log, NAMES)
    assert short.edge_types == [CLICK]
    assert short.node_types == ["user", "item"]
    assert edges(short, CLICK, "time") == edges(data, CLICK, "time")


def test_the_stream_has_the_same_clicks_in_order_of_time(log, data) -> None:
    events, types = temporal_data(log, NAMES.domains)
    assert types == data.edge_types
    assert (events.t.diff() >= 0).all()
    assert (events.msg.sum(1) == 1).all()
    columns = (events.msg.argmax(1), events.src, events.dst - len(log.users), events.t, events.occurred_at)
    rows = Counter(zip(*(column.tolist() for column in columns), strict=True))
    expected = Counter(
        (number, *edge)
        for number, kind in enumerate(types)
        for edge in edges(data, kind, "time", "occurred_at")
    )
    assert rows == expected


@pytest.mark.parametrize("hour", [5, 20])
def test_what_comes_later_changes_nothing(log, hour: int) -> None:
    end = START + hour * HOUR_MS
    changed, _ = future_changed(log, hour)
    one, other = (each.between(START, end) for each in (log, changed))
    other = replace(other, users=one.users, items=one.items)
    a, b = graphs(one, NAMES), graphs(other, NAMES)
    for name in ("long_term", "short_term"):
        assert a[name].edge_types == b[name].edge_types
        for kind in a[name].edge_types:
            times = [key for key in a[name][kind] if key != "edge_index"]
            assert edges(a[name], kind, *times) == edges(b[name], kind, *times)
            assert (a[name][kind].occurred_at < end).all()
            assert (a[name][kind].time <= end).all()
    assert all(torch.equal(a["events"][key], b["events"][key]) for key in a["events"].keys())  # noqa: SIM118


def test_gaps_between_warehouse_numbers_are_closed(log) -> None:
    """Users whom the warehouse met only after the log leave gaps behind."""

    def spread(entities: Entities) -> Entities:
        return replace(entities, index=entities.index * 3 + 1)

    wide = replace(
        log,
        users=spread(log.users),
        items=spread(log.items),
        exposures=replace(log.exposures, user=log.exposures.user * 3 + 1, item=log.exposures.item * 3 + 1),
        external=replace(log.external, user=log.external.user * 3 + 1, item=log.external.item * 3 + 1),
    )
    data, plain = long_term_data(wide), long_term_data(log)
    assert data["user"].warehouse_id.tolist() == [3 * u + 1 for u in range(len(log.users))]
    assert data.edge_types[1:] == [("user", f"external_{code}", "item") for code in range(3)]
    for kind in plain.edge_types:
        assert edges(data, kind) == edges(plain, kind)


def test_a_log_without_events() -> None:
    empty = toy_log().between(0, 0)
    written = graphs(empty, NAMES)
    assert written["long_term"].edge_types == [CLICK]
    assert written["long_term"][CLICK].num_edges == 0
    assert written["events"].num_events == 0
