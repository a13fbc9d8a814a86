"""`Warehouse.events` against pandas on the same rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ranking.features.event_log import Entities, EventLog, Exposures, ExternalClicks
from tests.warehouse.frames import (
    DESCRIPTION,
    HOURS,
    NO_QUARANTINE,
    START,
    exposures,
    external_clicks,
    record,
)
from warehouse.landing.service_time import HOUR_MS
from warehouse.store.warehouse import Warehouse

COUNT = 40
EXPOSURES = pd.concat([exposures(hour, COUNT) for hour in HOURS[:5]], ignore_index=True)
CLICKS = pd.concat([external_clicks(hour, COUNT) for hour in HOURS[:5]], ignore_index=True)
#: Two descriptions of user 3, the second from hour 2 on; user 99 is mentioned by no event.
USERS = {
    "old.csv": (
        0,
        pd.DataFrame({"user_id": ["3", "4", "99"], "age": ["20", "30", "40"], "region": ["n", None, "s"]}),
    ),
    "new.csv": (START + 2 * HOUR_MS, pd.DataFrame({"user_id": ["3"], "age": ["21"], "region": ["s"]})),
}
ITEMS = pd.DataFrame(
    {"item_id": ["101", "102"], "published_at": pd.array([START, None], "Int64"), "topic": ["a", "b"]}
)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    with Warehouse(tmp_path_factory.mktemp("w") / "w.duckdb") as opened:
        opened.configure(DESCRIPTION)
        dims = {"users": USERS, "items": {"items.csv": (0, ITEMS)}}
        for table, files in dims.items():
            for name, (start, frame) in files.items():
                one = replace(record(HOURS[0], len(frame)), partition=name, start_ms=start)
                rows = frame.assign(_partition=name, _row=range(len(frame)))
                opened.load(table, [one], rows, NO_QUARANTINE)
        # Hours are loaded out of order: events come back in order of time all the same.
        for hour in (2, 0, 4, 1, 3):
            key, loads = HOURS[hour], [record(HOURS[hour], COUNT)]
            opened.load("exposures", loads, EXPOSURES[EXPOSURES["_partition"] == key], NO_QUARANTINE)
            opened.load("external_clicks", loads, CLICKS[CLICKS["_partition"] == key], NO_QUARANTINE)
        yield opened


def names(warehouse, key):
    return {index: name for name, index in warehouse.connection.execute(f"FROM {key}_index").fetchall()}


def values(warehouse, table, column):
    query = "SELECT code, value FROM category_index WHERE table_name = ? AND column_name = ?"
    return dict(warehouse.connection.execute(query, [table, column]).fetchall()) | {-1: None}


@settings(max_examples=15)
@given(st.integers(0, 5 * 60), st.integers(0, 5 * 60))
def test_events_equal_pandas(warehouse, first, last):
    start, end = START + min(first, last) * 60_000, START + max(first, last) * 60_000
    logs = warehouse.events(start, end, "mentioned")
    users, items = names(warehouse, "user"), names(warehouse, "item")

    exposures = EXPOSURES[EXPOSURES["shown_at"].between(start, end, inclusive="left")].sort_values(
        ["shown_at", "_row"]
    )
    assert logs["exposures.exposure_id"].tolist() == exposures["exposure_id"].tolist()
    assert [users[i] for i in logs["exposures.user"]] == exposures["user_id"].tolist()
    assert [items[i] for i in logs["exposures.item"]] == exposures["item_id"].tolist()
    np.testing.assert_array_equal(logs["exposures.shown_at"], exposures["shown_at"])
    np.testing.assert_array_equal(logs["exposures.clicked"], exposures["clicked"])
    np.testing.assert_array_equal(
        logs["exposures.dwell_seconds"], exposures["dwell_seconds"].astype("float32")
    )
    devices = values(warehouse, "exposures", "ctx_device")
    given_devices = (
        exposures["ctx_device"].astype(object).where(exposures["ctx_device"].notna(), None).tolist()
    )
    assert [devices[code] for code in logs["exposures.context"][:, 0]] == given_devices

    clicks = CLICKS[CLICKS["received_at"].between(start, end, inclusive="left")].sort_values(
        ["received_at", "_row"]
    )
    domains = values(warehouse, "external_clicks", "domain")
    assert [users[i] for i in logs["external.user"]] == clicks["user_id"].tolist()
    assert [items[i] for i in logs["external.item"]] == clicks["item_id"].tolist()
    assert [domains[code] for code in logs["external.domain"]] == clicks["domain"].tolist()
    np.testing.assert_array_equal(logs["external.occurred_at"], clicks["occurred_at"])
    np.testing.assert_array_equal(logs["external.received_at"], clicks["received_at"])

    mentioned = np.union1d(logs["exposures.user"], logs["external.user"])
    np.testing.assert_array_equal(logs["users.index"], mentioned)
    np.testing.assert_array_equal(
        logs["items.index"], np.union1d(logs["exposures.item"], logs["external.item"])
    )


@pytest.mark.parametrize("entities", ["all", "mentioned"])
@pytest.mark.parametrize(("hours", "age"), [(2, "20"), (3, "21")])
def test_a_description_counts_from_its_own_time_on(warehouse, entities, hours, age):
    logs = warehouse.events(START, START + hours * HOUR_MS, entities)
    index = {name: i for i, name in names(warehouse, "user").items()}
    ages = values(warehouse, "users", "age")
    rows = dict(zip(logs["users.index"], logs["users.fields"], strict=True))
    assert ages[rows[index["3"]][0]] == age
    assert rows[index["4"]][1] == -1
    # Every user that an event mentions is there, described or not.
    assert rows[index["7"]].tolist() == [-1, -1]
    assert (index["99"] in rows) == (entities == "all")


def test_a_newcomer_is_described_as_at_the_end_of_its_first_hour(warehouse):
    """User 3 is described anew from hour 2 on: what its first hour knew depends on where the range begins."""
    index = {name: i for i, name in names(warehouse, "user").items()}
    ages = values(warehouse, "users", "age")
    first_hours = set()
    for begin in range(4):
        start = START + begin * HOUR_MS
        logs = warehouse.events(start, START + 5 * HOUR_MS, "first_met")
        mentions = [
            logs[f"{table}.{at}"][logs[f"{table}.user"] == index["3"]].min()
            for table, at in (("exposures", "shown_at"), ("external", "received_at"))
        ]
        first = (min(mentions) - START) // HOUR_MS
        rows = dict(zip(logs["users.index"], logs["users.fields"], strict=True))
        assert ages[rows[index["3"]][0]] == ("20" if first < 2 else "21")
        first_hours.add(first < 2)
        np.testing.assert_array_equal(
            logs["users.index"], np.union1d(logs["exposures.user"], logs["external.user"])
        )
    assert first_hours == {True, False}


def test_descriptions_are_those_before_an_instant(warehouse):
    index = {name: i for i, name in names(warehouse, "user").items()}
    ages = values(warehouse, "users", "age")
    for before, age in ((START, "20"), (START + 2 * HOUR_MS, "20"), (START + 2 * HOUR_MS + 1, "21")):
        described = warehouse.descriptions(before)
        assert described["users.index"].tolist() == sorted(index[name] for name in ("3", "4", "99"))
        rows = dict(zip(described["users.index"], described["users.fields"], strict=True))
        assert ages[rows[index["3"]][0]] == age
    assert set(described["items.published_at"].tolist()) == {START, -1}


def test_ids_are_read_only_where_they_are_asked_for(warehouse):
    with_ids = warehouse.events(START, START + HOUR_MS)
    without = warehouse.events(START, START + HOUR_MS, ids=False)
    assert set(with_ids) - set(without) == {"exposures.exposure_id"}
    for name, column in without.items():
        np.testing.assert_array_equal(column, with_ids[name])


def test_published_at_and_its_absence(warehouse):
    logs = warehouse.events(START, START + HOUR_MS)
    index = {name: i for i, name in names(warehouse, "item").items()}
    published = dict(zip(logs["items.index"], logs["items.published_at"], strict=True))
    assert published[index["101"]] == START
    assert published[index["102"]] == -1
    assert (logs["users.published_at"] == -1).all()


def test_columns_are_those_of_the_event_log(warehouse):
    logs = warehouse.events(START, START + 5 * HOUR_MS)
    parts = {"exposures": Exposures, "external": ExternalClicks, "users": Entities, "items": Entities}
    made = {
        part: kind(**{name: logs[f"{part}.{name}"] for name in kind.__dataclass_fields__})
        for part, kind in parts.items()
    }
    log = EventLog(**made, start_ms=START, end_ms=START + 5 * HOUR_MS)
    assert len(log.exposures) == 5 * COUNT and len(log.external) == 5 * COUNT
    floats = {
        "users.vectors": np.float32,
        "items.vectors": np.float32,
        "exposures.dwell_seconds": np.float32,
        "exposures.clicked": np.bool_,
        "exposures.exposure_id": object,
    }
    for name, column in logs.items():
        assert column.dtype == floats.get(name, np.int64), name
        assert not isinstance(column, np.ma.MaskedArray), name


def test_an_empty_range_has_the_same_columns(warehouse):
    full, empty = (
        warehouse.events(START, START + HOUR_MS),
        warehouse.events(START - HOUR_MS, START),
    )
    assert full.keys() == empty.keys()
    assert empty["exposures.context"].shape == (0, 1) and empty["external.user"].shape == (0,)
    for name, column in empty.items():
        assert column.dtype == full[name].dtype, name
