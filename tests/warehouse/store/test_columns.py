"""Chosen columns of any name: beside the schema's own, beside each other, and nothing of either is lost."""

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.database import exported
from tests.warehouse.frames import DESCRIPTION, HOURS, NO_QUARANTINE, START, exposures, record
from warehouse.landing.contract import TABLES
from warehouse.landing.records import PartitionLoad, SourceFile
from warehouse.store.columns import field_column, number_column
from warehouse.store.statements import schema
from warehouse.store.warehouse import Warehouse

INTERNAL = (
    *("partition", "row", "valid_from", "user_index", "item_index", "exposure_id", "position", "_position"),
    *("start_ms", "kept", "index", "code", "value", "table_name", "field_region", "rowid", "select", "a b"),
    *(
        'quo"te',
        "Partition",
        "REGION",
        "Region",
        "region",
        "region~1",
        "größe",
        "GRÖSSE",
        "{codes}",
        "$table",
        "item_id",
    ),
)


def choosing(table, *names, **more):
    """A description that chooses these columns of a table."""
    key = {"users": "user_fields", "items": "item_fields", "demographics": "demographic_fields"}[table]
    return DESCRIPTION.model_copy(update={"user_fields": (), "item_fields": (), key: names, **more})


def loaded(warehouse, table, frame, description, name="a.csv"):
    rows = frame.assign(_partition=name, _row=np.arange(len(frame)))
    load = PartitionLoad(
        name, 0, (SourceFile(f"{table}/{name}", 1, "x"),), len(frame), description.chosen(table)
    )
    warehouse.load(table, [load], rows, NO_QUARANTINE, description=description)


@pytest.mark.parametrize(
    "names", [INTERNAL[:6], INTERNAL[6:12], INTERNAL[12:18], INTERNAL[18:24], INTERNAL[24:]]
)
def test_a_column_may_have_any_name(tmp_path, names):
    names = tuple(name for name in names if name != "_position")
    users = pd.DataFrame({"user_id": ["ann", "bob"]} | {n: [f"{n}-1", f"{n}-2"] for n in names})
    description = choosing("users", *names)
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        loaded(warehouse, "users", users, description)
        hour = exposures(HOURS[0], 4).assign(user_id=["ann", "bob", "ann", "cid"])
        warehouse.load("exposures", [record(HOURS[0], 4)], hour, NO_QUARANTINE)
        for entities in ("all", "mentioned"):
            fields = warehouse.events(START, START + 10**7, entities)["users.fields"]
            assert fields.tolist() == [[0] * len(names), [1] * len(names), [-1] * len(names)]
        for name in names:
            assert warehouse.category_names("users", name) == (f"{name}-1", f"{name}-2")
        named = warehouse.connection.execute("FROM named_users ORDER BY user_id").df()
        assert named.iloc[0].tolist()[3:] == [f"{name}-1" for name in names]
        warehouse.check_invariant()


@pytest.mark.parametrize("table", ["items", "demographics"])
def test_other_tables_take_them_too(tmp_path, table):
    names = ("partition", "Row", "row", "start_ms")
    key = "item_id" if table == "items" else "user_id"
    frame = pd.DataFrame({key: ["a", "b"], "published_at": [5, None]} | {name: [name, "x"] for name in names})
    frame = frame if table == "items" else frame.drop(columns="published_at").assign(valid_from=[1.5, np.nan])
    numbers = {"demographic_numbers": ("valid_from",)} if table == "demographics" else {}
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        loaded(warehouse, table, frame, choosing(table, *names, **numbers))
        view = warehouse.connection.execute(f"FROM named_{table} ORDER BY {key}").df()
    assert view["Row" if "Row" in view else "row"].tolist() == ["Row", "x"]
    assert set(names[:2]) & set(view) or "field_partition" in view
    if table == "items":
        assert view["published_at_utc"].notna().tolist() == [True, False]
    else:
        assert view["valid_from"].tolist()[0] == 1.5


def test_stored_names_are_told_apart_without_case():
    assert field_column("region") == "field_region" and field_column("Region") == "field_Region~1"
    assert number_column("age") == "number_age"


@given(st.lists(st.text(alphabet="aAbB~1é", max_size=5), min_size=2, max_size=2, unique=True))
def test_no_two_names_are_stored_as_one(names):
    first, second = (field_column(name).lower() for name in names)
    assert first != second


@given(
    st.sets(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), max_size=4)
)
@settings(max_examples=15, deadline=None)
def test_duckdb_takes_every_stored_name(names):
    with duckdb.connect() as connection:
        columns = ", ".join('"' + field_column(name).replace('"', '""') + '" INTEGER' for name in names)
        connection.execute(f"CREATE TABLE t (partition INTEGER{', ' if names else ''}{columns})")


@pytest.mark.parametrize(
    "table, name", [("items", "published_at"), ("items", "item_id"), ("users", "user_id"), ("users", "_row")]
)
def test_a_column_that_the_warehouse_owns_is_refused(tmp_path, table, name):
    path = tmp_path / "w.duckdb"
    items = pd.DataFrame({"item_id": ["a", "b"], "published_at": [1, 2]})
    with Warehouse(path) as warehouse:
        loaded(warehouse, "items", items, choosing("items"))
    before = exported(path)
    with Warehouse(path) as warehouse:
        for act in (
            lambda wrong: warehouse.configure(wrong),
            lambda wrong: loaded(warehouse, "items", items.assign(topic="x"), wrong),
        ):
            with pytest.raises(ValueError, match=rf"{table}: the chosen column '{name}'.*source\.json"):
                act(choosing(table, "topic", name))
    assert exported(path) == before


def test_every_column_of_the_contract_is_the_schemas():
    """A new contract column of a table with chosen ones must not be taken for one of these."""
    with duckdb.connect() as connection:
        connection.execute(schema())
        for name, contract in TABLES.items():
            query = "SELECT column_name FROM duckdb_columns() WHERE table_name = ?"
            stored = {column for (column,) in connection.execute(query, [name]).fetchall()}
            assert {c.name for c in contract.columns} - {"user_id", "item_id", "request_id"} <= stored
            assert not [column for column in stored if column.startswith(("field_", "number_", "vector_"))]
