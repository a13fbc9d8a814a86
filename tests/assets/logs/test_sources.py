"""From the name of a source to its landing folder, and what is refused on the way."""

from __future__ import annotations

import pytest

from assets.logs.sources import described, fill_landing, open_source
from warehouse.home import Home
from warehouse.landing.description import FILE_NAME
from warehouse.store.warehouse import Warehouse


def write_hour(landing, day, hour="09"):
    folder = landing / "exposures" / f"date={day}" / f"hour={hour}"
    folder.mkdir(parents=True)
    (folder / "part-0.csv").write_text(
        "exposure_id,user_id,item_id,shown_at,clicked,ctx_device\n"
        f"1,a,x,{day}T09:10:00Z,1,phone\n2,b,y,{day}T09:20:00Z,0,desk\n"
    )


def write_users(landing):
    (landing / "users").mkdir(parents=True)
    rows = "".join(f"{name},{band}\n" for name, band in zip("abcdef", "xyxyxy", strict=True))
    (landing / "users" / "users.csv").write_text("user_id,age_band\n" + rows)


@pytest.fixture
def home():
    return Home.current().source("landing")


def test_a_folder_without_source_json_gets_one_that_stays(tmp_path):
    write_hour(tmp_path, "2026-05-08")
    write_users(tmp_path)
    first = described(tmp_path)
    assert (tmp_path / FILE_NAME).exists()
    assert first.user_fields == ("age_band",) and first.context_fields == ("ctx_device",)
    (tmp_path / "users" / "a-earlier.csv").write_text("user_id,colour\na,red\nb,blue\nc,red\nd,blue\n")
    assert described(tmp_path) == first


def test_days_that_land_after_source_json_count(tmp_path):
    write_hour(tmp_path, "2026-05-08")
    source = open_source("landing", Home.current(), tmp_path)
    write_hour(tmp_path, "2026-05-09")
    assert described(tmp_path).last_day == "2026-05-08"
    assert source.last_day == "2026-05-09"


def test_a_home_takes_one_folder_only(home, tmp_path):
    assert fill_landing("landing", home, tmp_path / "a") == tmp_path / "a"
    assert fill_landing("landing", home, tmp_path / "a") == tmp_path / "a"
    with pytest.raises(ValueError, match="HOURFOLD_HOME"):
        fill_landing("landing", home, tmp_path / "b")


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


def test_no_folder_is_no_landing_folder(tmp_path):
    with pytest.raises(ValueError, match="not a folder"):
        described(tmp_path / "nowhere")
