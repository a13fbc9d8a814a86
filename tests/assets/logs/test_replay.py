"""Replay: quarantined rows back through the gate after a fix."""

import shutil

import pandas as pd
import pytest

from assets.logs.ingest import ingest, pending
from assets.logs.replay import mended_values, replay
from tests.assets.logs_on_disk import COUNT, HOURS, NOW, exposures, make
from warehouse.home import SourceHome
from warehouse.store.quarantine import show_quarantine
from warehouse.store.warehouse import Warehouse

BAD = {3: {"dwell_seconds": -5.0}, 7: {"user_id": 999}, 9: {"user_id": 999}}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("loaded"), bad=BAD)
    for table in ("users", "items", "exposures"):
        ingest(made, table, now_ms=NOW)
    return made


@pytest.fixture
def home(loaded, tmp_path):
    shutil.copytree(loaded.root, tmp_path / "home")
    return SourceHome(tmp_path / "home")


def look(home):
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        warehouse.check_invariant()
        return show_quarantine(warehouse, "exposures"), warehouse.loaded("exposures").set_index("partition")


def test_without_a_fix_everything_stays(home):
    report = replay(home, "exposures", now_ms=NOW)
    assert (report.replayed, report.moved, report.stayed) == (3, 0, 3)
    assert sum(report.still.values()) == 3
    assert len(look(home)[0]) == 3


def test_a_late_users_file_frees_its_rows(home):
    late = home.landing / "users" / "late.csv"
    pd.DataFrame({"user_id": [999], "age": ["20s"]}).to_csv(late, index=False)
    ingest(home, "users", now_ms=NOW)
    report = replay(home, "exposures", now_ms=NOW)
    assert (report.replayed, report.moved) == (3, 2)
    assert report.partitions == (HOURS[0],)
    quarantine, loaded = look(home)
    assert quarantine["row"].tolist() == [3]
    assert loaded.loc[HOURS[0], ["rows_in", "kept", "quarantined"]].tolist() == [COUNT, COUNT - 1, 1]
    # What landed is still what was loaded: a replay is no reason to ingest the hour again.
    assert pending(home, "exposures") == []


def test_mended_values_are_judged_anew(home):
    rows = look(home)[0].set_index("row")
    fixed = pd.DataFrame(
        {
            "id": rows.loc[[3, 7], "id"],
            "dwell_seconds": [5.0, None],
            "user_id": [None, 998],
            "exposure_id": [None, None],
        }
    )
    # Row 9 gets a known user, and an id that its own hour holds already.
    taken = exposures(HOURS[0]).loc[0, "exposure_id"]
    fixed.loc[2] = {"id": rows.loc[9, "id"], "user_id": 4, "exposure_id": taken}
    report = replay(home, "exposures", fixed=fixed.astype({"id": int}), now_ms=NOW)
    assert (report.replayed, report.moved) == (3, 1)
    assert look(home)[0]["row"].tolist() == [7, 9]
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        query = "SELECT exposure_id, dwell_seconds FROM exposures WHERE row = 3 AND partition = ?"
        stored = warehouse.connection.execute(query, [HOURS[0]]).fetchall()
    assert stored == [(exposures(HOURS[0]).loc[3, "exposure_id"], 5.0)]


def test_what_cannot_be_mended_is_named(home):
    with pytest.raises(KeyError, match="holds no row 12345"):
        replay(home, "exposures", fixed=pd.DataFrame({"id": [12345], "dwell_seconds": [1.0]}))
    with pytest.raises(KeyError, match="no column 'colour'"):
        replay(home, "exposures", fixed=pd.DataFrame({"id": [1], "colour": ["red"]}))


def test_only_the_rows_asked_for(home):
    assert replay(home, "exposures", partition=HOURS[1], now_ms=NOW).replayed == 0
    rule = look(home)[0].set_index("row").loc[3, "rule"]
    assert replay(home, "exposures", rule=rule, now_ms=NOW).replayed == 1


def test_mended_values_of_a_file_stay_what_they_are(home, tmp_path):
    """An id beside an empty field, of 64 bits or with leading zeros never passes through a float."""
    numbers = look(home)[0].set_index("row")["id"]
    path = tmp_path / "mended.csv"
    path.write_text(
        f"id,user_id,exposure_id,dwell_seconds\n{numbers[3]},,007,5.0\n{numbers[7]},9007199254740993,NA,\n"
        f"{numbers[9]},4,x9,\n"
    )
    values = mended_values(path)
    assert values["user_id"].fillna("").tolist() == ["", "9007199254740993", "4"]
    assert values["exposure_id"].tolist() == ["007", "NA", "x9"]
    report = replay(home, "exposures", fixed=values, now_ms=NOW)
    assert report.moved == 2 and look(home)[0]["row"].tolist() == [7]
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        query = (
            "SELECT exposure_id, user_id FROM named_exposures WHERE exposure_id IN ('007', 'x9') ORDER BY 1"
        )
        stored = warehouse.connection.execute(query).fetchall()
    assert stored == [("007", str(exposures(HOURS[0]).loc[3, "user_id"])), ("x9", "4")]


@pytest.mark.parametrize("text, message", [("number\n1\n", "no column 'id'"), ("id\n1.5\n", "'1.5'")])
def test_a_file_of_mended_values_needs_ids(tmp_path, text, message):
    (tmp_path / "mended.csv").write_text(text)
    with pytest.raises(ValueError, match=rf"mended\.csv.*{message}"):
        mended_values(tmp_path / "mended.csv")
