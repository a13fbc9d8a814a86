"""Quarantine: counted, shown, and moved to the kept rows in one transaction."""

from dataclasses import replace

import pandas as pd
import pytest

from tests.warehouse.frames import DESCRIPTION, HOURS, START, exposures, quarantined, record
from warehouse.landing.service_time import HOUR_MS
from warehouse.store.quarantine import list_quarantine, move_to_kept, show_quarantine
from warehouse.store.staging import InvariantBroken
from warehouse.store.warehouse import Warehouse

FRAME = exposures(HOURS[1], 10)


@pytest.fixture
def warehouse(tmp_path):
    with Warehouse(tmp_path / "w.duckdb") as opened:
        opened.configure(DESCRIPTION)
        first = exposures(HOURS[0], 10)
        opened.load(
            "exposures", [record(HOURS[0], 10)], first[first["_row"] > 0], quarantined(HOURS[0], [0], "time")
        )
        opened.load(
            "exposures", [record(HOURS[1], 10)], FRAME[FRAME["_row"] > 3], quarantined(HOURS[1], range(4))
        )
        yield opened


def moving(warehouse, rows):
    ids = show_quarantine(warehouse, "exposures", partition=HOURS[1]).set_index("row")["id"]
    chosen = FRAME[FRAME["_row"].isin(rows)]
    return chosen.assign(_id=ids.reindex(chosen["_row"]).to_numpy())


def test_counts_by_table_rule_and_column(warehouse):
    counts = list_quarantine(warehouse)
    assert counts[["table", "rule", "column", "rows", "partitions"]].values.tolist() == [
        ["exposures", "dwell_range", "dwell_seconds", 4, 1],
        ["exposures", "time", "dwell_seconds", 1, 1],
    ]
    assert list_quarantine(warehouse, "users").empty


def test_rows_are_shown_by_any_rule_that_they_broke(warehouse):
    assert show_quarantine(warehouse, rule="time")["partition"].tolist() == [HOURS[0]]
    assert len(show_quarantine(warehouse, "exposures", rule="user_known")) == 5
    assert len(show_quarantine(warehouse, "exposures", limit=2)) == 2
    one = show_quarantine(warehouse, "exposures", partition=HOURS[1]).iloc[2]
    assert (one["row"], one["value"], one["remedy"]) == (2, "-1", "mend it")
    assert one["row_json"] == '{"exposure_id":"bad-2"}' and one["file"] == f"exposures/{HOURS[1]}.parquet"
    assert show_quarantine(warehouse, ids=[int(one["id"])])["row"].tolist() == [2]


def test_rows_move_and_the_invariant_holds(warehouse):
    before = warehouse.data_hash(START, START + 2 * HOUR_MS)
    stored = warehouse.loaded("exposures")[["files_hash", "data_hash"]]
    move_to_kept(warehouse, "exposures", moving(warehouse, [1, 3]))
    warehouse.check_invariant()
    loaded = warehouse.loaded("exposures").set_index("partition")
    assert loaded.loc[HOURS[1], ["rows_in", "kept", "quarantined"]].tolist() == [10, 8, 2]
    assert loaded.loc[HOURS[0], ["rows_in", "kept", "quarantined"]].tolist() == [10, 9, 1]
    assert show_quarantine(warehouse, "exposures", partition=HOURS[1])["row"].tolist() == [0, 2]
    events = warehouse.events(START + HOUR_MS, START + 2 * HOUR_MS)
    good = FRAME[~FRAME["_row"].isin([0, 2])].sort_values(["shown_at", "_row"])
    assert events["exposures.exposure_id"].tolist() == good["exposure_id"].tolist()
    # What is stored has changed, what landed has not: models notice, a new ingest does not start over.
    assert warehouse.data_hash(START, START + 2 * HOUR_MS) != before
    assert (loaded["files_hash"].to_numpy() == stored["files_hash"].to_numpy()).all()
    assert (loaded["data_hash"].to_numpy() != stored["data_hash"].to_numpy()).tolist() == [False, True]


def test_loading_again_starts_over_from_the_files(warehouse):
    move_to_kept(warehouse, "exposures", moving(warehouse, [1, 3]))
    warehouse.load(
        "exposures", [record(HOURS[1], 10)], FRAME[FRAME["_row"] > 3], quarantined(HOURS[1], range(4))
    )
    warehouse.check_invariant()
    assert len(show_quarantine(warehouse, "exposures", partition=HOURS[1])) == 4


def test_a_row_cannot_be_moved_twice(warehouse):
    moves = moving(warehouse, [1])
    move_to_kept(warehouse, "exposures", moves)
    with pytest.raises(InvariantBroken):
        move_to_kept(warehouse, "exposures", moves)
    warehouse.check_invariant()
    assert len(show_quarantine(warehouse, "exposures")) == 4


def test_a_failed_move_changes_nothing(warehouse):
    moves = pd.concat([moving(warehouse, [1]), moving(warehouse, [2]).assign(user_id=None)])
    with pytest.raises(InvariantBroken, match="user_id"):
        move_to_kept(warehouse, "exposures", moves)
    warehouse.check_invariant()
    assert len(show_quarantine(warehouse, "exposures")) == 5


def test_a_dimension_row_moves_with_the_date_of_its_file(warehouse):
    name = "2026-05-01T03.parquet"
    items = pd.DataFrame({"_partition": name, "_row": [0, 1], "item_id": ["a", "b"], "topic": ["x", "y"]})
    load = replace(record(HOURS[3], 2), partition=name)
    warehouse.load("items", [load], items.head(1), quarantined(name, [1]))
    numbers = show_quarantine(warehouse, "items")["id"].tolist()
    move_to_kept(warehouse, "items", items.tail(1).assign(_id=numbers))
    warehouse.check_invariant()
    assert warehouse.known_ids("items", ["a", "b", "c"]) == {"a", "b"}
    assert warehouse.connection.execute("SELECT DISTINCT valid_from FROM items").fetchall() == [
        (load.start_ms,)
    ]
