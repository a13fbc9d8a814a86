"""Ids written in random forms are the same ids when they are read."""

from __future__ import annotations

import csv
import gzip
import io

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from assets.profiling.audience.customers import read_customers
from assets.profiling.audience.id_headers import is_header

IDS = st.lists(
    st.one_of(
        st.integers(min_value=-(2**63), max_value=2**64 - 1).map(str),
        st.integers(min_value=0, max_value=9999).map("{:08d}".format),
        st.text("abcXYZ019_-.:@/", min_size=1, max_size=12),
    ).filter(lambda text: not is_header(text)),
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


FORMS = st.fixed_dictionaries(
    {
        "separator": st.sampled_from([",", ";", "\t", "|"]),
        "encoding": st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
        "end": st.sampled_from(["\n", "\r\n", "\r"]),
        "header": st.sampled_from(["user_id", "User ID", "Kunden-Nr", "CustomerID", "account", "MEMBER"]),
        "quotes": st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
        "before": st.booleans(),
        "trailing": st.booleans(),
        "blank": st.sampled_from(["", "\n", "   \n"]),
        "space": st.sampled_from(["", " ", "  "]),
        "packed": st.booleans(),
    }
)


@given(IDS, FORMS)
def test_ids_are_the_same_in_whatever_form_a_table_is_written(tmp_path_factory, ids, form):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=form["separator"], quoting=form["quotes"], lineterminator="\n")
    for number, cell in enumerate([form["header"], *ids]):
        other = "Größe; x" if number else "note"
        row = [other, cell] if form["before"] else [cell, other]
        writer.writerow([*row, ""] if form["trailing"] else row)
        text.write(form["blank"])
    content = text.getvalue().replace("\n", form["end"]).encode(form["encoding"])
    path = tmp_path_factory.getbasetemp() / "form.csv"
    path.write_bytes(gzip.compress(content) if form["packed"] else content)
    assert list(read_customers(path).ids) == list(dict.fromkeys(ids))


@given(IDS, FORMS)
def test_ids_are_the_same_in_whatever_form_a_line_is_written(tmp_path_factory, ids, form):
    plain = [cell for cell in ids if not set(cell) & set(",;\t|")]
    lines = [f"{form['space']}{cell}{form['space']}\n{form['blank']}" for cell in [form["header"], *plain]]
    content = "".join(lines).replace("\n", form["end"]).encode(form["encoding"])
    path = tmp_path_factory.getbasetemp() / "form.txt"
    path.write_bytes(gzip.compress(content) if form["packed"] else content)
    if plain:
        assert list(read_customers(path).ids) == list(dict.fromkeys(plain))
