"""Requests as numbers and content vectors as rows of floats: stored, read on every path, brought over."""

import hashlib

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.ranking.reading import read_day, read_descriptions, read_hours, read_log
from tests.warehouse.frames import DESCRIPTION, HOURS, NO_QUARANTINE, START, ZONE, exposures, record
from warehouse.landing.records import PartitionLoad, SourceFile
from warehouse.landing.service_time import DAY_MS, HOUR_MS
from warehouse.store.connection import upgrade
from warehouse.store.staging import InvariantBroken
from warehouse.store.vectors import vector_rows
from warehouse.store.warehouse import Warehouse

VECTORS = DESCRIPTION.model_copy(update={"item_vector": "Embedding"})
WIDTH = 3


def lists(vectors) -> pd.Series:
    return pd.Series(pd.array(vectors, dtype=pd.ArrowDtype(pa.list_(pa.float32()))))


def load_items(warehouse, vectors, file="all.csv", start=0, description=VECTORS, first=0):
    """Items 100, 101, … with these vectors."""
    rows = pd.DataFrame(
        {
            "_partition": file,
            "_row": np.arange(len(vectors)),
            "item_id": [str(100 + first + n) for n in range(len(vectors))],
            "topic": "news",
            "Embedding": lists(vectors),
        }
    )
    load = PartitionLoad(file, start, (SourceFile(f"items/{file}", 1, file),), len(rows))
    warehouse.load("items", [load], rows, NO_QUARANTINE, description=description)


def number(request: str) -> int:
    """The first 63 bits of MD5: a standard, not what a version of a library makes of it."""
    return int(hashlib.md5(request.encode()).hexdigest()[:16], 16) >> 1


def test_equal_requests_are_equal_numbers_in_every_hour(tmp_path):
    requests = ["a", "a", "b", None, "ü-1"]
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        for hour in HOURS[:2]:
            frame = exposures(hour, 5).assign(request_id=pd.Series(requests, dtype="str"))
            frame["shown_at"] = ZONE.hour_start_ms(hour) + np.arange(5)
            warehouse.load("exposures", [record(hour, 5)], frame, NO_QUARANTINE, description=DESCRIPTION)
        events = warehouse.events(START, START + 2 * HOUR_MS)
        expected = [-1 if request is None else number(request) for request in requests]
        assert events["exposures.request"].tolist() == 2 * expected
        assert events["exposures.request"].dtype == np.int64 and min(expected) == -1 < min(expected[:3])
        assert read_day(warehouse, ZONE, HOURS[0][:10]).exposures.request.tolist() == 2 * expected
        hours = read_hours(warehouse, ZONE, HOURS[:2])
        assert [log.log.exposures.request.tolist() for log in hours.values()] == [expected] * 2
        named = warehouse.connection.execute("SELECT request FROM named_exposures").fetchall()
        assert sorted(named, key=str) == sorted([(None if n == -1 else n,) for n in 2 * expected], key=str)


def test_exposures_without_requests_have_none(tmp_path):
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        frame = exposures(HOURS[0], 4)
        warehouse.load("exposures", [record(HOURS[0], 4)], frame, NO_QUARANTINE, description=DESCRIPTION)
        assert warehouse.events(START, START + HOUR_MS)["exposures.request"].tolist() == [-1] * 4


@pytest.fixture
def warehouse(tmp_path):
    """Items 100 to 104, of which 101 has no vector; 100 and 101 are described anew an hour later."""
    with Warehouse(tmp_path / "w.duckdb") as opened:
        vectors = [[n, n + 0.5, -n] for n in range(5)]
        load_items(opened, [vectors[0], None, *vectors[2:]])
        load_items(opened, [[9, 9, 9], [8, 8, 8]], "later.csv", START + HOUR_MS)
        frame = exposures(HOURS[0], 6)
        frame["item_id"] = ["100", "101", "103", "103", "150", "100"]
        opened.load("exposures", [record(HOURS[0], 6)], frame, NO_QUARANTINE)
        yield opened


def by_item(warehouse, entities_index, vectors) -> dict[str, list]:
    names = dict(warehouse.connection.execute("SELECT item_index, item_id FROM item_index").fetchall())
    return {
        names[index]: None if np.isnan(vector).all() else vector.tolist()
        for index, vector in zip(entities_index, vectors, strict=True)
    }


FIRST = {"100": [0, 0.5, 0], "101": None, "103": [3, 3.5, -3], "150": None}
NEW = {"100": [9, 9, 9], "101": [8, 8, 8]}


def test_vectors_are_those_that_were_known_in_time(warehouse):
    for entities, hours, expected in (
        ("mentioned", 1, FIRST),
        ("mentioned", 2, FIRST | NEW),
        ("first_met", 2, FIRST),
        ("all", 1, FIRST | {"102": [2, 2.5, -2], "104": [4, 4.5, -4]}),
    ):
        events = warehouse.events(START, START + hours * HOUR_MS, entities)
        vectors = events["items.vectors"]
        assert vectors.dtype == np.float32 and vectors.shape == (len(events["items.index"]), WIDTH)
        assert by_item(warehouse, events["items.index"], vectors) == expected
        assert events["users.vectors"].shape == (len(events["users.index"]), 0)
    log = read_log(warehouse, ZONE, START, START + HOUR_MS, "mentioned")
    assert by_item(warehouse, log.items.index, log.items.vectors) == FIRST
    users, items = read_descriptions(warehouse, ZONE, ZONE.day_key(START + DAY_MS))
    expected = FIRST | NEW | {"102": [2, 2.5, -2], "104": [4, 4.5, -4]}
    del expected["150"]  # is mentioned, and nobody described it
    assert by_item(warehouse, items.index, items.vectors) == expected
    assert users.vectors.shape == (len(users), 0)


def test_the_width_is_that_of_the_first_vectors(tmp_path):
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        load_items(warehouse, [None, None])
        assert warehouse.vector_width("items", "Embedding") is None
        assert warehouse.events(START, START + HOUR_MS)["items.vectors"].shape == (2, 0)
        load_items(warehouse, [[1.0, 2.0]], "b.csv", first=2)
        assert warehouse.vector_width("items", "Embedding") == 2
        for wrong in ([[1.0]], [[1.0, 2.0], [1.0]]):
            with pytest.raises(InvariantBroken, match=r"'Embedding' have 1 to . floats, 2 were known"):
                load_items(warehouse, wrong, "c.csv", first=3)
        assert warehouse.loaded("items")["partition"].tolist() == ["all.csv", "b.csv"]


def test_a_column_of_another_name_has_a_width_of_its_own(tmp_path):
    """And the former one's stays known, should it be chosen again."""
    other = DESCRIPTION.model_copy(update={"item_vector": "Embedding~2"})
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        load_items(warehouse, [[1.0, 2.0]])
        warehouse.configure(other)
        assert warehouse.events(START, START + HOUR_MS)["items.vectors"].shape == (1, 0)
        assert warehouse.vector_width("items", "Embedding~2") is None
        warehouse.configure(DESCRIPTION)
        assert warehouse.contract("items").vector is None
        warehouse.configure(VECTORS)
        assert warehouse.events(START, START + HOUR_MS)["items.vectors"].tolist() == [[1.0, 2.0]]


@given(
    st.lists(st.none() | st.lists(st.floats(width=32), min_size=2, max_size=2), max_size=9), st.integers(0, 9)
)
def test_rows_of_vectors_are_their_lists(vectors, cut):
    kind = pa.list_(pa.float32())
    chunks = pa.chunked_array([pa.array(vectors[:cut], kind), pa.array(vectors[cut:], kind)])
    expected = np.array([[np.nan, np.nan] if v is None else v for v in vectors], np.float32).reshape(-1, 2)
    np.testing.assert_array_equal(vector_rows(chunks, 2), expected)


def test_vectors_that_are_all_known_are_not_copied():
    values = pa.array(np.arange(6, dtype=np.float32))
    column = pa.chunked_array([pa.ListArray.from_arrays(pa.array([0, 3, 6], pa.int32()), values)])
    assert np.shares_memory(vector_rows(column, 3), values.to_numpy())


def test_a_file_of_schema_3_gets_room_for_both(tmp_path, caplog):
    path = tmp_path / "w.duckdb"
    with Warehouse(path) as warehouse:
        frame = exposures(HOURS[0], 4)
        warehouse.load("exposures", [record(HOURS[0], 4)], frame, NO_QUARANTINE, description=DESCRIPTION)
        before = warehouse.events(START, START + HOUR_MS)
    with duckdb.connect(str(path)) as connection:
        connection.execute("DROP VIEW named_exposures; ALTER TABLE exposures DROP COLUMN request")
        connection.execute(
            "DROP TABLE vector_fields; UPDATE meta SET value = '3' WHERE key = 'schema_version'"
        )
    upgrade(path)
    assert "from schema 3 to 4" in caplog.text
    with Warehouse(path) as warehouse:
        for name, values in warehouse.events(START, START + HOUR_MS).items():
            np.testing.assert_array_equal(values, before[name])
        load_items(warehouse, [[1.0, 2.0, 3.0]])
        hour = exposures(HOURS[1], 3).assign(request_id="a")
        warehouse.load("exposures", [record(HOURS[1], 3)], hour, NO_QUARANTINE)
        events = warehouse.events(START, START + 2 * HOUR_MS)
        assert sorted(events["exposures.request"].tolist()) == [-1] * 4 + [number("a")] * 3
        assert warehouse.connection.execute("SELECT count(request) FROM named_exposures").fetchall() == [(3,)]
        warehouse.check_invariant()
