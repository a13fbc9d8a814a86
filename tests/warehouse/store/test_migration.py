"""A warehouse of the former schema: its chosen columns move over, its empty successes are forgotten."""

import json
import logging

import duckdb
import pytest

from tests.warehouse.database import exported
from tests.warehouse.frames import DESCRIPTION, HOURS, NO_QUARANTINE, START, exposures, record
from warehouse.landing.records import PartitionLoad, SourceFile
from warehouse.store import migration
from warehouse.store.connection import OtherSchema, upgrade
from warehouse.store.statements import schema
from warehouse.store.warehouse import Warehouse

FILE = json.dumps([{"path": "a.parquet", "size": 1, "sha256": "x"}])
FORMER = """
CREATE OR REPLACE VIEW named_exposures AS
    SELECT partition, exposure_id, user_id, item_id, epoch_ms(shown_at) AS shown_at_utc, clicked
    FROM exposures JOIN user_index USING (user_index) JOIN item_index USING (item_index);
INSERT INTO meta VALUES ('schema_version', '1');
ALTER TABLE users ADD COLUMN age INTEGER; ALTER TABLE users ADD COLUMN "Region" INTEGER;
ALTER TABLE items ADD COLUMN topic INTEGER; ALTER TABLE exposures ADD COLUMN ctx_device INTEGER;
ALTER TABLE demographics ADD COLUMN income DOUBLE;
INSERT INTO fields VALUES
    ('users', 'age', 0), ('users', 'Region', 1), ('items', 'topic', 0), ('exposures', 'ctx_device', 0);
INSERT INTO number_fields VALUES ('demographics', 'income', 0);
INSERT INTO user_index VALUES ('ann', 0), ('bob', 1);
INSERT INTO item_index VALUES ('x', 0);
INSERT INTO category_index VALUES
    ('users', 'age', '20', 0), ('users', 'Region', 'north', 0), ('items', 'topic', 'news', 0),
    ('exposures', 'ctx_device', 'phone', 0);
INSERT INTO users BY NAME
    SELECT 'a.csv' AS partition, 0 AS row, 0 AS valid_from, 0 AS user_index, 0 AS age, 0 AS "Region";
INSERT INTO items BY NAME
    SELECT 'a.csv' AS partition, 0 AS row, 0 AS valid_from, 0 AS item_index, 7 AS published_at, 0 AS topic;
INSERT INTO demographics BY NAME
    SELECT 'a.csv' AS partition, 0 AS row, 0 AS valid_from, 1 AS user_index, 2.5 AS income;
"""
EXPOSURE = """
INSERT INTO exposures BY NAME
SELECT ? AS partition, 0 AS row, 'e' AS exposure_id, 0 AS user_index, 0 AS item_index, ? AS shown_at,
    true AS clicked, 1.5 AS dwell_seconds, 0 AS ctx_device
"""
BATCH = (
    "INSERT INTO batches VALUES (?, ?, ?, ?, '[]', 'f', 'd', ?, ?, 0, false, '{}', current_localtimestamp())"
)


@pytest.fixture
def path(tmp_path):
    """A file as schema 1 wrote it: an hour with a file, two that were recorded without any."""
    with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
        connection.execute(schema())
        connection.execute("ALTER TABLE exposures DROP COLUMN request")
        connection.execute(FORMER)
        connection.execute(EXPOSURE, [HOURS[0], START])
        for table in ("users", "items", "demographics"):
            connection.execute(BATCH, [table, "a.csv", 0, FILE, 1, 1])
        connection.execute(BATCH, ["exposures", HOURS[0], START, FILE, 1, 1])
        for hour in HOURS[1:3]:
            connection.execute(BATCH, ["exposures", hour, START, "[]", 0, 0])
        connection.execute(BATCH, ["purchases", "2026-05-01", START, "[]", 0, 0])
    return tmp_path / "w.duckdb"


def test_chosen_columns_keep_their_values(path):
    with Warehouse(path) as warehouse:
        events = warehouse.events(START, START + 10)
        assert warehouse.fields("users") == ("age", "Region")
        named = warehouse.connection.execute("SELECT user_id, age, Region FROM named_users").fetchall()
        income = warehouse.connection.execute("SELECT number_income FROM demographics").fetchall()
        assert warehouse.connection.execute("SELECT ctx_device FROM named_exposures").fetchall() == [
            ("phone",)
        ]
        warehouse.check_invariant()
    assert events["users.fields"].tolist() == [[0, 0]] and events["items.published_at"].tolist() == [7]
    assert events["exposures.context"].tolist() == [[0]] and events["exposures.dwell_seconds"].tolist() == [
        1.5
    ]
    assert named == [("ann", "20", "north")] and income == [(2.5,)]


def test_hours_without_files_are_no_longer_loaded(path, caplog):
    with caplog.at_level(logging.WARNING), Warehouse(path) as warehouse:
        assert warehouse.loaded("exposures")["partition"].tolist() == [HOURS[0]]
        assert warehouse.loaded("purchases").empty
        assert len(warehouse.loaded("users")) == 1
    assert "3 partitions had been recorded as loaded without a file" in caplog.text
    caplog.clear()
    Warehouse(path).close()
    assert caplog.text == ""


def test_a_spoilt_table_is_emptied_and_loaded_again(path, caplog):
    """`published_at` among item_fields had made the column a code, empty for good."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("ALTER TABLE items ALTER published_at SET DATA TYPE INTEGER USING NULL")
        connection.execute("INSERT INTO fields VALUES ('items', 'published_at', 1)")
    with caplog.at_level(logging.WARNING), Warehouse(path) as warehouse:
        assert warehouse.fields("items") == () and warehouse.loaded("items").empty
        warehouse.configure(DESCRIPTION)
        rows = exposures(HOURS[0], 1)[["_partition", "_row", "item_id"]]
        rows = rows.assign(_partition="a.csv", item_id="x", published_at=9, topic="news")
        load = PartitionLoad("a.csv", 0, (SourceFile("items/a.csv", 1, "x"),), 1)
        warehouse.load("items", [load], rows, NO_QUARANTINE)
        assert warehouse.events(START, START + 10)["items.published_at"].tolist() == [9]
        warehouse.check_invariant()
    assert "in items: emptied" in caplog.text


def test_a_reader_says_what_to_do(path):
    with pytest.raises(OtherSchema, match=r"schema version 1.*hourfold ingest"):
        Warehouse(path, read_only=True)
    upgrade(path)
    with Warehouse(path, read_only=True) as warehouse:
        assert warehouse.fields("items") == ("topic",)
    upgrade(path)
    upgrade(path.with_name("none.duckdb"))
    assert not path.with_name("none.duckdb").exists()


def test_a_migration_is_whole_or_not_at_all(path, monkeypatch):
    before = exported(path)

    def fail(_):
        raise OSError("no more")

    monkeypatch.setattr(migration, "create_views", fail)
    with pytest.raises(OSError, match="no more"):
        Warehouse(path)
    assert exported(path) == before
    monkeypatch.undo()
    with Warehouse(path) as warehouse:
        warehouse.load("exposures", [record(HOURS[1], 3)], exposures(HOURS[1], 3), NO_QUARANTINE)
        warehouse.check_invariant()


@pytest.mark.parametrize("name", ["users_2026-05-03.parquet", "dt=20260503/a.csv", "users-03-05-2026.csv"])
def test_a_snapshot_that_counted_from_the_beginning_is_taken_out(path, name, caplog):
    with duckdb.connect(str(path)) as connection:
        connection.execute(BATCH, ["users", name, 0, FILE, 1, 1])
        connection.execute(
            "INSERT INTO users BY NAME SELECT ? AS partition, 0 AS row, 0 AS valid_from, 1 AS user_index",
            [name],
        )
    with caplog.at_level(logging.WARNING):
        upgrade(path)
    with Warehouse(path, read_only=True) as warehouse:
        assert set(warehouse.loaded("users")["partition"]) == {"a.csv"}
        rows = warehouse.connection.execute("SELECT DISTINCT partition FROM users").fetchall()
    assert rows == [("a.csv",)] and name in caplog.text
