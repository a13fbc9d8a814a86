"""Forms of a file: headers, delimiters, quiet hours, what is something else, and what would be too much."""

import gzip
import io
import json
import zipfile
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.landing import formats, json_lines, limits
from warehouse.landing.contract import EXPOSURES, USERS
from warehouse.landing.files import FileRejected, read_file

WITH_AGE = USERS.with_fields(("age",))


def rows_of(path, content, contract=WITH_AGE):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_file(path, contract, path.name)


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_header_line_says_what_cuts_a_line(tmp_path, sign, end):
    lines = [sign.join(cells) for cells in (("user_id", "age"), ("007", "a,b;c" if sign in "\t|" else "x"))]
    table = rows_of(tmp_path / "a.csv", end.join(lines) + end).columns
    assert table.to_pydict() == {"user_id": ["007"], "age": ["a,b;c" if sign in "\t|" else "x"]}


def test_tsv_is_read_and_one_column_needs_no_sign(tmp_path):
    assert rows_of(tmp_path / "a.tsv", "user_id\tage\n1\t2\n").columns.to_pydict() == {
        "user_id": ["1"],
        "age": ["2"],
    }
    assert rows_of(tmp_path / "a.csv", "user_id\na;b\n").columns.to_pydict() == {"user_id": ["a;b"]}


@pytest.mark.parametrize(
    "header", ["User_ID", " user_id", "USER_ID ", "userId", "User Id", "user-id", "\ufeffuser_id"]
)
def test_a_header_in_other_case_or_spacing_is_read_and_said(tmp_path, header):
    rows = rows_of(tmp_path / "a.csv", f"age,{header},Note\n5,007,x\n")
    assert rows.columns.to_pydict() == {"age": ["5"], "user_id": ["007"]}
    assert rows.renamed == {header: "user_id"} and rows.extra == ("Note",)


def test_the_exact_name_wins_and_two_that_nearly_fit_are_refused(tmp_path):
    rows = rows_of(tmp_path / "a.csv", "User_ID,user_id\nx,7\n")
    assert rows.columns.to_pydict() == {"user_id": ["7"]} and rows.extra == ("User_ID",)
    with pytest.raises(FileRejected, match=r"'User_ID' and 'userid' may both be 'user_id'"):
        rows_of(tmp_path / "a.csv", "User_ID,userid\nx,7\n")


def test_a_missing_column_says_what_is_near_or_that_the_header_is_not_there(tmp_path):
    with pytest.raises(
        FileRejected, match=r"'user_id'.* is missing.*call 'users_ids' 'user_id' if that is it"
    ):
        rows_of(tmp_path / "a.csv", "users_ids,age\n1,2\n")
    with pytest.raises(FileRejected, match=r"the file has 17, 42: is the line with the column names missing"):
        rows_of(tmp_path / "a.csv", "17,42\n18,43\n")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", b""),
        ("a.jsonl", b"\n\n"),
        ("a.jsonl.gz", gzip.compress(b"", mtime=0)),
        ("a.csv", b"exposure_id,user_id,item_id,shown_at,clicked\n"),
        ("a.csv", b"exposure_id,user_id,item_id,shown_at,clicked"),
        ("a.csv.gz", gzip.compress(b"exposure_id;user_id;item_id;shown_at;clicked\r\n", mtime=0)),
    ],
)
def test_a_quiet_hour_has_no_rows_and_is_no_fault(tmp_path, name, content):
    rows = rows_of(tmp_path / name, content, EXPOSURES)
    assert len(rows.columns) == 0 and set(rows.columns.column_names) == set(EXPOSURES.required)


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "x")
    return buffer.getvalue()


def parquet_bytes():
    buffer = io.BytesIO()
    parquet.write_table(pa.table({"user_id": [1]}), buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", zipped(), "an Excel workbook: export its sheet as CSV"),
        ("a.csv", "user_id,age\n1,2\n".encode("utf-16"), "UTF-16"),
        ("a.csv", "user_id,age\n1,2\n".encode("utf-16-le"), "UTF-16"),
        ("a.jsonl", '{"user_id": 1}\n'.encode("utf-16"), "UTF-16"),
        ("a.csv", parquet_bytes(), "call it .parquet"),
        ("a.csv", b"\x28\xb5\x2f\xfdxxxx", "Zstandard"),
        ("a.csv.gz", b"user_id,age\n1,2\n", "cannot be read"),
        ("a.csv", b"", "empty"),
        ("a.csv", "user_id,größe\n1,2\n".encode("latin-1"), "no UTF-8 text.*save it as UTF-8"),
        ("a.csv", b'user_id,age\n1,"a\n2,b\n3,c\n', "quotation mark up to line 4 is not closed"),
        ("a.csv", b'user_id,age\n1,"a\n2,b\n3,"c\n', "quotation mark up to line 4 is not closed"),
        ("a.jsonl", b'[{"user_id": 1},\n{"user_id": 2}]\n', "line 1 is no JSON"),
        ("a.jsonl", b'null\n{"user_id": 1}\n', "line 1 is no JSON object: write one object a line"),
        ("a.jsonl", b"\xef\xbb\xbfnull\n", "line 1 is no JSON object"),
        ("a.jsonl", b'{"user_id": 1}\n null\n', "line 2 is no JSON object"),
        ("a.jsonl", b'{"user_id":\n1}\n', "line 1 is no JSON"),
    ],
)
def test_what_is_something_else_is_called_so(tmp_path, name, content, words):
    with pytest.raises(FileRejected, match=words):
        rows_of(tmp_path / name, content)


def test_gzip_under_a_plain_name_is_read(tmp_path):
    assert rows_of(tmp_path / "a.csv", gzip.compress(b"user_id\n7\n")).columns.to_pydict() == {
        "user_id": ["7"]
    }


def test_a_file_that_unpacks_beyond_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HOURFOLD_FILE_GIB", str(2**-10))
    words = r"larger than 0\.000977 GiB unpacked, with [\d,]+ bytes on the disk: split it.*HOURFOLD_FILE_GIB"
    with pytest.raises(FileRejected, match=words):
        rows_of(tmp_path / "a.csv.gz", gzip.compress(b"user_id\n" + b"7\n" * 2**20))
    with pytest.raises(FileRejected, match="split it"):
        rows_of(tmp_path / "a.csv", b"user_id\n" + b"7\n" * 2**20)
    parquet.write_table(pa.table({"user_id": pa.array(["x" * 100] * 100_000)}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 10_000
    with pytest.raises(FileRejected, match="split it"):
        read_file(tmp_path / "a.parquet", USERS, "a")


def repeated(path, text, rows, **options):
    """A Parquet file with one text in all rows."""
    column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), [text])
    parquet.write_table(pa.table({"user_id": column}), path, compression="gzip", **options)
    assert path.stat().st_size < 200_000
    return path


@pytest.mark.parametrize(("length", "rows"), [(2**22, 1_000), (300, 2_000_000)])
def test_a_small_parquet_file_of_gigabytes_is_refused_in_little_memory(tmp_path, length, rows):
    path = repeated(tmp_path / "a.parquet", "x" * length, rows, store_schema=False)
    pool = pa.default_memory_pool()
    before = max(pool.max_memory(), 2**28 + 2**26)
    with pytest.raises(FileRejected, match=r"0\.25 GiB unpacked.*raise HOURFOLD_FILE_EXPANSION"):
        read_file(path, USERS, "a")
    assert pool.max_memory() <= before, "the text was written out"


def test_gigabytes_of_zeros_in_a_gzip_file_are_refused_in_little_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "ALWAYS_BYTES", 2**22)
    content = gzip.compress(b"user_id\n" + b"0\n" * 2**23)
    with pytest.raises(FileRejected, match="HOURFOLD_FILE_EXPANSION"):
        rows_of(tmp_path / "a.csv.gz", content)
    monkeypatch.setenv("HOURFOLD_FILE_EXPANSION", "2000")
    assert len(rows_of(tmp_path / "a.csv.gz", content).columns) == 2**23


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl", "a.parquet"])
def test_a_file_of_more_rows_than_the_limit_is_refused_by_number(tmp_path, monkeypatch, name):
    rows = 1_000
    text = "user_id\n" + "7\n" * rows if "csv" in name else '{"user_id": 7}\n' * (rows + 1)
    content = gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()
    if name == "a.parquet":
        parquet.write_table(pa.table({"user_id": ["7"] * (rows + 1)}), tmp_path / name)
        content = (tmp_path / name).read_bytes()
    assert len(rows_of(tmp_path / name, content).columns) >= rows
    monkeypatch.setenv("HOURFOLD_FILE_ROWS", str(rows))
    with pytest.raises(FileRejected, match=r"has 1,001 rows, more than 1,000.*HOURFOLD_FILE_ROWS") as caught:
        rows_of(tmp_path / name, content)
    assert str(tmp_path / name) in str(caught.value)


def test_a_limit_that_is_none_is_called_by_its_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("HOURFOLD_FILE_ROWS", "many")
    with pytest.raises(ValueError, match="HOURFOLD_FILE_ROWS is 'many'"):
        rows_of(tmp_path / "a.csv", "user_id\n7\n")


def test_text_of_parquet_is_read_in_the_type_it_has(tmp_path):
    values = ["a", None, "b" * 1_000, "a"]
    types = [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string()), pa.binary()]
    for kind in types:
        path = tmp_path / "a.parquet"
        parquet.write_table(pa.table({"user_id": pa.array(values, pa.string()).cast(kind)}), path)
        assert read_file(path, USERS, "a").columns["user_id"].to_pylist() == values
        column = formats.open_parquet(path, path.read_bytes()).read(["user_id"])["user_id"]
        assert column.type == kind or pa.types.is_dictionary(kind)


def test_lines_with_ever_new_names_are_refused_before_they_are_columns(tmp_path):
    lines = ("{" + ",".join(f'"k{line}_{n}": 1' for n in range(500)) + "}\n" for line in range(300))
    with pytest.raises(FileRejected, match=r"more than 10,000 names in its 301 lines"):
        rows_of(tmp_path / "a.jsonl", "".join(lines))


def test_many_lines_with_colons_in_texts_are_no_names(tmp_path):
    lines = "".join(f'{{"user_id": "\\"u{n}\\": x", "age": "a{n}:"}}\n' for n in range(11_000))
    assert len(rows_of(tmp_path / "a.jsonl", lines).columns) == 11_000


@pytest.mark.parametrize(
    "deep",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '"]]]]"' + "," + "[\n" * 100_000,
        '"' + "x" * 2**20 + '\n{"user_id": "q", "b": ' + "[" * 100_000 + '"',
    ],
)
def test_deep_json_is_refused_before_it_ends_the_process(tmp_path, deep):
    with pytest.raises(FileRejected, match="deeper than 64 levels"):
        rows_of(tmp_path / "a.jsonl", f'{{"user_id": 1, "age": {deep}}}\n')


def test_quotes_and_line_breaks_of_whole_values_are_read(tmp_path):
    text = 'user_id,age\n1,"a ""b"" \nc"\n2,5" screen\n\n3,x\n'
    assert rows_of(tmp_path / "a.csv", text).columns["age"].to_pylist() == ['a "b" \nc', '5" screen', "x"]


def test_brackets_inside_of_text_are_no_depth(tmp_path):
    text = '{"user_id": "[[[[[\\"[[", "age": "x"}\n' * 100
    assert len(rows_of(tmp_path / "a.jsonl", text).columns) == 100


NESTED = st.recursive(
    st.none() | st.text('[]{}"\\a', max_size=4),
    lambda inner: st.lists(inner) | st.dictionaries(st.text('[{"', max_size=2), inner),
)


@given(NESTED)
def test_depth_is_never_taken_for_less(value):
    def depth(value):
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return (isinstance(value, dict | list)) + max(map(depth, inner), default=0)

    content = json.dumps(value).encode()
    assert json_lines._depth(content) >= depth(value)
    assert json_lines._depth(json_lines._STRINGS.sub(b"", content)) == depth(value)


BIG = 2**63 - 5


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([BIG, None, 2**53 + 1], pa.int64()), [str(BIG), None, str(2**53 + 1)]),
        (pa.array([2**64 - 1, None], pa.uint64()), [str(2**64 - 1), None]),
        (pa.array([1, -2], pa.int8()), ["1", "-2"]),
        (pa.array([BIG, None], pa.int64()).dictionary_encode(), [str(BIG), None]),
        (pa.array([Decimal(10**30 + 1), None]), [str(10**30 + 1), None]),
        (pa.array([Decimal("17.00"), None]), ["17", None]),
        (pa.array(["007", None]), ["007", None]),
    ],
)
def test_ids_survive_as_text(tmp_path, values, texts):
    parquet.write_table(pa.table({"user_id": values}), tmp_path / "a.parquet")
    column = read_file(tmp_path / "a.parquet", USERS, "a").columns["user_id"]
    assert column.type == pa.string() and column.to_pylist() == texts


def test_ids_that_are_floats_stay_floats_for_the_gate_to_refuse(tmp_path):
    for values in (pa.array([1.0, np.nan]), pa.array([Decimal("1.5")])):
        parquet.write_table(pa.table({"user_id": values}), tmp_path / "a.parquet")
        assert read_file(tmp_path / "a.parquet", USERS, "a").columns["user_id"].type == pa.float64()
