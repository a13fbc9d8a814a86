"""The index of ids beside the warehouse: it answers as the warehouse would, whatever happened to either."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from tests.warehouse.frames import DESCRIPTION, HOURS, NO_QUARANTINE, exposures, record
from warehouse.store import id_index, lookups
from warehouse.store.id_index import path_of
from warehouse.store.warehouse import Warehouse


def _load(warehouse, hour, count=20, **how):
    warehouse.load("exposures", [record(hour, count)], exposures(hour, count, **how), NO_QUARANTINE)


def _stored(warehouse):
    rows = warehouse.connection.execute("SELECT user_id, user_index FROM user_index").fetchall()
    assert sorted(number for _, number in rows) == list(range(len(rows))), "numbers are dense"
    return dict(rows)


def _agrees(warehouse):
    """The index says of every id what the tables say."""
    users = _stored(warehouse)
    assert warehouse.ids.numbers("user_index", [*users, "nobody"]) == users
    rows = warehouse.connection.execute("SELECT exposure_id FROM exposures").fetchall()
    ids = {one for (one,) in rows}
    assert warehouse.existing_exposure_ids([*ids, "none"], []) == ids


@pytest.fixture
def path(tmp_path):
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        warehouse.configure(DESCRIPTION)
        _load(warehouse, HOURS[0])
    return tmp_path / "w.duckdb"


def test_loads_and_reloads_are_followed(path):
    with Warehouse(path) as warehouse:
        _agrees(warehouse)
        _load(warehouse, HOURS[5], seed=4)
        _load(warehouse, HOURS[0], 9, prefix="other")
        assert warehouse.existing_exposure_ids([f"e-{HOURS[0]}-1"], []) == set(), "its rows are gone"
        _agrees(warehouse)


@pytest.mark.parametrize("damage", ["gone", "no database", "another form", "of before a load"])
def test_an_index_that_does_not_belong_to_the_warehouse_is_made_anew(path, damage):
    index, former = path_of(path), path.with_name("former.ids")
    shutil.copy(index, former)
    with Warehouse(path) as warehouse:
        _load(warehouse, HOURS[1], 30, seed=7)
        _load(warehouse, HOURS[2], 30, seed=8)
    if damage == "gone":
        index.unlink()
    elif damage == "no database":
        index.write_bytes(b"no database" * 1000)
    elif damage == "of before a load":
        shutil.copy(former, index)
    else:
        with closing(sqlite3.connect(index)) as store, store:
            store.execute("UPDATE about SET value = '0' WHERE key = 'form'")
    with Warehouse(path, read_only=True) as warehouse:
        _agrees(warehouse)
    assert sorted(file.name for file in path.parent.iterdir()) == ["former.ids", "w.duckdb", "w.duckdb.ids"]


@pytest.mark.parametrize("step", ["before", "after"])
def test_a_load_that_dies_beside_the_index_leaves_no_trace(path, monkeypatch, step):
    """Its users are not numbered twice, and nobody keeps the number of a user that was never stored."""
    plain = id_index.IdIndex.write

    def dies(self, new):
        if step == "after":
            plain(self, new)
        raise KeyboardInterrupt

    with Warehouse(path) as warehouse:
        before = _stored(warehouse)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(id_index.IdIndex, "write", dies)
            _load(warehouse, HOURS[1], 60, seed=11)
        assert _stored(warehouse) == before
        _agrees(warehouse)
        _load(warehouse, HOURS[2], 60, seed=12)
        _agrees(warehouse)
        assert len(_stored(warehouse)) > len(before)


def test_equal_hashes_are_told_apart_by_the_warehouse(path, monkeypatch):
    monkeypatch.setattr(id_index, "hashes_of", lambda ids: id_index.np.zeros(len(ids), "int64"))
    with Warehouse(path) as warehouse:
        assert warehouse.existing_exposure_ids([f"e-{HOURS[0]}-1", "none"], []) == {f"e-{HOURS[0]}-1"}
        _load(warehouse, HOURS[1])
        _agrees(warehouse)


def test_hours_in_a_row_are_asked_at_once():
    assert list(lookups._runs([3, 4, 5, 9, 11, 12])) == [(3, 5), (9, 9), (11, 12)]
    assert list(lookups._runs([])) == []
