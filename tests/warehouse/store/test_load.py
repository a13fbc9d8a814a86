"""Loading: whole or not at all, twice is once, and dense numbers that never change."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.frames import (
    DESCRIPTION,
    HOURS,
    NO_QUARANTINE,
    START,
    exposures,
    external_clicks,
    quarantined,
    record,
)
from warehouse.landing.records import SourceFile
from warehouse.landing.service_time import HOUR_MS
from warehouse.store.staging import InvariantBroken
from warehouse.store.warehouse import Warehouse

END = START + 9 * 24 * HOUR_MS


@pytest.fixture
def warehouse(tmp_path):
    with Warehouse(tmp_path / "w.duckdb") as opened:
        opened.configure(DESCRIPTION)
        yield opened


def load_hour(warehouse, hour, kept=30, bad=(), seed=0, content="a"):
    frame = exposures(hour, kept + len(bad), seed)
    frame = frame[~frame["_row"].isin(bad)]
    warehouse.load("exposures", [record(hour, kept + len(bad), content)], frame, quarantined(hour, bad))


def contents(warehouse):
    tables = ("exposures", "external_clicks", "users", "items", "user_index", "item_index", "category_index")
    found = {table: warehouse.connection.execute(f"FROM {table} ORDER BY ALL").fetchall() for table in tables}
    found["quarantine"] = warehouse.connection.execute(
        "SELECT * EXCLUDE (id) FROM quarantine ORDER BY ALL"
    ).fetchall()
    found["batches"] = warehouse.connection.execute(
        "SELECT * EXCLUDE (loaded_at) FROM batches ORDER BY ALL"
    ).fetchall()
    return found


def test_twice_is_the_same_as_once(warehouse):
    load_hour(warehouse, HOURS[3], bad=(2, 5))
    once = contents(warehouse)
    load_hour(warehouse, HOURS[3], bad=(2, 5))
    assert contents(warehouse) == once
    assert len(once["exposures"]) == 30 and len(once["quarantine"]) == 2


def test_a_partition_is_replaced_and_its_neighbours_are_not(warehouse):
    load_hour(warehouse, HOURS[0])
    load_hour(warehouse, HOURS[1], bad=(0,))
    before = contents(warehouse)
    load_hour(warehouse, HOURS[1], kept=7, seed=9, content="b")
    after = contents(warehouse)
    assert [row for row in after["exposures"] if row[0] == HOURS[0]] == [
        row for row in before["exposures"] if row[0] == HOURS[0]
    ]
    assert sum(row[0] == HOURS[1] for row in after["exposures"]) == 7
    assert after["quarantine"] == []
    warehouse.check_invariant()


def test_an_empty_partition_is_recorded(warehouse):
    load_hour(warehouse, HOURS[2])
    warehouse.load("exposures", [record(HOURS[2], 0)], exposures(HOURS[2], 0), NO_QUARANTINE)
    assert warehouse.loaded("exposures")["rows_in"].tolist() == [0]
    assert contents(warehouse)["exposures"] == []


def test_many_partitions_in_one_call_are_the_same_as_one_by_one(tmp_path):
    hours, found = HOURS[:6], []
    for together in (True, False):
        with Warehouse(tmp_path / f"{together}.duckdb") as warehouse:
            warehouse.configure(DESCRIPTION)
            frames = [exposures(hour, 20) for hour in hours]
            records = [record(hour, 20) for hour in hours]
            if together:
                # The order in which partitions are handed over must not matter.
                warehouse.load("exposures", records[::-1], pd.concat(frames[::-1]), NO_QUARANTINE)
            else:
                for one, frame in zip(records, frames, strict=True):
                    warehouse.load("exposures", [one], frame, NO_QUARANTINE)
            found.append(contents(warehouse))
    assert found[0] == found[1]


def test_indices_are_dense_and_in_order_of_first_appearance(warehouse):
    load_hour(warehouse, HOURS[0])
    seen = list(dict.fromkeys(exposures(HOURS[0], 30)["user_id"]))
    index = dict(warehouse.connection.execute("FROM user_index").fetchall())
    assert index == {user: place for place, user in enumerate(seen)}


def test_indices_never_change_their_meaning(warehouse):
    load_hour(warehouse, HOURS[5])
    before = contents(warehouse)
    load_hour(warehouse, HOURS[1], seed=4)
    load_hour(warehouse, HOURS[5], kept=3, seed=8)
    clicks = external_clicks(HOURS[0], 40)
    warehouse.load("external_clicks", [record(HOURS[0], 40)], clicks, NO_QUARANTINE)
    after = contents(warehouse)
    for table in ("user_index", "item_index", "category_index"):
        assert set(before[table]) <= set(after[table])
        codes = [row[-1] for row in after[table] if table != "category_index" or row[1] == "ctx_device"]
        assert sorted(codes) == list(range(len(codes)))
    assert len(after["user_index"]) > len(before["user_index"])


def test_quarantined_rows_get_no_number(warehouse):
    frame = exposures(HOURS[0], 10)
    bad = frame.loc[frame["_row"] == 3, "user_id"].item()
    kept = frame[frame["user_id"] != bad]
    rows = frame.loc[frame["user_id"] == bad, "_row"].tolist()
    warehouse.load("exposures", [record(HOURS[0], 10)], kept, quarantined(HOURS[0], rows))
    assert bad not in dict(warehouse.connection.execute("FROM user_index").fetchall())


@pytest.mark.parametrize("rows_in", [29, 31])
def test_rows_that_do_not_add_up_are_refused(warehouse, rows_in):
    load_hour(warehouse, HOURS[0], kept=5)
    before = contents(warehouse)
    with pytest.raises(InvariantBroken, match="30 kept"):
        warehouse.load("exposures", [record(HOURS[0], rows_in)], exposures(HOURS[0], 30), NO_QUARANTINE)
    assert contents(warehouse) == before


def test_a_row_that_cannot_be_stored_rolls_everything_back(warehouse):
    load_hour(warehouse, HOURS[0], kept=5)
    before = contents(warehouse)
    frame = exposures(HOURS[0], 30)
    frame.loc[4, "user_id"] = None
    with pytest.raises(InvariantBroken, match=f"{HOURS[0]}, row 4.*user_id"):
        warehouse.load("exposures", [record(HOURS[0], 30)], frame, NO_QUARANTINE)
    assert contents(warehouse) == before


def test_kept_rows_of_a_partition_without_record_are_refused(warehouse):
    with pytest.raises(KeyError, match="without a record"):
        warehouse.load("exposures", [record(HOURS[0], 5)], exposures(HOURS[1], 5), NO_QUARANTINE)


def test_configuring_other_fields_keeps_the_old_columns(warehouse):
    load_hour(warehouse, HOURS[0])
    warehouse.configure(DESCRIPTION.model_copy(update={"context_fields": ("ctx_place", "ctx_device")}))
    context = warehouse.events(START, END)["exposures.context"]
    assert (context[:, 0] == -1).all() and (context[:, 1] >= 0).any()


def test_history_gives_back_what_the_gate_gave(warehouse):
    for hour in HOURS[:3]:
        load_hour(warehouse, hour, bad=(1,))
    history = warehouse.history("exposures", before_ms=START + 2 * HOUR_MS, except_partitions=[HOURS[0]])
    assert history.index.tolist() == [HOURS[1]]
    assert history["rows"].tolist() == [31] and history["rate"].isna().all()


def test_data_hash_tells_files_from_files(warehouse):
    load_hour(warehouse, HOURS[0], content="a")
    load_hour(warehouse, HOURS[1], content="a")
    first = warehouse.data_hash(START, START + HOUR_MS)
    load_hour(warehouse, HOURS[1], content="b")
    assert warehouse.data_hash(START, START + HOUR_MS) == first
    whole = warehouse.data_hash(START, START + 2 * HOUR_MS)
    load_hour(warehouse, HOURS[0], content="b")
    assert warehouse.data_hash(START, START + 2 * HOUR_MS) != whole
    load_hour(warehouse, HOURS[0], content="a")
    assert warehouse.data_hash(START, START + 2 * HOUR_MS) == whole


def test_chosen_columns_are_part_of_the_hash():
    one = record(HOURS[0], 3)
    assert replace(one, columns=("ctx_device",)).files_hash != one.files_hash


def test_known_and_existing_ids(warehouse):
    load_hour(warehouse, HOURS[0], kept=5)
    users = pd.DataFrame({"_partition": "u.csv", "_row": [0, 1], "user_id": ["7", "3"], "age": ["20", None]})
    warehouse.load(
        "users", [replace(record(HOURS[0], 2), partition="u.csv", start_ms=0)], users, NO_QUARANTINE
    )
    # Users that only events mention are numbered but not known.
    assert warehouse.known_ids("users", ["3", "7", "u1", "none"]) == {"3", "7"}
    assert warehouse.described("users") == 2
    assert warehouse.known_ids("items", ["i1"]) == set() and warehouse.described("items") == 0
    ids = np.array([f"e-{HOURS[0]}-1", "other"], dtype=object)
    assert warehouse.existing_exposure_ids(ids, []) == {f"e-{HOURS[0]}-1"}
    assert warehouse.existing_exposure_ids(ids, [HOURS[0]]) == set()


steps = st.lists(
    st.tuples(st.sampled_from(HOURS[:4]), st.integers(0, 12), st.sets(st.integers(0, 11)), st.integers(0, 3)),
    min_size=1,
    max_size=6,
)


@settings(max_examples=12)
@given(steps)
def test_invariant_after_any_sequence_of_loads(tmp_path_factory, sequence):
    with Warehouse(tmp_path_factory.mktemp("w") / "w.duckdb") as warehouse:
        warehouse.configure(DESCRIPTION)
        expected = {}
        for hour, rows, bad, seed in sequence:
            bad = {row for row in bad if row < rows}
            load_hour(warehouse, hour, kept=rows - len(bad), bad=sorted(bad), seed=seed)
            expected[hour] = (rows, rows - len(bad), len(bad))
            warehouse.check_invariant()
        loaded = warehouse.loaded("exposures").set_index("partition")
        assert {h: tuple(loaded.loc[h, ["rows_in", "kept", "quarantined"]]) for h in loaded.index} == expected


def test_the_invariant_check_can_fail(warehouse):
    load_hour(warehouse, HOURS[0], bad=(1,))
    warehouse.connection.execute("DELETE FROM exposures WHERE row = 0")
    with pytest.raises(InvariantBroken, match=r"31 rows in, 29 stored, 1 quarantined"):
        warehouse.check_invariant()


def test_data_hash_is_of_what_is_stored_not_of_names(warehouse):
    def hash_of(*files, bad=()):
        kept = exposures(HOURS[0], 30).drop(index=list(bad))
        load = replace(record(HOURS[0], 30), files=tuple(SourceFile(name, 1, sha) for name, sha in files))
        warehouse.load("exposures", [load], kept, quarantined(HOURS[0], bad))
        loaded = warehouse.loaded("exposures")
        return loaded["data_hash"].item(), loaded["files_hash"].item()

    first = hash_of(("a.csv", "1"), ("b.csv", "2"))
    renamed = hash_of(("c.csv", "1"), ("d.csv", "2"))
    assert renamed[0] == first[0] and renamed[1] != first[1]
    assert hash_of(("a.csv", "1"), ("b.csv", "2"), ("copy.csv", "1"))[0] == first[0]
    assert hash_of(("a.csv", "2"), ("b.csv", "1"))[0] != first[0], "rows are in another order"
    assert hash_of(("a.csv", "1"), ("b.csv", "2"), bad=(3,))[0] != first[0], "another row is set aside"
