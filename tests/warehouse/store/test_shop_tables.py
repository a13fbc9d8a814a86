"""Purchases, points, demographics and labels in the warehouse."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.warehouse.frames import DAY, DESCRIPTION, NO_QUARANTINE, START, exposures, record
from tests.warehouse.frames import HOURS as EXPOSURE_HOURS
from warehouse.landing.contract import PROFILING_TABLES, RANKING_TABLES, TABLES
from warehouse.landing.records import PartitionLoad, SourceFile
from warehouse.landing.service_time import DAY_MS, HOUR_MS
from warehouse.store.staging import InvariantBroken
from warehouse.store.warehouse import Warehouse

SHOP = DESCRIPTION.model_copy(
    update={"demographic_fields": ("region",), "demographic_numbers": ("age", "income")}
)
SECOND = "2026-05-02"


@pytest.fixture
def warehouse(tmp_path):
    with Warehouse(tmp_path / "w.duckdb") as opened:
        opened.configure(SHOP)
        yield opened


def batch(partition, frame, start_ms=None, content="a"):
    """A load record and its rows."""
    start_ms = DESCRIPTION.service_zone.day_start_ms(partition) if start_ms is None else start_ms
    file = SourceFile(f"{partition}.parquet", 10, content)
    rows = frame.assign(_partition=partition, _row=np.arange(len(frame)))
    return PartitionLoad(partition, start_ms, (file,), len(frame)), rows


def load(warehouse, table, *batches):
    rows = pd.concat([frame for _, frame in batches], ignore_index=True)
    warehouse.load(table, [loads for loads, _ in batches], rows, NO_QUARANTINE)


def purchases(start=START, **changes):
    frame = pd.DataFrame(
        {
            "user_id": ["ann", "bob", "ann"],
            "purchased_at": [start, start + 5, start + 9],
            "price": [1.25, 0.0, 3.5],
            "genre": ["food/fruit", "food", "food/fruit"],
            "brand": ["x", None, "y"],
            "cancelled": [False, False, True],
        }
    )
    return frame.assign(**changes)


def fetched(warehouse, query):
    return warehouse.connection.execute(query).fetchall()


def test_the_tables_of_the_two_uses():
    assert list(TABLES) == [*RANKING_TABLES, *PROFILING_TABLES]
    assert TABLES["purchases"].required == ("user_id", "purchased_at", "price", "genre", "cancelled")
    assert TABLES["points"].required == ("user_id", "occurred_at", "kind", "amount")
    assert TABLES["labels"].required == ("user_id", "task", "label", "observed_at")
    assert TABLES["demographics"].required == ("user_id",)


def test_purchases_are_stored_by_codes_and_admit_any_user(warehouse):
    load(warehouse, "purchases", batch(DAY, purchases()))
    assert fetched(warehouse, "SELECT * EXCLUDE (partition) FROM purchases ORDER BY row") == [
        (0, 0, START, 1.25, 0, 0, False),
        (1, 1, START + 5, 0.0, 1, None, False),
        (2, 0, START + 9, 3.5, 0, 1, True),
    ]
    named = fetched(warehouse, "SELECT user_id, genre, brand FROM named_purchases ORDER BY purchased_at_utc")
    assert named == [("ann", "food/fruit", "x"), ("bob", "food", None), ("ann", "food/fruit", "y")]
    assert warehouse.fields("purchases") == ("genre", "brand")
    warehouse.check_invariant()
    # They are no users as the ranking knows them: its exposures still ask for a row in users/.
    assert warehouse.described("users") == 0


def test_points_and_labels_are_stored_by_codes(warehouse):
    points = pd.DataFrame(
        {
            "user_id": ["ann", "ann"],
            "occurred_at": [START, START],
            "kind": ["used", "limited"],
            "amount": [-2.5, 9],
        }
    )
    labels = pd.DataFrame(
        {
            "user_id": ["bob", "ann"],
            "task": ["kids", "kids"],
            "label": [True, False],
            "observed_at": [START, 7],
        }
    )
    load(warehouse, "points", batch(DAY, points))
    load(warehouse, "labels", batch("2026-05-03.csv", labels, start_ms=START))
    assert fetched(warehouse, "SELECT user_index, kind, amount FROM points ORDER BY row") == [
        (0, 0, -2.5),
        (0, 1, 9.0),
    ]
    assert fetched(warehouse, "SELECT user_index, task, label, observed_at FROM labels ORDER BY row") == [
        (1, 0, True, START),
        (0, 0, False, 7),
    ]
    warehouse.check_invariant()


def test_demographics_hold_numbers_beside_categories(warehouse):
    people = pd.DataFrame(
        {"user_id": ["ann", "bob"], "region": ["north", None], "age": [31.5, np.nan], "income": [np.nan, 2.0]}
    )
    load(warehouse, "demographics", batch("2026-05-02.csv", people, start_ms=START + DAY_MS))
    assert warehouse.numbers("demographics") == ("age", "income")
    stored = "valid_from, field_region, number_age, number_income"
    assert fetched(warehouse, f"SELECT {stored} FROM demographics ORDER BY row") == [
        (START + DAY_MS, 0, 31.5, None),
        (START + DAY_MS, None, None, 2.0),
    ]


def test_a_column_that_becomes_a_number_starts_empty_and_asks_for_loading_again(warehouse):
    people = pd.DataFrame({"user_id": ["ann"], "region": ["7"], "age": [31.5], "income": [1.0]})
    load(warehouse, "demographics", batch("a.csv", people, start_ms=0))
    changed = SHOP.model_copy(update={"demographic_fields": ("age",), "demographic_numbers": ("region",)})
    warehouse.configure(changed)
    assert warehouse.fields("demographics") == ("age",) and warehouse.numbers("demographics") == ("region",)
    stored = "SELECT number_region, field_age, number_income FROM demographics"
    assert fetched(warehouse, stored) == [(None, None, 1.0)]
    load(warehouse, "demographics", batch("a.csv", people.assign(region=7.0, age="31.5"), start_ms=0))
    assert fetched(warehouse, stored) == [(7.0, 0, None)]
    assert changed.chosen("demographics") != SHOP.chosen("demographics")
    swapped = SHOP.model_copy(update={"demographic_fields": (), "demographic_numbers": ("age", "region")})
    assert sorted(swapped.chosen("demographics")) != sorted(changed.chosen("demographics"))


def test_many_days_in_one_load_are_the_same_as_one_by_one(tmp_path):
    days = [batch(DAY, purchases()), batch(SECOND, purchases(START + DAY_MS, user_id=["bob", "cleo", "dan"]))]
    stored = []
    for name, calls in (("once", [days]), ("daily", [days[:1], days[1:]]), ("twice", [days, days[1:]])):
        with Warehouse(tmp_path / name) as warehouse:
            warehouse.configure(SHOP)
            for call in calls:
                load(warehouse, "purchases", *call)
            warehouse.check_invariant()
            stored.append(
                [
                    fetched(warehouse, f"FROM {t} ORDER BY ALL")
                    for t in ("purchases", "user_index", "category_index")
                ]
            )
    assert stored[0] == stored[1] == stored[2]


def test_a_purchase_without_its_genre_or_a_lost_row_rolls_back(warehouse):
    loads, rows = batch(DAY, purchases(genre=["food", None, "food"]))
    with pytest.raises(InvariantBroken, match="genre"):
        warehouse.load("purchases", [loads], rows, NO_QUARANTINE)
    with pytest.raises(InvariantBroken, match="4 rows in"):
        warehouse.load("purchases", [replace(loads, rows_in=4)], rows.assign(genre="food"), NO_QUARANTINE)
    assert fetched(warehouse, "FROM purchases") == fetched(warehouse, "FROM batches") == []


def test_first_purchases_of_what_was_cancelled(warehouse):
    load(warehouse, "purchases", batch(DAY, purchases()), batch(SECOND, purchases(START + DAY_MS)))
    asked = pd.DataFrame(
        [
            ("ann", "food/fruit", "x"),  # bought on both days
            ("ann", "food/fruit", None),  # of any brand
            ("ann", "food/fruit", "y"),  # only ever cancelled
            ("bob", "food", None),
            ("bob", "food", "x"),  # bought, but of no brand
            ("bob", "food/fruit", None),
            ("stranger", "food", None),
            ("ann", "unheard of", "of"),
        ],
        columns=["user", "genre", "brand"],
    )
    nowhere = np.nan
    expected = [START, START, nowhere, START + 5, nowhere, nowhere, nowhere, nowhere]
    np.testing.assert_array_equal(warehouse.first_purchases(asked, []), expected)
    later = warehouse.first_purchases(asked, [DAY])
    np.testing.assert_array_equal(later, np.array(expected) + DAY_MS)
    assert len(warehouse.first_purchases(asked.iloc[:0], [])) == 0


def test_what_the_ranking_reads_does_not_change_with_a_shop(warehouse):
    hour = EXPOSURE_HOURS[0]
    warehouse.load("exposures", [record(hour, 20)], exposures(hour, 20), NO_QUARANTINE)
    window = (START, START + 24 * HOUR_MS)
    hashed, events = warehouse.data_hash(*window), warehouse.events(*window)
    load(warehouse, "purchases", batch(DAY, purchases()))
    load(warehouse, "demographics", batch("a.csv", purchases()[["user_id"]], start_ms=0))
    assert warehouse.data_hash(*window) == hashed
    for name, values in warehouse.events(*window).items():
        np.testing.assert_array_equal(values, events[name])
