"""Requests and content vectors from files of every form to the events that models read, bad ones too."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from assets.logs.check import check
from assets.logs.folder_memory import FolderMemory
from assets.logs.ingest import BatchRejected, ingest, pending
from tests.assets.logs_on_disk import DESCRIPTION, HOURS, ITEMS, NOW, ZONE, exposures, make, put
from warehouse.landing import reading
from warehouse.landing.description import SourceDescription
from warehouse.landing.files import FileRejected
from warehouse.landing.service_time import HOUR_MS
from warehouse.store.warehouse import Warehouse

VECTORS = DESCRIPTION.model_copy(update={"item_vector": "embedding"})
START = ZONE.hour_start_ms(HOURS[0])
EXPECTED = [[n, n / 2] for n in range(ITEMS)]


@pytest.fixture
def home(tmp_path):
    made = make(tmp_path / "home", hours=1)
    VECTORS.save(made.landing)
    (made.landing / "items" / "all.csv").unlink()
    return made


def ids(first=0, count=ITEMS):
    return [f"i{n}" for n in range(first, first + count)]


def write(home, name, vectors, first=0):
    """Items with these vectors in the form that the file's name asks for."""
    path, names = home.landing / "items" / name, ids(first, len(vectors))
    if name.endswith(".csv"):
        text = [None if vector is None else json.dumps(vector) for vector in vectors]
        pd.DataFrame({"item_id": names, "topic": "a", "embedding": text}).to_csv(path, index=False)
    elif name.endswith(".jsonl"):
        rows = [{"item_id": i, "topic": "a", "embedding": v} for i, v in zip(names, vectors, strict=True)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        kind = {"fixed": pa.list_(pa.float32(), 2), "large": pa.large_list(pa.float64())}
        type_ = kind.get(name.split(".")[0], pa.list_(pa.float32()))
        columns = {"item_id": names, "topic": ["a"] * len(names), "embedding": pa.array(vectors, type_)}
        pq.write_table(pa.table(columns), path)


def vectors_of(home):
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        warehouse.check_invariant()
        events = warehouse.events(START, START + HOUR_MS)
        rows = warehouse.connection.execute("SELECT item_index, item_id FROM item_index").fetchall()
    names = dict(rows)
    known = zip(events["items.index"], events["items.vectors"], strict=True)
    return {names[index]: None if np.isnan(vector).any() else vector.tolist() for index, vector in known}


@pytest.mark.parametrize("name", ["a.parquet", "fixed.parquet", "large.parquet", "a.csv", "a.jsonl"])
def test_vectors_come_in_every_form(home, name):
    write(home, name, EXPECTED)
    report = ingest(home, "items", now_ms=NOW)
    assert report.kept == ITEMS and report.warnings == ()
    assert vectors_of(home) == dict(zip(ids(), EXPECTED, strict=True))


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_what_is_no_vector_is_unknown_and_the_item_stays(home, name):
    vectors = [[1.0, 2.0], [float("nan"), 1.0], [1.0, float("inf")], None, [5.0, 6.0], [1.0]]
    write(home, name, vectors)
    report = ingest(home, "items", now_ms=NOW)
    assert (report.kept, report.quarantined) == (6, 0)
    expected = dict.fromkeys(ids(count=6)) | {"i0": [1.0, 2.0], "i4": [5.0, 6.0]}
    assert vectors_of(home) == expected
    said = "\n".join(report.warnings)
    assert "'embedding' of 2 rows is taken as unknown, the rows stay: finite, such as" in said
    assert f"items/{name}, row 1" in said and "'embedding' of 1 rows" in said and "vector_width" in said


def test_files_of_two_forms_are_read_in_one_load(home):
    write(home, "a.parquet", EXPECTED[:5])
    write(home, "b.csv", EXPECTED[5:10], 5)
    write(home, "c.jsonl", EXPECTED[10:], 10)
    report = ingest(home, "items", now_ms=NOW)
    assert report.warnings == () and vectors_of(home) == dict(zip(ids(), EXPECTED, strict=True))


def test_another_width_is_refused_with_file_column_widths_and_remedy(home):
    write(home, "a.parquet", EXPECTED)
    ingest(home, "items", now_ms=NOW)
    write(home, "b.parquet", [[1.0, 2.0, 3.0]] * 4, ITEMS)
    with pytest.raises(BatchRejected) as refused:
        ingest(home, "items", now_ms=NOW)
    said = str(refused.value)
    assert "items b.parquet: vector_width" in said and "column 'embedding'" in said
    assert "lists of 3 numbers, and of 2 in what was loaded before" in said and '"item_vector"' in said
    assert len(vectors_of(home)) == ITEMS
    report = ingest(home, "items", now_ms=NOW, force=True)
    assert report.kept == 4 and vectors_of(home)["i15"] is None


def test_a_column_of_numbers_or_dates_is_no_vector(home):
    table = pa.table({"item_id": ["x"], "embedding": pa.array([[{"a": 1}]])})
    pq.write_table(table, home.landing / "items" / "a.parquet")
    with pytest.raises(
        FileRejected, match=r"a\.parquet.*'embedding' has type list.*neither a list of numbers"
    ):
        ingest(home, "items", now_ms=NOW)


def test_choosing_a_vector_loads_the_files_again(home):
    write(home, "a.parquet", EXPECTED)
    DESCRIPTION.save(home.landing)
    report = ingest(home, "items", now_ms=NOW)
    assert any("embedding (holds lists, and is not item_vector)" in text for text in report.warnings)
    assert pending(home, "items") == []
    VECTORS.save(home.landing)
    assert pending(home, "items") == ["a.parquet"]
    ingest(home, "items", now_ms=NOW)
    assert vectors_of(home)["i3"] == [3.0, 1.5]


def test_vectors_are_chosen_from_files_without_a_description(home):
    (home.landing / "source.json").unlink()
    columns = {"item_id": ids(count=4), "topic": list("abab")}
    columns |= {"text": [[0.1, 0.2]] * 4, "image": [[1.0]] * 4}
    pq.write_table(pa.table(columns), home.landing / "items" / "a.parquet")
    hour = exposures(HOURS[0]).rename(columns={"ctx_device": "impression_id"})
    put(home.landing, "exposures", HOURS[0], hour)
    description = reading.describe(home.landing)
    assert description.item_vector == "text" and description.item_fields == ("topic",)
    assert description.user_vector is None
    landed = reading.read(home.landing, description, "items")
    assert [(column.column, column.why) for column in landed.left_out] == [
        ("image", "holds lists, and is not item_vector")
    ]
    exposed = reading.read(home.landing, description, "exposures")
    assert "call it request_id" in exposed.left_out[0].why


def test_a_check_names_what_a_load_would_refuse_or_take_as_unknown(home):
    write(home, "2026-04-01.jsonl", [[1.0, 2.0], [None, 1.0]])
    write(home, "2026-04-02.parquet", [[1.0, 2.0, 3.0]], 2)
    put(home.landing, "exposures", HOURS[0], exposures(HOURS[0]).assign(request_id="page-1"))
    outcome = check(home.landing, now_ms=NOW)
    tables = {table.table: table for table in outcome.tables}
    assert "embedding (vector)" in tables["items"].chosen
    (refused,) = tables["items"].refused
    assert "2026-04-02.parquet: vector_width" in refused
    assert any("'embedding' of 1 rows is taken as unknown" in text for text in tables["items"].warnings)
    assert any("request_one_user" in text for text in tables["exposures"].warnings)
    memory = FolderMemory()
    assert memory.vector_width("items", "embedding") is None
    judged = pd.DataFrame({"vector_width": [np.nan, 3.0]})
    memory.remember("items", pd.DataFrame({"item_id": ["x"]}), judged)
    assert memory.vector_width("items", "embedding") == 3


@pytest.mark.parametrize("name", ["topic", "published_at", "_row", ""])
def test_a_vectors_name_is_free(name):
    with pytest.raises(ValueError, match="item_"):
        SourceDescription(**{**DESCRIPTION.model_dump(), "item_vector": name})


def test_requests_reach_the_events_and_bad_ones_cost_no_row(home):
    write(home, "a.parquet", EXPECTED)
    for table in ("users", "items"):
        ingest(home, table, now_ms=NOW)
    frame = exposures(HOURS[0])
    frame["request_id"] = [f"r{n // 6}" for n in range(len(frame))]
    lists = frame.groupby("request_id")
    frame["user_id"] = lists["user_id"].transform("first")
    frame["shown_at"] = lists["shown_at"].transform("first")
    frame["item_id"] = [f"i{n % 6}" for n in range(len(frame))]
    frame.loc[0, "user_id"] = (frame.loc[0, "user_id"] + 1) % 20  # r0 is of two users
    frame.loc[6, "shown_at"] += 31 * 60_000 * (1 if frame.loc[6, "shown_at"] < START + HOUR_MS // 2 else -1)
    frame.loc[12, "request_id"] = "x" * 200
    put(home.landing, "exposures", HOURS[0], frame)
    report = ingest(home, "exposures", now_ms=NOW)
    assert (report.kept, report.quarantined) == (len(frame), 0)
    for rule in ("request_one_user", "request_time", "id_length"):
        assert any(rule in text for text in report.warnings), rule
    assert any("13 of 60 rows (21.7%) have no 'request_id'" in text for text in report.warnings)
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        events = warehouse.events(START, START + HOUR_MS)
    requests = events["exposures.request"]
    assert (requests == -1).sum() == 13 and len(np.unique(requests)) == 1 + 8
    statistics = report.statistics.loc[HOURS[0]]
    assert statistics["requests"] == 8 and round(statistics["request_unknown"] * 60) == 13
