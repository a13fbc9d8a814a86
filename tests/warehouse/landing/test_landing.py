"""A landing folder: hours and days, mixed formats, what is kept out, what is told without source.json."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse.frames import DESCRIPTION, HOURS, START, ZONE
from warehouse.landing import layout, reading
from warehouse.landing.files import FileRejected
from warehouse.landing.instants import UNREADABLE, epoch_ms
from warehouse.landing.service_time import HOUR_MS

ISO = "%Y-%m-%dT%H:%M:%SZ"


def rows(hour, count, first=0, **more):
    times = pd.to_datetime(ZONE.hour_start_ms(hour) + np.arange(count) * 1000, unit="ms", utc=True)
    numbers = range(first, first + count)
    return pd.DataFrame(
        {
            "exposure_id": [f"e{n}" for n in numbers],
            "user_id": [n % 7 for n in numbers],
            "item_id": [f"i{n % 5}" for n in numbers],
            "shown_at": times.strftime(ISO),
            "clicked": [n % 2 for n in numbers],
        }
        | more
    )


def put(root, hour, name, frame):
    day, clock = layout.split_hour(hour)
    folder = root / "exposures" / f"date={day}" / f"hour={clock}"
    folder.mkdir(parents=True, exist_ok=True)
    if name.endswith(".parquet"):
        frame.to_parquet(folder / name)
    elif name.endswith(".jsonl"):
        frame.to_json(folder / name, orient="records", lines=True)
    else:
        frame.to_csv(folder / name, index=False)


def test_formats_mix_freely_and_rows_are_numbered(tmp_path):
    put(tmp_path, HOURS[0], "b.csv", rows(HOURS[0], 3, 0))
    put(tmp_path, HOURS[0], "a.parquet", rows(HOURS[0], 2, 10))
    put(tmp_path, HOURS[2], "c.jsonl", rows(HOURS[2], 4, 20))
    logs = reading.read(tmp_path, DESCRIPTION, "exposures")
    assert logs.frame["_partition"].tolist() == [HOURS[0]] * 5 + [HOURS[2]] * 4
    assert logs.frame["_row"].tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3]
    assert logs.frame["exposure_id"].tolist() == ["e10", "e11", "e0", "e1", "e2", "e20", "e21", "e22", "e23"]
    # Integers of Parquet and JSON stay integers, CSV is text: the gate settles it.
    assert logs.frame["user_id"].astype(str).tolist()[:3] == ["3", "4", "0"]
    assert logs.frame["_file"].iloc[0] == "exposures/date=2026-05-01/hour=00/a.parquet"
    assert [file.path.split("/")[-1] for file in logs.files[HOURS[0]]] == ["a.parquet", "b.csv"]


def test_only_the_partitions_asked_for_and_empty_ones_too(tmp_path):
    for hour in HOURS[:3]:
        put(tmp_path, hour, "a.parquet", rows(hour, 2))
    logs = reading.read(tmp_path, DESCRIPTION, "exposures", [HOURS[1], HOURS[5]])
    assert logs.rows() == {HOURS[1]: 2, HOURS[5]: 0}
    assert [(load.partition, load.start_ms, len(load.files)) for load in logs.records()] == [
        (HOURS[1], ZONE.hour_start_ms(HOURS[1]), 1), (HOURS[5], ZONE.hour_start_ms(HOURS[5]), 0),
    ]  # fmt: skip


def test_nothing_landed_is_an_empty_frame_with_the_contract(tmp_path):
    logs = reading.read(tmp_path, DESCRIPTION, "exposures", [HOURS[0]])
    assert logs.frame.empty and "shown_at" in logs.frame and "_row" in logs.frame


def test_a_day_folder_is_cut_into_hours_and_no_row_is_lost(tmp_path):
    folder = tmp_path / "exposures" / "date=2026-05-01"
    folder.mkdir(parents=True)
    day = pd.concat([rows(HOURS[h], 3, 10 * h) for h in (0, 5, 23)], ignore_index=True)
    day.loc[1, "shown_at"] = "nonsense"
    day.loc[4, "shown_at"] = "2026-05-03T00:00:00Z"
    day.to_csv(folder / "all.csv", index=False)
    put(tmp_path, HOURS[5], "more.parquet", rows(HOURS[5], 2, 90))
    assert layout.partitions(tmp_path, DESCRIPTION.contract("exposures")) == HOURS[:24]
    logs = reading.read(tmp_path, DESCRIPTION, "exposures")
    counts = {hour: count for hour, count in logs.rows().items() if count}
    assert counts == {HOURS[0]: 4, HOURS[5]: 4, HOURS[23]: 3}
    one = reading.read(tmp_path, DESCRIPTION, "exposures", [HOURS[5]])
    whole = logs.frame[logs.frame["_partition"] == HOURS[5]]
    assert one.frame["exposure_id"].tolist() == whole["exposure_id"].tolist() == ["e50", "e52", "e90", "e91"]
    assert one.files[HOURS[5]] == logs.files[HOURS[5]]


def test_extra_columns_and_strange_files_give_one_warning_each(tmp_path, caplog):
    for hour in HOURS[:3]:
        put(tmp_path, hour, "a.parquet", rows(hour, 2, secret=1, ctx_place="x"))
    put(tmp_path, HOURS[0], "notes.xlsx", rows(HOURS[0], 1))
    put(tmp_path, HOURS[0], "_SUCCESS.csv", rows(HOURS[0], 1))
    with caplog.at_level(logging.WARNING):
        logs = reading.read(tmp_path, DESCRIPTION, "exposures")
    assert "secret" not in logs.frame and "ctx_place" in logs.frame
    assert len(logs.frame) == 6
    assert len(logs.warnings) == 2 and len(caplog.records) == 2
    assert "secret" in logs.warnings[0] and "notes.xlsx" in logs.warnings[1]


def test_a_rejected_file_rejects_the_call(tmp_path):
    put(tmp_path, HOURS[0], "a.parquet", rows(HOURS[0], 2))
    put(tmp_path, HOURS[1], "a.parquet", rows(HOURS[1], 2).drop(columns="clicked"))
    with pytest.raises(FileRejected, match=r"hour=01/a\.parquet.*'clicked'"):
        reading.read(tmp_path, DESCRIPTION, "exposures")


@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("users.csv", 0),
        ("2026-05-01.parquet", START),
        ("2026-05-01T03.parquet", START + 3 * HOUR_MS),
        ("date=2026-05-01/hour=03/a.csv", START + 3 * HOUR_MS),
        ("date=2026-05-01/a.csv", START),
        ("export-2026-05-01x.csv", START),
    ],
)
def test_dimension_files_count_from_the_date_in_their_path(tmp_path, path, start):
    target = tmp_path / "users" / path
    target.parent.mkdir(parents=True)
    pd.DataFrame({"user_id": [1], "age": [20]}).to_csv(target.with_suffix(".csv"), index=False)
    name = path.replace(".parquet", ".csv")
    logs = reading.read(tmp_path, DESCRIPTION, "users")
    assert logs.starts == {name: start}
    assert logs.frame["_partition"].tolist() == [name]


def test_a_dimension_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"users/x\.csv"):
        reading.read(tmp_path, DESCRIPTION, "users", ["x.csv"])


def test_fingerprints_follow_content_and_chosen_columns(tmp_path):
    put(tmp_path, HOURS[0], "a.csv", rows(HOURS[0], 2))
    put(tmp_path, HOURS[1], "a.csv", rows(HOURS[1], 2))
    first = reading.fingerprints(tmp_path, DESCRIPTION, "exposures")
    read = reading.read(tmp_path, DESCRIPTION, "exposures")
    assert first == {load.partition: load.files_hash for load in read.records()}
    put(tmp_path, HOURS[1], "b.csv", rows(HOURS[1], 1, 50))
    second = reading.fingerprints(tmp_path, DESCRIPTION, "exposures")
    assert second[HOURS[0]] == first[HOURS[0]] and second[HOURS[1]] != first[HOURS[1]]
    other = reading.fingerprints(tmp_path, DESCRIPTION.model_copy(update={"context_fields": ()}), "exposures")
    assert other[HOURS[0]] != first[HOURS[0]]


def test_description_is_inferred_where_there_is_none(tmp_path):
    put(tmp_path, HOURS[0], "a.csv", rows(HOURS[0], 2, ctx_device="phone", ctx_place="x"))
    put(tmp_path, HOURS[30], "a.csv", rows(HOURS[30], 2))
    (tmp_path / "users").mkdir()
    n = 40
    users = {
        "user_id": range(n),
        "name": [f"person {i}" for i in range(n)],
        "age": [i % 5 for i in range(n)],
        "constant": ["x"] * n,
        "height": np.linspace(1.5, 2.0, n),
        "member": [i % 2 == 0 for i in range(n)],
    } | {f"group{i}": [f"g{j % 3}" for j in range(n)] for i in range(6)}
    pd.DataFrame(users).to_parquet(tmp_path / "users" / "users.parquet")
    source = reading.describe(tmp_path)
    assert source.user_fields == ("age", "member", "group0", "group1", "group2", "group3")
    assert source.item_fields == ()
    assert source.context_fields == ("ctx_device", "ctx_place")
    assert (source.zone, source.first_day, source.last_day) == ("UTC", "2026-05-01", "2026-05-02")
    source.save(tmp_path)
    assert reading.describe(tmp_path) == source


def test_neither_exposures_nor_purchases_is_said_clearly(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"date=YYYY-MM-DD/hour=HH.*purchases/date="):
        reading.describe(tmp_path)


def shop(folder, extension="csv"):
    """A shop's folder: three days of purchases, one of them in hours; people with columns of all kinds."""
    frame = pd.DataFrame(
        {"user_id": [1, 2], "purchased_at": 0, "price": 1.5, "genre": "a/b", "cancelled": [0, 1]}
    )
    for number, date_folder in enumerate(
        ("date=2026-05-03", "date=2026-05-01", "date=2026-05-02/hour=07", "date=2026-05-02/hour=19")
    ):
        path = folder / "purchases" / date_folder / "rows.csv"
        path.parent.mkdir(parents=True)
        frame.assign(price=1.5 + number).to_csv(path, index=False)
    n = 60
    people = pd.DataFrame(
        {
            "user_id": range(n),
            "age": [None if i == 3 else 18 + i % 50 for i in range(n)],
            "household": [1 + i % 5 for i in range(n)],
            "score": np.linspace(-1, 1, n),
            "region": [f"r{i % 4}" for i in range(n)],
            "name": [f"person {i}" for i in range(n)],
            "constant": "x",
            "member": [i % 2 == 0 for i in range(n)],
        }
    )
    (folder / "demographics").mkdir()
    path = folder / "demographics" / f"people.{extension}"
    people.to_csv(path, index=False) if extension == "csv" else people.to_parquet(path)


@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_a_shop_is_described_from_its_files(tmp_path, extension):
    shop(tmp_path, extension)
    source = reading.describe(tmp_path)
    assert (source.first_day, source.last_day, source.zone) == ("2026-05-01", "2026-05-03", "UTC")
    assert source.demographic_numbers == ("age", "score")
    assert source.demographic_fields == ("household", "region", "member")
    assert (source.user_fields, source.item_fields, source.context_fields) == ((), (), ())
    assert source.points == "balances" and source.local_zone is None
    assert source.shop_first_day is None


def test_a_feed_beside_a_shop_begins_with_its_own_first_day(tmp_path):
    shop(tmp_path, "csv")
    hour = tmp_path / "exposures" / "date=2026-05-02" / "hour=09"
    hour.mkdir(parents=True)
    (hour / "a.csv").write_text("exposure_id,user_id,item_id,shown_at,clicked\n")
    source = reading.describe(tmp_path)
    assert (source.first_day, source.shop_first_day, source.last_day) == (
        "2026-05-02",
        "2026-05-01",
        "2026-05-03",
    )


def test_days_may_lie_in_hours(tmp_path):
    shop(tmp_path)
    description = reading.describe(tmp_path)
    read = reading.read(tmp_path, description, "purchases")
    assert read.rows() == {"2026-05-01": 2, "2026-05-02": 4, "2026-05-03": 2}
    assert read.frame["_row"].tolist() == [0, 1, 0, 1, 2, 3, 0, 1]
    marks = reading.fingerprints(tmp_path, description, "purchases")
    assert marks == {record.partition: record.files_hash for record in read.records()}
    (tmp_path / "purchases" / "date=2026-05-02" / "hour=19" / "rows.csv").write_text(
        "user_id,purchased_at,price,genre,cancelled\n"
    )
    changed = reading.fingerprints(tmp_path, description, "purchases")
    assert [day for day in marks if changed[day] != marks[day]] == ["2026-05-02"]


@given(st.lists(st.integers(0, 2**45), max_size=8), st.sampled_from(["int64", "double", "digits", "iso"]))
def test_instants_of_raw_columns(instants, kind):
    import pyarrow as pa

    if kind == "iso":
        values = pa.array(
            [f"{pd.Timestamp(ms, unit='ms', tz='UTC').isoformat()}" for ms in instants], pa.string()
        )
    elif kind == "digits":
        values = pa.array([str(ms) for ms in instants], pa.string())
    else:
        values = pa.array(instants, pa.int64()).cast(kind)
    column = pa.chunked_array([values, pa.nulls(1, values.type)])
    assert epoch_ms(column).tolist() == [*instants, UNREADABLE]


def write_users(root, name, users, ages=None):
    path = root / "users" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"user_id": users, "age": ages or ["x"] * len(users)}).to_csv(path, index=False)
    return path


def test_two_undated_files_about_one_id_are_refused_by_name(tmp_path):
    write_users(tmp_path, "a.csv", [1, 2, 3])
    write_users(tmp_path, "b.csv", [3, 4])
    with pytest.raises(FileRejected, match=r"b\.csv: and a\.csv both .* user_id '3', .*b_2026-05-01\.csv"):
        reading.read(tmp_path, DESCRIPTION, "users", ["a.csv"])
    write_users(tmp_path, "b.csv", [4, 5])
    read = reading.read(tmp_path, DESCRIPTION, "users")
    assert read.rows() == {"a.csv": 3, "b.csv": 2} and read.unread == () and read.warnings == ()


def test_an_undated_file_beside_dated_ones_is_true_from_the_beginning_and_that_is_said(tmp_path):
    write_users(tmp_path, "all.csv", [1, 2])
    write_users(tmp_path, "users_2026-05-02.csv", [2, 3], ["y", "y"])
    read = reading.read(tmp_path, DESCRIPTION, "users")
    assert read.starts == {"all.csv": 0, "users_2026-05-02.csv": START + 24 * HOUR_MS}
    assert "users/all.csv beside dated files names no date" in read.warnings[0]


@pytest.mark.parametrize(("first", "second"), [("users_2026-05-02.csv", "all.csv"), ("a.csv", "b.csv")])
def test_an_undated_copy_of_another_file_is_not_read_and_named(tmp_path, first, second):
    """A copy of a later snapshot under an undated name would be seen by models of earlier days."""
    write_users(tmp_path, first, [1, 2])
    write_users(tmp_path, second, [1, 2])
    read = reading.read(tmp_path, DESCRIPTION, "users")
    assert read.rows() == {first: 2, second: 0}
    assert [(file.path.name, f"users/{first}" in file.why) for file in read.unread] == [(second, True)]
    # It counts as loaded, so that it is not looked at for ever.
    marks = reading.fingerprints(tmp_path, DESCRIPTION, "users")
    assert marks == {record.partition: record.files_hash for record in read.records()}
    # Once the file that it copied has changed, it is no copy any more and due again.
    write_users(tmp_path, first, [1, 2, 3])
    later = reading.fingerprints(tmp_path, DESCRIPTION, "users")
    assert later[second] != marks[second]


@pytest.mark.parametrize("name", ["latest.csv", "users_current.csv"])
def test_a_file_that_calls_itself_the_latest_is_not_true_from_the_beginning(tmp_path, name):
    write_users(tmp_path, name, [1, 2])
    assert reading.read(tmp_path, DESCRIPTION, "users").rows() == {name: 2}, "alone, it is all there is"
    alone = reading.fingerprints(tmp_path, DESCRIPTION, "users")
    write_users(tmp_path, "2026-05-02.csv", [1, 2, 3])
    read = reading.read(tmp_path, DESCRIPTION, "users")
    assert read.rows() == {"2026-05-02.csv": 3, name: 0}
    (left_out,) = read.unread
    assert left_out.path.name == name and "write the date" in left_out.why
    assert reading.fingerprints(tmp_path, DESCRIPTION, "users")[name] != alone[name]


def test_labels_have_times_of_their_own_and_may_share_users(tmp_path):
    for name, label in (("a.csv", 0), ("b.csv", 1)):
        path = tmp_path / "labels" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"user_id,task,label,observed_at\n1,churn,{label},2026-05-01T00:00:00Z\n")
    assert reading.read(tmp_path, DESCRIPTION, "labels").rows() == {"a.csv": 1, "b.csv": 1}


def test_the_same_bytes_twice_in_a_partition_are_read_once_and_named(tmp_path):
    for name in ("a.csv", "b.csv"):
        put(tmp_path, HOURS[0], name, rows(HOURS[0], 3))
    put(tmp_path, HOURS[1], "a.csv", rows(HOURS[0], 3))
    read = reading.read(tmp_path, DESCRIPTION, "exposures")
    assert read.rows() == {HOURS[0]: 3, HOURS[1]: 3}, "in another hour it is the gate's to judge"
    assert [file.path.name for file in read.unread] == ["b.csv"]
    assert "same bytes as exposures/date=2026-05-01/hour=00/a.csv" in read.unread[0].why
    assert len(read.files[HOURS[0]]) == 2
    marks = reading.fingerprints(tmp_path, DESCRIPTION, "exposures")
    assert marks == {record.partition: record.files_hash for record in read.records()}
    # A file of the day with the same bytes as one of an hour holds the same rows.
    rows(HOURS[0], 3).to_csv(tmp_path / "exposures" / "date=2026-05-01" / "a.csv", index=False)
    read = reading.read(tmp_path, DESCRIPTION, "exposures", [HOURS[0]])
    assert read.rows() == {HOURS[0]: 3} and len(read.unread) == 2


def test_whole_numbers_beside_a_gap_and_text_of_another_file_stay_whole(tmp_path):
    big = 2**60 + 1
    frame = rows(HOURS[0], 3)
    frame["dwell_seconds"] = pd.array([big, None, 3], dtype="Int64")
    frame["user_id"] = pd.array([big, None, 3], dtype="Int64")
    put(tmp_path, HOURS[0], "a.parquet", frame)
    put(tmp_path, HOURS[1], "a.csv", rows(HOURS[1], 1, 9, dwell_seconds=2.5))
    read = reading.read(tmp_path, DESCRIPTION, "exposures").frame
    assert read["dwell_seconds"].tolist() == [big, None, 3, "2.5"]
    assert [None if pd.isna(v) else v for v in read["user_id"]] == [str(big), None, "3", "2"]


def test_a_header_of_other_case_is_one_warning(tmp_path):
    for hour in HOURS[:2]:
        put(tmp_path, hour, "a.csv", rows(hour, 1).rename(columns={"user_id": "User_ID"}))
    read = reading.read(tmp_path, DESCRIPTION, "exposures")
    assert len(read.warnings) == 1 and "'User_ID' as 'user_id'" in read.warnings[0]
