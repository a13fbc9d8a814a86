"""Customers' files: every id as it stands there, or a refusal that says what to do."""

from __future__ import annotations

import gzip

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as parquet
import pytest

from assets.common.faults import BadRequest
from assets.profiling.audience import customers as lists
from assets.profiling.audience.customers import read_customers
from assets.profiling.audience.id_headers import is_header

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
        ("excel.txt", "Kunden-Nr.\tName\r\n007\tÄnne\r\n8\tBen\r\n".encode("utf-16")),
        ("big-endian.csv", b"\xfe\xff" + "CustomerID;Name\n007;Ann\n8;Ben\n".encode("utf-16-be")),
        ("windows.csv", "Customer ID;Name\n007;Björn\n8;Zoë\n".encode("cp1252")),
        ("latin.csv", "member;name\n007;B\xf6\x81rn\n8;Ben\n".encode("latin-1")),
        ("trailing.csv", "account;name;\n007;Ann;\n8;Ben;\n"),
        ("rows-trailing.csv", "account;name\n007;Ann;\n8;;\n"),
        ("header-trailing.csv", "account;name;\n007;Ann\n8;\n"),
        ("ids-trailing.csv", "007;\n8;\n"),
        ("ids-trailing-tabs.txt", "007\t\n8\t\n"),
        ("spaces.csv", "  Client ID ;  Name\n  007 ; Ann\n 8\u00a0;Ben\n"),
        ("lines.csv", "\n \nuser;city\n\n007;Bonn\n  \n8;Ulm\n\n"),
        ("dos.txt", b"007\r\n8\r\n\x1a"),
        ("which.csv", "Customer,Customer-ID,card\nAnn,007,x\nBen,8,y\n"),
        ("long.csv", "user_id,note\n007," + "x" * 3_000_000 + "\n8,y\n"),
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
        with pytest.raises(BadRequest, match="usual name for user ids"):
            read_customers(path)
    else:
        assert read_customers(path).ids == ids


@pytest.mark.parametrize(
    "name, content, remedy",
    [
        (
            "float.parquet",
            pa.table({"user_id": [7.5, None]}),
            "numbers with fractions.*write the ids as text",
        ),
        ("large.parquet", pa.table({"user_id": [2.0**53]}), "larger than double.*write the ids as text"),
        ("single.parquet", pa.table({"user_id": pa.array([2.0**24], pa.float32())}), "larger than float"),
        ("cents.parquet", pa.table({"user_id": pa.array([7.5]).cast(pa.decimal128(5, 2))}), "write the ids"),
        ("flag.parquet", pa.table({"user_id": [True]}), "bool: write the ids as text"),
        ("list.jsonl", '{"user_id": [7]}\n', "an id is expected"),
        ("deep.csv", "[" * 100_000 + "]" * 100_000, "no JSON"),
        ("deep.jsonl", '{"user_id": ' + "[" * 900 + "]" * 900 + "}\n", "an id is expected|no JSON"),
        ("half.jsonl", '{"user_id": 7}\n{"user_id":\n', "line 2 is no JSON"),
        (
            "wide.parquet",
            pa.table({"name": ["x"], "age": [1]}),
            "Parquet; it has: 'name', 'age'.*give the column",
        ),
        (
            "two.parquet",
            pa.table({"id": ["x"], "customer_id": ["y"]}),
            "'id', 'customer_id'.*right one user_id",
        ),
        ("two.csv", "user_id,User ID\n1,2\n", "2 columns that may hold"),
        ("bare.csv", "u1;Ann\nu2;Ben\n", "separated by semicolons.*write a first line"),
        ("line.csv", "u1,u2,u3\n", "separated by commas.*one id a line"),
        ("later.csv", "user_id\nu1;Ann\n", "'u1;Ann' has semicolons"),
        ("ragged.csv", "user_id,name\nu1,Ann\nu2\n", "separated by commas, in UTF-8.*Expected 2 columns"),
        ("ragged.tsv", "user_id\tname\nu1\tAnn\tx\ty\n", "separated by tabs.*Expected 2 columns, got 4"),
        (
            "wide.csv",
            "Name;Ort\nAnn;Köln\n".encode("cp1252"),
            r"2 columns, separated by semicolons, in Windows-1252 \(it is no UTF-8\).*'Name', 'Ort'.*user_id",
        ),
        ("spaces.txt", "user_id name\nu1 Ann\n", "put commas there"),
        ("quote.csv", 'user_id\n"u1\nu2\nu3\n', "never closed"),
        ("sheet.xlsx", b"anything", "called an Excel workbook.*save the sheet as CSV"),
        ("Sheet.XLS", "user_id\nu1\n", "called an Excel workbook.*call it .csv"),
        ("sheet.ods", b"PK\x03\x04rest", "called an OpenDocument spreadsheet"),
        ("sheet.numbers", b"PK\x03\x04rest", "called a Numbers spreadsheet"),
        ("sheet.csv", b"PK\x03\x04..xl/workbook.xml", "is an Excel workbook: export its sheet as CSV"),
        ("ods.csv", b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "OpenDocument"),
        ("list.zip", b"PK\x03\x04rest", "unpack it"),
        ("old.csv", b"\xd0\xcf\x11\xe0rest", "export its sheet as CSV"),
        ("cut16.csv", "user_id\nu1\n".encode("utf-16")[:-1], "UTF-16 that is damaged or cut short"),
        ("wide32.csv", "user_id\nu1\n".encode("utf-32"), "UTF-32: save it as CSV UTF-8"),
        ("bare16.csv", "user_id\nu1\n".encode("utf-16-le"), "UTF-16.*save it as CSV UTF-8"),
        ("broken.csv", b"user_id,name\nu1,Bj\xc3\xb6rn \xc3\xa4\nu2,\xc3\n", "line 3: byte 0xc3.*damaged"),
        ("control.txt", b"user_id\nu1\nu\x012\n", "no text: line 3 holds the byte 0x01"),
        ("giant.csv", "u" * (2**20 + 1), "its first line has 1,048,577 characters"),
        ("one.csv", ",".join(f"u{n}" for n in range(90)), "90 columns, separated by commas.*and 70 more"),
        ("id.csv", "user_id\n" + "u" * 600, "an id of 600 characters"),
        ("cut.csv.gz", gzip.compress(b"user_id\nu1\n" * 99, mtime=0)[:-20], "cannot be read"),
        ("bytes.bin", bytes(range(1, 128)) + b"\0", "zero bytes"),
        ("cut.parquet", b"PAR1 and no more", "cut.parquet: cannot be read, perhaps cut short"),
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
    assert customers.remark == (
        "column 'user_id', separated by commas, in UTF-8; "
        "ids: 2, rows that repeat one: 1, rows without one: 2"
    )


def test_a_packed_list_is_unpacked_no_further_than_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(lists, "LIST_BYTES", 2**20)
    path = put(tmp_path, "bomb.csv", gzip.compress(b"user_id\n" + b"7\n" * 2**20))
    with pytest.raises(BadRequest, match="GiB unpacked: split it"):
        read_customers(path)
    with pytest.raises(BadRequest, match="GiB unpacked: split it"):
        read_customers(put(tmp_path, "bulk.csv", b"7\n" * 2**20))


def test_whole_floats_of_a_table_are_written_as_such(tmp_path):
    table = pa.table({"user_id": [7.0, None, float("nan"), -12.0]})
    customers = read_customers(put(tmp_path, "gaps.parquet", table))
    assert customers.ids == ("7.0", "-12.0") and customers.blanks == 2


@pytest.mark.parametrize(
    "header",
    [
        "customer_id",
        "CustomerID",
        "CUSTOMER-NO.",
        "Kunden-Nr",
        "Kundennummer",
        "KUNDE",
        "user",
        "userid",
        "User_Key",
        "client_id",
        "ID_CLIENT",
        "account",
        "Account_Number",
        "acct#",
        "member",
        "Mitglieds-Nr",
        "Loyalty-Card-No",
        "household_key",
        "uuid",
        "ids",
        "visitorId",
        "Benutzerkennung",
        "buyer_ref",
    ],
)
def test_usual_names_of_the_column_are_known(header):
    assert is_header(header)


@pytest.mark.parametrize(
    "cell", ["u17", "7", "name", "order_id", "city", "user17", "idea", "a@b.org", "userx"]
)
def test_what_is_no_name_of_users_ids_is_none(cell):
    assert not is_header(cell)
