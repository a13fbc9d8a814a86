"""Customers' files: every id as it stands there, or a refusal that says what to do."""

from __future__ import annotations

import gzip

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.common.faults import BadRequest
from assets.profiling.audience.customers import is_header, read_customers

BIG = 9_100_000_000_000_000_000  #: neighbours of it are one number as floats


def put(tmp_path, name, content):
    path = tmp_path / name
    if isinstance(content, pa.Table):
        (feather.write_feather if path.suffix == ".feather" else parquet.write_table)(content, path)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


INTEGERS = pa.array([BIG + 1, BIG + 2, None, BIG + 3])
TEXTS = tuple(str(BIG + number) for number in (1, 2, 3))


@pytest.mark.parametrize("name", ["gap.parquet", "gap.feather"])
@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.decimal128(20, 0), pa.string(), pa.binary()])
def test_ids_of_64_bits_beside_a_gap_stay_themselves(tmp_path, name, kind):
    column = INTEGERS.cast(pa.string()).cast(kind) if kind == pa.binary() else INTEGERS.cast(kind)
    customers = read_customers(put(tmp_path, name, pa.table({"user_id": column, "spent": [1.5] * 4})))
    assert customers.ids == TEXTS
    assert (customers.rows, customers.blanks, customers.column) == (3, 1, "user_id")


def test_a_dictionary_of_integers_stays_itself(tmp_path):
    table = pa.table({"Customer ID": INTEGERS.dictionary_encode()})
    assert read_customers(put(tmp_path, "coded.parquet", table)).ids == TEXTS


@pytest.mark.parametrize(
    "name, content",
    [
        ("plain.txt", "007\n8\n"),
        ("blank.txt", "\n  \n007\n\n 8 \n\n"),
        ("header.csv", "customer_id\n007\n8\n"),
        ("spaced.csv", "User ID\r\n007\r\n8\r\n"),
        ("marked.csv", "﻿user_id\n007\n8\n"),
        ("quoted.csv", '"userId"\n"007"\n"8"\n'),
        ("semicolons.csv", 'name;user_id\n"Ann; A";007\nBen,B;8\n'),
        ("tabs.txt", "user_id\tname\n007\tAnn\n8\tBen\n"),
        ("index.tsv", "\tuser_id\n0\t007\n1\t8\n"),
        ("index.csv", ",user_id,id\n0,007,x\n1,8,y\n"),
        ("excel.csv", "sep=;\nclient_id;name\n007;Ann\n8;Ben\n"),
        ("lines.jsonl", '{"user_id": "007", "name": "Ann"}\n\n{"user_id": 8}\n'),
        ("array.json", '[{"id": "007"}, {"id": 8}]'),
        ("bare.json", '["007", 8]'),
        ("packed.csv.gz", gzip.compress(b"id\n007\n8\n", mtime=0)),
    ],
)
def test_text_is_read_as_text_in_every_form(tmp_path, name, content):
    assert read_customers(put(tmp_path, name, content)).ids == ("007", "8")


@pytest.mark.parametrize(
    "content, ids",
    [
        ("auth0|5f\nauth0|6f\n", None),
        ("user_id\nauth0|5f\nauth0|6f\n", ("auth0|5f", "auth0|6f")),
        ("{6F96-8B86}\n{6F96-8B87}\n", ("{6F96-8B86}", "{6F96-8B87}")),
        ("id\n12e4\n1e5\n", ("12e4", "1e5")),
        ("Ünal\nzoë@example.org\n", ("Ünal", "zoë@example.org")),
    ],
)
def test_ids_that_look_like_something_else(tmp_path, content, ids):
    path = put(tmp_path, "odd.txt", content)
    if ids is None:
        with pytest.raises(BadRequest, match="names none of them as user ids"):
            read_customers(path)
    else:
        assert read_customers(path).ids == ids


@pytest.mark.parametrize(
    "name, content, remedy",
    [
        ("float.parquet", pa.table({"user_id": [7.0, None]}), "write the ids as text"),
        ("float.csv", "user_id\n7\n123.0\n", "123.0.*write them as text"),
        ("sheet.csv", "9.1E+18\n7\n", r"9.1E\+18.*format is Text"),
        ("float.jsonl", '{"user_id": 7.0}\n', "7.0.*write them as text"),
        ("flag.parquet", pa.table({"user_id": [True]}), "bool: write the ids as text"),
        ("list.jsonl", '{"user_id": [7]}\n', "an id is expected"),
        ("half.jsonl", '{"user_id": 7}\n{"user_id":\n', "line 2 is no JSON"),
        ("wide.parquet", pa.table({"name": ["x"], "age": [1]}), "has: 'name', 'age'.*give the column"),
        (
            "two.parquet",
            pa.table({"id": ["x"], "customer_id": ["y"]}),
            "'id', 'customer_id'.*right one user_id",
        ),
        ("two.csv", "user_id,User ID\n1,2\n", "2 columns that may hold"),
        ("bare.csv", "u1;Ann\nu2;Ben\n", "separated by semicolons.*write a first line"),
        ("line.csv", "u1,u2,u3\n", "separated by commas.*one id a line"),
        ("later.csv", "user_id\nu1;Ann\n", "'u1;Ann' has semicolons"),
        ("ragged.csv", "user_id,name\nu1,Ann\nu2\n", "Expected 2 columns"),
        ("spaces.txt", "user_id name\nu1 Ann\n", "put commas there"),
        ("quote.csv", 'user_id\n"u1\nu2\nu3\n', "never closed"),
        ("sheet.xlsx", b"PK\x03\x04rest", "save its sheet as CSV"),
        ("list.zip", b"PK\x03\x04rest", "unpack it"),
        ("sheet.xls", b"\xd0\xcf\x11\xe0rest", "save its sheet as CSV"),
        ("wide16.csv", "user_id\nu1\n".encode("utf-16"), "UTF-16.*save it as CSV UTF-8"),
        ("bare16.csv", "user_id\nu1\n".encode("utf-16-le"), "UTF-16.*save it as CSV UTF-8"),
        ("latin.csv", "user_id,name\nu1,Björn\n".encode("latin-1"), "line 2: byte 0xf6.*CSV UTF-8"),
        ("bytes.bin", bytes(range(1, 128)) + b"\0", "zero bytes"),
        ("cut.parquet", b"PAR1 and no more", "cannot be read as a list"),
        ("none.csv", "user_id\n\n", "holds no user id"),
    ],
)
def test_what_is_no_list_of_ids_is_refused_with_what_to_do(tmp_path, name, content, remedy):
    with pytest.raises(BadRequest, match=f"(?s){remedy}") as caught:
        read_customers(put(tmp_path, name, content))
    assert name in str(caught.value)


def test_repeats_and_gaps_are_counted_and_the_order_stays(tmp_path):
    customers = read_customers(put(tmp_path, "list.csv", "name,user_id\na,2\nb,1\nc,\nd,2\n,\n"))
    assert customers.ids == ("2", "1")
    assert (customers.repeats, customers.blanks) == (1, 2)
    assert customers.remark == "column 'user_id'; ids: 2, rows that repeat one: 1, rows without one: 2"


IDS = st.lists(
    st.one_of(
        st.integers(min_value=-(2**63), max_value=2**64 - 1).map(str),
        st.integers(min_value=0, max_value=9999).map("{:08d}".format),
        st.text("abcXYZ019_-.:@/", min_size=1, max_size=12),
    ).filter(lambda text: not is_header(text) and not text.rstrip("0").endswith(".")),
    min_size=1,
    max_size=30,
)


@given(IDS)
def test_what_is_written_is_what_is_read(tmp_path_factory, ids):
    folder = tmp_path_factory.getbasetemp()
    frame = pd.DataFrame({"rank": np.arange(len(ids)), "user_id": ids})
    frame.to_parquet(folder / "any.parquet", index=False)
    frame.to_csv(folder / "any.csv", index=False)
    frame.to_json(folder / "any.jsonl", orient="records", lines=True)
    (folder / "any.txt").write_text("\n".join(ids))
    for ending in ("parquet", "csv", "jsonl", "txt"):
        assert list(read_customers(folder / f"any.{ending}").ids) == list(dict.fromkeys(ids)), ending
