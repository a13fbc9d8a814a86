"""Which files make up which partition: usual names are read, all others are named with a reason."""

import time

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.frames import DESCRIPTION, START, ZONE
from warehouse.landing import layout
from warehouse.landing.contract import table_contract
from warehouse.landing.path_dates import NameUnreadable
from warehouse.landing.service_time import HOUR_MS, ServiceZone

EXPOSURES, PURCHASES, USERS = (table_contract(name) for name in ("exposures", "purchases", "users"))


def touch(root, *names, text="user_id\n1\n"):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    "folder",
    [
        "date=2026-05-01/hour=09",
        "date=2026-05-01/hour=9",
        "dt=2026-05-01/hr=9",
        "DT=20260501/HOUR=09",
        "day=2026-05-01/h=9",
        "event_date=2026-05-01/event_hour=09",
        "year=2026/month=05/day=01/hour=09",
        "year=2026/month=5/day=1/hour=9",
        "month=2026-05/day=01/hour=09",
        "2026-05-01/hour=09",
        "2026-05-01/09",
        "20260501/09",
        "2026/05/01/09",
        "2026/5/1/hour=9",
        "date=2026-05-01/hour=09/region=eu",
        "date=2026-05-01/region=eu/hour=09",
        "region=eu/date=2026-05-01/hour=09",
        "date=2026-05-01/hour=09/minute=15",
        "date=2026-05-01/hour=09%3A00",
        "datehour=2026-05-01-09",
        "hour=2026050109",
        "dt=2026-05-01T09",
        "date=2026-05-01 09%3A00%3A00",
        "2026-05-01_09",
        "exposures-2026-05-01/hour=09",
    ],
)
def test_folders_that_can_only_mean_one_hour_are_read(tmp_path, folder):
    touch(tmp_path / "exposures", f"{folder}/a.csv")
    listed = layout.listing(tmp_path, EXPOSURES)
    assert listed.files == {"2026-05-01-09:00": [tmp_path / "exposures" / folder / "a.csv"]}
    assert listed.unread == []
    assert layout.partitions(tmp_path, EXPOSURES) == ["2026-05-01-09:00"]
    touch(tmp_path / "purchases", f"{folder}/a.csv")
    assert layout.partitions(tmp_path, PURCHASES) == ["2026-05-01"]


@pytest.mark.parametrize(
    "name",
    [
        "exposures-2026050109.csv",
        "exposures_2026-05-01T09.csv",
        "exposures_2026-05-01_09.csv",
        "exposures_2026-05-01-09-00-00.csv",
        "2026-05-01T0900.part-00001.csv",
        "region=eu/2026-05-01T09.csv",
    ],
)
def test_hours_in_the_names_of_flat_files(tmp_path, name):
    touch(tmp_path / "exposures", name)
    assert layout.partitions(tmp_path, EXPOSURES) == ["2026-05-01-09:00"]


def exposures_text(*times):
    rows = "".join(f"{n},1,x,{time_},1\n" for n, time_ in enumerate(times))
    return "exposure_id,user_id,item_id,shown_at,clicked\n" + rows


@pytest.mark.parametrize(
    "name",
    [
        "date=2026-05-01/a.csv",
        "dt=20260501/a.csv",
        "date=2026-05-01 00%3A00%3A00/a.csv",
        "date=2026-05-01/region=eu/a.csv",
        "2026/05/01/a.csv",
        "exposures_2026-05-01.csv",
        "exposures-20260501-00000000-0000-4000-8000-20260502abcd.csv",
        "year=2026/month=05/exposures_2026-05-01.csv",
        "date=2026-05-01/exported_2026-05-02T03.csv",
    ],
)
def test_files_of_a_day_are_seen_in_each_of_its_hours(tmp_path, name):
    touch(tmp_path / "exposures", name, text=exposures_text("2026-05-01T05:10:00Z"))
    touch(tmp_path / "exposures", "date=2026-05-02/hour=3/b.csv")
    listed = layout.listing(tmp_path, EXPOSURES)
    assert list(listed.files) == [*layout.hours_of("2026-05-01"), "2026-05-02-03:00"]
    assert layout.files_of(tmp_path, EXPOSURES, "2026-05-01-17:00") == [tmp_path / "exposures" / name]
    assert listed.unread == []


@pytest.mark.parametrize("zone", ["UTC", "Etc/GMT-8"])
def test_hours_of_the_newest_day_after_its_last_row_are_not_there_yet(tmp_path, zone):
    root, service = tmp_path / "exposures", ServiceZone(zone)
    DESCRIPTION.model_copy(update={"zone": zone}).save(tmp_path)
    times = [f"2026-05-02T{hour:02d}:10:00{'Z' if zone == 'UTC' else '+08:00'}" for hour in (0, 5)]
    touch(root, "date=2026-05-01/a.csv", "date=2026-05-02/a.csv", text=exposures_text(*times))
    keys = layout.hours_of("2026-05-01") + layout.hours_of("2026-05-02")[:6]
    assert layout.partitions(tmp_path, EXPOSURES) == keys
    assert list(layout.listing(tmp_path, EXPOSURES, service).files) == keys
    assert layout.files_of(tmp_path, EXPOSURES, "2026-05-02-06:00") == []
    # An hour with a file of its own is there, and so are those before it: the day's file has no row of them.
    touch(root, "date=2026-05-02/hour=8/a.csv")
    assert layout.partitions(tmp_path, EXPOSURES)[-1] == "2026-05-02-08:00"
    time.sleep(0.01)
    touch(root, "date=2026-05-02/a.csv", text=exposures_text(*times, times[0].replace("T00", "T11")))
    assert layout.partitions(tmp_path, EXPOSURES)[-1] == "2026-05-02-11:00"


def test_two_folders_of_one_hour_are_both_read(tmp_path):
    touch(tmp_path / "exposures", "date=2026-05-01/hour=9/a.csv", "date=2026-05-01/hour=09/b.csv")
    assert [path.name for path in layout.files_of(tmp_path, EXPOSURES, "2026-05-01-09:00")] == [
        "b.csv",
        "a.csv",
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("date=2026-05-01/hour=24/a.csv", ["hour=24", "00 to 23"]),
        ("date=2026-05-01/hour=nine/a.csv", ["hour=nine", "hour"]),
        ("date=2026-02-30/hour=09/a.csv", ["date=2026-02-30", "YYYY-MM-DD"]),
        ("date=2026-13-01/a.csv", ["date=2026-13-01"]),
        ("date=01-05-2026/a.csv", ["date=01-05-2026"]),
        ("year=2026/month=02/day=30/a.csv", ["day=30"]),
        ("year=2026/month=05/a.csv", ["names no day", "date=YYYY-MM-DD"]),
        ("date=__HIVE_DEFAULT_PARTITION__/hour=09/a.csv", ["__HIVE_DEFAULT_PARTITION__"]),
        ("date=2026-05-01/date=2026-05-02/a.csv", ["date=2026-05-02", "day 2", "above it says 1"]),
        ("date=2026-05-01/hour=09/hour=10/a.csv", ["hour=10"]),
        ("all.csv", ["names no day", "date=YYYY-MM-DD/hour=HH"]),
        ("exposures_2026-05.csv", ["names no day"]),
        ("exposures_2026-02-30.csv", ["2026-02-30"]),
        ("from_2026-05-01_to_2026-05-03.csv", ["more than one date"]),
        ("exposures_20260502_001503.csv", ["when it was written"]),
        ("date=2026-05-01/hour=09/a.xlsx", ["spreadsheet", "CSV or Parquet"]),
        ("date=2026-05-01/hour=09/a.avro", ["Parquet"]),
        ("date=2026-05-01/hour=09/a.txt", [".csv"]),
        ("date=2026-05-01/hour=09/a.zip", ["unpack"]),
        ("date=2026-05-01/hour=09/a.csv.zst", ["unpack"]),
        ("date=2026-05-01/hour=09/a.json", [".jsonl"]),
        ("date=2026-05-01/hour=09/part-00000", [".parquet"]),
    ],
)
def test_files_of_no_partition_are_named_with_reason_and_remedy(tmp_path, name, words):
    touch(tmp_path / "exposures", "date=2026-05-01/hour=03/good.csv", name)
    listed = layout.listing(tmp_path, EXPOSURES)
    assert list(listed.files) == ["2026-05-01-03:00"]
    (left_out,) = layout.unread(tmp_path, EXPOSURES)
    assert left_out.path == tmp_path / "exposures" / name
    for word in words:
        assert word in left_out.why


@pytest.mark.parametrize(
    "name",
    [
        "_SUCCESS",
        "date=2026-05-01/_SUCCESS",
        "date=2026-05-01/hour=09/.a.csv.crc",
        "date=2026-05-01/hour=09/a.csv.tmp",
        "_temporary/0/date=2026-05-01/a.csv",
        ".DS_Store",
    ],
)
def test_markers_and_unfinished_files_are_no_faults(tmp_path, name):
    touch(tmp_path / "exposures", name)
    listed = layout.listing(tmp_path, EXPOSURES)
    assert (listed.files, listed.unread, listed.passed_over) == ({}, [], 1)


@pytest.mark.parametrize(("mark", "kind"), [("_delta_log", "Delta"), (".hoodie", "Hudi")])
def test_a_table_with_versions_of_its_rows_is_not_read(tmp_path, mark, kind):
    touch(tmp_path / "exposures", f"{mark}/0.json", "date=2026-05-01/hour=09/a.parquet")
    listed = layout.listing(tmp_path, EXPOSURES)
    (left_out,) = listed.unread
    assert listed.files == {} and f"a {kind} table" in left_out.why and "plain Parquet" in left_out.why


def test_links_are_followed_and_circles_named(tmp_path):
    touch(tmp_path / "elsewhere", "hour=9/a.csv")
    root = tmp_path / "exposures"
    root.mkdir()
    (root / "date=2026-05-01").symlink_to(tmp_path / "elsewhere")
    (root / "again").symlink_to(root)
    (root / "date=2026-05-02.csv").symlink_to(tmp_path / "nowhere.csv")
    listed = layout.listing(tmp_path, EXPOSURES)
    assert list(listed.files) == ["2026-05-01-09:00"]
    assert [file.why for file in listed.unread] == [
        "the folder is a link to one above it: remove it",
        "is no file, or a link that leads nowhere",
    ]


def test_a_link_that_leads_out_of_the_landing_folder_is_not_read(tmp_path, monkeypatch):
    secret, landing = tmp_path / "elsewhere", tmp_path / "landing"
    touch(secret, "date=2026-05-01/hour=9/a.csv", "b.csv")
    table = landing / "exposures"
    table.mkdir(parents=True)
    (table / "date=2026-05-01").symlink_to(secret / "date=2026-05-01")
    (table / "date=2026-05-02.csv").symlink_to(secret / "b.csv")
    (landing / "users").symlink_to(secret)
    listed = layout.listing(landing, EXPOSURES)
    assert listed.files == {} and [file.path.name for file in listed.unread] == [
        "date=2026-05-01",
        "date=2026-05-02.csv",
    ]
    assert all("outside of the landing folder" in file.why for file in listed.unread)
    (whole,) = layout.listing(landing, USERS).unread
    assert "outside of the landing folder" in whole.why
    (tmp_path / "way in").symlink_to(landing)
    touch(landing, "items/b.csv")
    assert list(layout.listing(tmp_path / "way in", table_contract("items")).files) == ["b.csv"], (
        "the folder itself may be one"
    )
    monkeypatch.setenv("HOURFOLD_LINKS", f"{tmp_path / 'other'}:{secret}")
    assert set(layout.listing(landing, EXPOSURES).files) > {"2026-05-01-09:00"}


def test_folders_and_files_that_are_no_table_are_named_with_the_nearest(tmp_path):
    touch(tmp_path, "exposures/date=2026-05-01/a.csv", "exposure/a.csv", "Users/a.csv", "items.csv")
    touch(tmp_path, "source.json", "README.md", ".git/x", "zebra/a.csv", "notes.xlsx", "item-s/a.csv")
    unread = {file.path.name: file.why for file in layout.unread_tables(tmp_path)}
    assert list(unread) == ["Users", "exposure", "item-s", "items.csv", "notes.xlsx", "zebra"]
    assert "call the folder users/" in unread["Users"] and "call the folder exposures/" in unread["exposure"]
    assert "move it into items/" in unread["items.csv"] and "its table/" in unread["notes.xlsx"]
    assert "move it away" in unread["zebra"]


def start(name):
    return layout.start_ms(USERS, ZONE, name)


@pytest.mark.parametrize(
    ("name", "hours"),
    [
        ("2026-05-03.parquet", 48),
        ("users_2026-05-03.parquet", 48),
        ("users-20260503.csv.gz", 48),
        ("users20260503.csv", 48),
        ("snapshot-2026-05-03.parquet", 48),
        ("2026_05_03_users.csv", 48),
        ("users.2026.5.3.csv", 48),
        ("dt=2026-05-03/part-00000-1b4e28ba-2fa1-11d2-883f-20210814abcd.c000.snappy.parquet", 48),
        ("snapshot-2026-05-03/part-0.parquet", 48),
        ("year=2026/month=05/day=03/part-0.parquet", 48),
        ("2026/05/03/part-0.parquet", 48),
        ("snapshot=2026-05-03/region=12/part-0.parquet", 48),
        ("version=20260503/part-0.parquet", 48),
        ("date=2026-05-03/hour=9/a.csv", 57),
        ("users_2026-05-03T09.parquet", 57),
        ("2026-05-03_09.csv", 57),
        ("users_2026-05-03T09:30:00Z.csv", 57.5),
        ("users_20260503_093000.csv", 57.5),
        ("users-2026050309.csv", 57),
        ("dt=2026-05-01/users_2026-05-03.csv", 48),  # of two dates the later counts
        ("users_2026-05-01_2026-05-03.csv", 48),
        ("users_2026-05-03_part-00012.csv", 48),
        ("users-000000000012.csv", None),  # a counter
        ("users.csv", None),
        ("part-00003.parquet", None),
        ("a/users_v2.csv", None),
    ],
)
def test_snapshots_count_from_the_date_of_their_path(name, hours):
    assert start(name) == (0 if hours is None else START + int(hours * HOUR_MS))


@pytest.mark.parametrize(
    "name",
    [
        "users_03-05-2026.csv",
        "users_05.03.26.csv",
        "users_03052026.csv",
        "users_260503.csv",
        "users_0503.csv",
        "users_05-03.csv",
        "users_2026-05.csv",
        "users_202605.csv",
        "users_2026.csv",
        "users_2026W18.csv",
        "users_2026-123.csv",
        "users_3may.csv",
        "users_May-03.csv",
        "users_1777766400.csv",
        "users_1777766400000.csv",
        "users_20261301.csv",
        "users_2026-02-30.csv",
        "users_2026-05-03T24.csv",
        "year=2026/month=05/users.csv",
        "2026/05/users.csv",
        "dt=2026-05-01/users_03.05.2026.csv",
        "dt=tomorrow/users.csv",
        "snapshot=03-05-2026/users.csv",
        "version=1777766400/users.csv",
    ],
)
def test_a_name_with_digits_of_a_date_that_cannot_be_read_is_left_out(tmp_path, name):
    with pytest.raises(NameUnreadable):
        start(name)
    touch(tmp_path / "users", name, "plain.csv")
    assert layout.partitions(tmp_path, USERS) == ["plain.csv"]
    (left_out,) = layout.unread(tmp_path, USERS)
    assert left_out.path.name == name.split("/")[-1]
    assert "YYYY-MM-DD" in left_out.why or "does not exist" in left_out.why or "can be read" in left_out.why


DAYS = st.dates(pd.Timestamp("2020-01-01").date(), pd.Timestamp("2029-12-31").date())
FORMS = (
    *("%Y-%m-%d", "%Y%m%d", "%Y_%m_%d", "%Y.%m.%d", "%Y-%m-%dT%H", "%Y%m%dT%H%M%SZ", "%Y-%m-%d_%H"),
    *("%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y", "%y%m%d", "%d%m%Y", "%Y-%m", "%Y%m", "%m%d", "%Y-W%W", "%d%b%Y"),
    *("%Y-%j", "%b-%d", "%s", "%Y%m%d%H%M", "%Y-%m-%d %H:%M:%S", "%B %d %Y", "%Y%m%d-%Y%m%d"),
)


@settings(max_examples=400)
@given(
    day=DAYS,
    hour=st.integers(0, 23),
    form=st.sampled_from(FORMS),
    before=st.sampled_from(["", "users_", "users-", "users", "snapshot.", "dt=", "as_of=", "all ", "v2_"]),
    after=st.sampled_from(
        ["", "_0", "-part-00003", "_v2", "-1b4e28ba-2fa1-11d2-883f-00a0c91e6bf6", "_final"]
    ),
    folder=st.booleans(),
)
def test_no_snapshot_counts_before_the_date_that_its_name_says(day, hour, form, before, after, folder):
    """Whatever a file is called: it counts from its date or later, or it is not read."""
    moment = pd.Timestamp(day, tz="UTC") + pd.Timedelta(hours=hour)
    name = before + moment.strftime(form) + after
    path = f"{name}/part-0.csv" if folder else f"{name}.csv"
    try:
        counted = start(path)
    except NameUnreadable:
        assert form not in FORMS[:7] or before == "dt=", "a form that is read in every name"
        return
    assert counted >= pd.Timestamp(day, tz="UTC").value // 10**6
