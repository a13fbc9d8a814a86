"""One landed file in any format: the same rows, or a refusal that names path and column."""

import gzip
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from warehouse.landing.contract import EXPOSURES, ITEMS, USERS
from warehouse.landing.files import FileRejected, opened_file, read_file

USERS_WITH_FIELDS = USERS.with_fields(("age", "region"))
ROWS = pd.DataFrame(
    {
        "exposure_id": ["a", "b", "c"],
        "user_id": [1, 2, 3],
        "item_id": ["x", "y", "z"],
        "shown_at": ["2026-05-01T00:00:01Z", "2026-05-01T08:00:02+08:00", "2026-05-01T00:00:03.500Z"],
        "clicked": [True, False, True],
        "dwell_seconds": [1.5, None, 3.0],
        "ctx_device": ["phone", None, "tablet"],
        "note": ["extra", "extra", "extra"],
    }
)


def write(path, frame):
    name = path.name
    if name.endswith(".parquet"):
        frame.to_parquet(path)
    elif name.endswith((".csv", ".csv.gz")):
        frame.to_csv(path, index=False)
    else:
        opener = gzip.open if name.endswith(".gz") else open
        with opener(path, "wt") as file:
            for row in frame.to_dict("records"):
                file.write(json.dumps({k: v for k, v in row.items() if not pd.isna(v)}) + "\n")
    return path


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.csv.gz", "a.jsonl", "a.jsonl.gz", "a.ndjson"])
def test_every_format_gives_the_same_rows(tmp_path, name):
    path = write(tmp_path / name, ROWS)
    rows = read_file(path, EXPOSURES, f"exposures/{name}")
    frame, record, extra = rows.columns.to_pandas(), rows.record, rows.extra
    assert frame["user_id"].astype(str).tolist() == ["1", "2", "3"]
    assert frame["exposure_id"].tolist() == ["a", "b", "c"]
    assert frame["clicked"].astype(str).str.lower().tolist() == ["true", "false", "true"]
    assert pd.to_numeric(frame["dwell_seconds"], errors="coerce").fillna(-1).tolist() == [1.5, -1, 3]
    assert frame["shown_at"].tolist() == ROWS["shown_at"].tolist()
    assert extra == ("note",)
    assert (record.path, record.size) == (f"exposures/{name}", path.stat().st_size)


def test_zoned_timestamps_become_epoch_milliseconds(tmp_path):
    zoned = pd.to_datetime(ROWS["shown_at"], format="ISO8601", utc=True)
    shanghai = zoned.dt.tz_convert("Asia/Shanghai").astype("datetime64[ns, Asia/Shanghai]")
    table = read_file(write(tmp_path / "a.parquet", ROWS.assign(shown_at=shanghai)), EXPOSURES, "a").columns
    assert table["shown_at"].to_pylist() == [1777593601000, 1777593602000, 1777593603500]


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl"])
def test_naive_times_are_refused_with_the_remedy(tmp_path, name):
    naive = ["2026-05-01T00:00:01", "2026-05-01 00:00:02", "2026-05-01T00:00:03.5"]
    path = write(tmp_path / name, ROWS.assign(shown_at=naive))
    with pytest.raises(FileRejected, match=r"a\.\w+.*'shown_at'.*without a zone.*offset"):
        read_file(path, EXPOSURES, name)


def test_naive_parquet_timestamps_are_refused(tmp_path):
    path = write(tmp_path / "a.parquet", ROWS.assign(shown_at=pd.Timestamp("2026-05-01")))
    with pytest.raises(FileRejected, match=r"'shown_at'.*without a zone"):
        read_file(path, EXPOSURES, "a")


def test_a_single_naive_time_is_left_to_the_gate(tmp_path):
    times = ["2026-05-01T00:00:01Z", "2026-05-01T00:00:02", "1777593603500"]
    table = read_file(write(tmp_path / "a.csv", ROWS.assign(shown_at=times)), EXPOSURES, "a").columns
    assert table["shown_at"].to_pylist() == times


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.jsonl"])
@pytest.mark.parametrize("column", ["exposure_id", "clicked"])
def test_a_missing_required_column_rejects_the_file(tmp_path, name, column):
    path = write(tmp_path / name, ROWS.drop(columns=column))
    with pytest.raises(FileRejected) as caught:
        read_file(path, EXPOSURES, name)
    assert str(path) in str(caught.value) and repr(column) in str(caught.value)


@pytest.mark.parametrize("name", ["a.parquet", "a.csv.gz", "a.jsonl.gz"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_a_truncated_file_is_a_clear_error(tmp_path, name, share):
    many = pd.concat([ROWS] * 200, ignore_index=True)
    path = write(tmp_path / name, many)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FileRejected, match=r"cannot be read, perhaps cut short") as caught:
        read_file(path, EXPOSURES, name)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.csv", b"user_id,age\n1,2\n1\n", "Expected 2 columns"),
        ("a.jsonl", b'{"user_id":1}\n{"user_id":\n', "line 2 is no JSON"),
        ("a.jsonl", b'{"user_id":1}\n[3]\n', "line 2 is no JSON object"),
        ("a.csv", b"user_id,age,age\n1,2,3\n", "'age' occurs more than once"),
        ("a.parquet", b"user_id,age\n1,2\n", "cannot be read"),
    ],
)
def test_malformed_files_say_what_is_wrong(tmp_path, name, content, what):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FileRejected, match=what):
        read_file(tmp_path / name, USERS_WITH_FIELDS, name)


def test_a_nested_column_is_refused_by_name(tmp_path):
    parquet.write_table(pa.table({"user_id": [1], "age": [[1, 2]]}), tmp_path / "a.parquet")
    with pytest.raises(FileRejected, match=r"'age' has type list"):
        read_file(tmp_path / "a.parquet", USERS_WITH_FIELDS, "a")


def test_text_stays_as_it_lies_in_csv(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbfuser_id,age,region\n007,1e3,"north\nsouth"\n,NA,\n')
    table = read_file(tmp_path / "a.csv", USERS_WITH_FIELDS, "a").columns
    assert table.to_pydict() == {"user_id": ["007", ""], "age": ["1e3", "NA"], "region": ["north\nsouth", ""]}


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_bytes_that_are_no_utf8_reach_the_gate(tmp_path, name):
    if name == "a.csv":
        (tmp_path / name).write_bytes(b"user_id,age\n1,ok\n2,\xff\xfe\n")
    elif name == "a.jsonl":
        (tmp_path / name).write_bytes(b'{"user_id":"1","age":"ok"}\n{"user_id":"2","age":"\xff\xfe"}\n')
    else:
        broken = pa.StringArray.from_buffers(
            2, pa.py_buffer(np.array([0, 2, 4], "int32")), pa.py_buffer(b"ok\xff\xfe")
        )
        parquet.write_table(pa.table({"user_id": ["1", "2"], "age": broken}), tmp_path / name)
    table = read_file(tmp_path / name, USERS_WITH_FIELDS, name).columns
    assert table["age"].to_pylist() == [b"ok", b"\xff\xfe"]
    assert table["user_id"].cast(pa.string()).to_pylist() == ["1", "2"]


def test_json_numbers_are_exact_and_mixed_columns_are_text(tmp_path):
    big = 2**62 + 1
    lines = [
        {"user_id": big, "age": 1},
        {"user_id": 7, "age": "old"},
        {"user_id": 8, "age": True},
        {"user_id": 9},
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    table = read_file(tmp_path / "a.jsonl", USERS_WITH_FIELDS, "a").columns
    assert table["user_id"].to_pylist() == [str(big), "7", "8", "9"]
    assert table["age"].to_pylist() == ["1", "old", "true", None]


def test_a_decimal_id_takes_no_whole_one_with_it(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"user_id":1.0,"age":1}\n{"user_id":2,"age":1.5}\n{"age":2}\n')
    table = read_file(tmp_path / "a.jsonl", USERS_WITH_FIELDS, "a").columns
    assert table["user_id"].to_pylist() == ["1.0", "2", None]


def test_integers_beyond_64_bits_stay_exact(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"user_id":99999999999999999999}\n{"user_id":1}\n')
    table = read_file(tmp_path / "a.jsonl", USERS, "a").columns
    assert table["user_id"].to_pylist() == ["99999999999999999999", "1"]


def test_dictionary_decimal_and_small_integer_columns(tmp_path):
    from decimal import Decimal

    columns = {
        "item_id": pa.array([1, 2], pa.uint8()),
        "published_at": pa.array([1, None], pa.int32()),
        "topic": pa.array(["a", "b"]).dictionary_encode(),
        "price": pa.array([Decimal("1.5"), None]),
    }
    parquet.write_table(pa.table(columns), tmp_path / "a.parquet")
    table = read_file(tmp_path / "a.parquet", ITEMS.with_fields(("topic", "price")), "a").columns
    assert [str(field.type) for field in table.schema] == ["string", "int64", "string", "double"]


def test_column_names_in_file_order(tmp_path):
    assert opened_file(write(tmp_path / "a.csv.gz", ROWS)).names == list(ROWS)
