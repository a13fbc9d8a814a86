"""From the name of a source to its landing folder, and what is refused on the way."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from assets.logs import sources
from assets.logs.ingest import pending
from assets.logs.reports import BatchRejected
from assets.logs.sources import described, fill_landing, open_source
from warehouse.home import Home
from warehouse.landing.contract import PartitionKind
from warehouse.landing.description import FILE_NAME
from warehouse.store.warehouse import Warehouse


def write_hour(landing, day, hour="09"):
    folder = landing / "exposures" / f"date={day}" / f"hour={hour}"
    folder.mkdir(parents=True)
    (folder / "part-0.csv").write_text(
        "exposure_id,user_id,item_id,shown_at,clicked,ctx_device\n"
        f"{hour}1,a,x,{day}T{hour}:10:00Z,1,phone\n{hour}2,b,y,{day}T{hour}:20:00Z,0,desk\n"
    )


def write_users(landing):
    (landing / "users").mkdir(parents=True)
    rows = "".join(f"{name},{band}\n" for name, band in zip("abcdef", "xyxyxy", strict=True))
    (landing / "users" / "users.csv").write_text("user_id,age_band\n" + rows)


@pytest.fixture
def home():
    return Home.current().source("landing")


def test_source_json_is_written_by_the_first_load_and_stays(tmp_path, caplog):
    write_hour(tmp_path, "2026-05-08")
    write_users(tmp_path)
    source = open_source("landing", Home.current(), tmp_path)
    assert source.description.user_fields == ("age_band",)
    assert source.description.context_fields == ("ctx_device",)
    assert not (tmp_path / FILE_NAME).exists(), "nothing was read yet that holds"
    broken = tmp_path / "exposures" / "date=2026-05-08" / "hour=09" / "part-1.csv"
    broken.write_text("exposure_id,user_id\n7,a\n")
    with pytest.raises(BatchRejected, match=r"part-1\.csv.*item_id"):
        source.load(("exposures",))
    assert not (tmp_path / FILE_NAME).exists()
    assert sum("taken from its files" in record.getMessage() for record in caplog.records) == 1
    source.load(("users",))
    assert described(tmp_path) == source.description and (tmp_path / FILE_NAME).exists()
    (tmp_path / "users" / "a-earlier.csv").write_text("user_id,colour\na,red\nb,blue\nc,red\nd,blue\n")
    assert described(tmp_path) == source.description
    (tmp_path / FILE_NAME).unlink()
    open_source("landing", Home.current(), tmp_path)
    assert (tmp_path / FILE_NAME).exists(), "a warehouse that was loaded has a description"


def test_a_folder_that_cannot_be_written_to_says_what_to_put_there(tmp_path, monkeypatch):
    write_hour(tmp_path, "2026-05-08")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ValueError, match=r'(?s)source\.json.*"first_day": "2026-05-08"'):
        described(tmp_path)


def test_days_that_land_after_source_json_count(tmp_path):
    write_hour(tmp_path, "2026-05-08")
    source = open_source("landing", Home.current(), tmp_path)
    source.description.save(tmp_path)
    write_hour(tmp_path, "2026-05-09")
    assert described(tmp_path).last_day == "2026-05-08"
    assert source.last_day == "2026-05-09"
    closed = source.description.model_copy(update={"closed": True})
    assert replace(source, description=closed).last_day == "2026-05-08"


def test_a_home_takes_one_folder_only(home, tmp_path):
    """Once something was loaded; a folder that was named by mistake can be corrected."""
    for name in ("wrong", "right"):
        write_hour(tmp_path / name, "2026-05-08")
        write_users(tmp_path / name)
        source = open_source("landing", Home.current(), tmp_path / name)
    source.load(("users",))
    assert open_source("landing", Home.current()).landing == tmp_path / "right"
    with pytest.raises(ValueError, match="HOURFOLD_HOME"):
        fill_landing("landing", home, tmp_path / "wrong")
    (tmp_path / "right").rename(tmp_path / "moved")
    moved = open_source("landing", Home.current(), tmp_path / "moved")
    assert pending(moved.home, "users", landing=moved.landing) == []


def test_a_folder_that_was_named_once_needs_no_second_naming(tmp_path):
    write_hour(tmp_path, "2026-05-08")
    first = open_source("landing", Home.current(), tmp_path)
    assert open_source("landing", Home.current()) == first


def test_loading_takes_what_the_warehouse_lacks_and_nothing_twice(tmp_path):
    write_hour(tmp_path, "2026-05-08")
    write_users(tmp_path)
    (tmp_path / "items").mkdir()
    (tmp_path / "items" / "a.csv").write_text("item_id\nx\ny\n")
    source = open_source("landing", Home.current(), tmp_path)
    loads = []
    source.load(("users", "items", "exposures"), lambda *progress: loads.append(progress))
    assert loads == [(f"gate and load {table}", 1, 1) for table in ("users", "items", "exposures")]
    source.load(("users", "items", "exposures"), lambda *progress: loads.append(progress))
    assert len(loads) == 3
    with Warehouse(source.home.warehouse, read_only=True) as warehouse:
        assert warehouse.loaded("exposures")["kept"].tolist() == [2]


@pytest.mark.parametrize(
    "source, message", [("landing", "--data"), ("kuairand", "--data"), ("nonsense", "known")]
)
def test_what_is_missing_is_named(home, source, message):
    with pytest.raises(ValueError, match=message):
        fill_landing(source, home)


def test_a_home_that_duckdb_cannot_write_to_is_refused_before_anything_is_done(tmp_path):
    write_hour(tmp_path / "logs", "2026-05-08")
    with pytest.raises(ValueError, match=r"what\?x=1.*HOURFOLD_HOME"):
        open_source("landing", Home(tmp_path / "what?x=1"), tmp_path / "logs")
    assert not (tmp_path / "what?x=1").exists()
    odd = open_source("landing", Home(tmp_path / "50%2F a'b"), tmp_path / "logs")
    odd.load(("exposures",))
    assert odd.home.warehouse.exists()


def test_no_folder_is_no_landing_folder(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere does not exist.*--data"):
        described(tmp_path / "nowhere")
    (tmp_path / "file.csv").write_text("user_id\n")
    with pytest.raises(ValueError, match=r"file\.csv is not a folder"):
        described(tmp_path / "file.csv")
    with pytest.raises(FileNotFoundError, match="date="):
        described(tmp_path)


def test_what_is_refused_hides_nothing_else(tmp_path, monkeypatch):
    """Broken files and a broken batch, in chunks and tables of their own: all are named, the rest loaded."""
    monkeypatch.setitem(sources.PARTITIONS_PER_LOAD, PartitionKind.HOUR, 2)
    for hour in ("08", "09", "10", "11", "12"):
        write_hour(tmp_path, "2026-05-08", hour)
    write_users(tmp_path)
    (tmp_path / "items").mkdir()
    (tmp_path / "items" / "a.csv").write_text("item_id\nx\ny\n")
    hours = tmp_path / "exposures" / "date=2026-05-08"
    (hours / "hour=08" / "part-1.csv").write_text("exposure_id,user_id\n7,a\n")
    far = "".join(f"f{row},a,x,2026-05-08T01:10:00Z,1,phone\n" for row in range(40))
    head = "exposure_id,user_id,item_id,shown_at,clicked,ctx_device\n"
    (hours / "hour=11" / "part-0.csv").write_text(head + far)
    (tmp_path / "users" / "users_2026-05-09.csv").write_text("age_band\nx\n")
    source = open_source("landing", Home.current(), tmp_path)
    with pytest.raises(BatchRejected) as caught:
        source.load(("users", "items", "exposures"))
    message = str(caught.value)
    assert "users_2026-05-09.csv" in message and "part-1.csv" in message and "2026-05-08-11:00" in message
    with Warehouse(source.home.warehouse, read_only=True) as warehouse:
        assert warehouse.loaded("users")["partition"].tolist() == ["users.csv"]
        loaded = warehouse.loaded("exposures")["partition"].tolist()
        warehouse.check_invariant()
    assert loaded == [f"2026-05-08-{hour}:00" for hour in ("09", "10", "12")]
