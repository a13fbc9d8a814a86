"""Landing contract and the description of a source."""

import json

import pytest
from pydantic import ValidationError

from tests.warehouse.frames import DESCRIPTION
from warehouse.landing.contract import TABLES, ColumnType, table_contract
from warehouse.landing.description import SourceDescription


def test_round_trip(tmp_path):
    DESCRIPTION.save(tmp_path / "landing")
    assert SourceDescription.load(tmp_path / "landing") == DESCRIPTION


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"source\.json"):
        SourceDescription.load(tmp_path)
    (tmp_path / "source.json").write_text('{"name": "x", "colour": 1}')
    with pytest.raises(ValueError, match=r"source\.json.*\n(.*\n)*.*colour"):
        SourceDescription.load(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Europe/Berlin"},
        {"context_fields": ("device",)},
        {"user_fields": tuple("abcdefg")},
        {"first_day": "2026-05-10"},
        {"last_day": "tomorrow"},
        {"local_zone": "Mars/Olympus"},
        {"local_zone": "../etc/passwd"},
        {"points": "stock"},
        {"demographic_fields": ("age",), "demographic_numbers": ("age",)},
    ],
)
def test_a_description_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValidationError):
        SourceDescription(**(DESCRIPTION.model_dump() | wrong))


def test_required_columns_are_those_of_the_contract():
    assert table_contract("exposures").required == (
        "exposure_id",
        "user_id",
        "item_id",
        "shown_at",
        "clicked",
    )
    assert table_contract("external_clicks").required == (
        "user_id", "item_id", "domain", "occurred_at", "received_at",
    )  # fmt: skip
    assert [TABLES[name].required for name in ("users", "items")] == [("user_id",), ("item_id",)]


def test_open_and_chosen_columns():
    contract = DESCRIPTION.contract("exposures")
    assert contract.column("ctx_anything").type is ColumnType.CATEGORY
    assert contract.column("colour") is None
    assert DESCRIPTION.contract("users").column("age").type is ColumnType.CATEGORY
    assert table_contract("users").column("age") is None
    # `domain` is both a column of the contract and a chosen one: it must not appear twice.
    names = [column.name for column in DESCRIPTION.contract("external_clicks").columns]
    assert len(names) == len(set(names))


def test_an_unknown_table_lists_the_known_ones():
    with pytest.raises(KeyError, match="external_clicks"):
        table_contract("clicks")


@pytest.mark.parametrize(
    ("zone", "local", "instead"),
    [
        ("Etc/GMT+5", "America/New_York", None),
        ("Etc/GMT+6", "America/New_York", None),  # west of it: every local day is over in time
        ("UTC", "America/New_York", "Etc/GMT+5"),
        ("Etc/GMT+4", "America/New_York", "Etc/GMT+5"),  # right in summer only
        ("UTC", "Asia/Tokyo", None),
        ("Etc/GMT-5", "Asia/Kolkata", None),
        ("Etc/GMT-6", "Asia/Kolkata", "Etc/GMT-5"),
        ("Etc/GMT-1", "Europe/London", "Etc/GMT+0"),
        ("Etc/GMT-11", "Australia/Sydney", "Etc/GMT-10"),  # its summer is in January
    ],
)
def test_a_service_day_ends_with_or_after_the_local_day(zone, local, instead):
    wanted = DESCRIPTION.model_dump() | {"zone": zone, "local_zone": local}
    if instead is None:
        assert SourceDescription(**wanted).local.key == local
        return
    with pytest.raises(ValidationError, match=f"end later.*use {instead.replace('+', '[+]')} as zone"):
        SourceDescription(**wanted)
    assert SourceDescription(**(wanted | {"zone": instead})).zone == instead


def test_people_live_in_the_service_zone_unless_said():
    assert DESCRIPTION.local_zone is None and DESCRIPTION.local.key == DESCRIPTION.zone


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"item_fields": ("topic", "published_at")}, "item_fields: 'published_at' is a column of the"),
        ({"user_fields": ("User_ID",)}, "user_fields: 'User_ID' is a column of the contract of users"),
        ({"user_fields": ("age", "age")}, "'age' of users is chosen twice"),
        ({"user_fields": ("age", "Age")}, "'age' and 'Age' of users differ in case alone"),
        ({"demographic_fields": ("age",), "demographic_numbers": ("AGE",)}, "differ in case alone"),
        ({"demographic_numbers": ("age", "age")}, "chosen twice"),
        ({"user_fields": ("_partition",)}, "cannot be the name of a chosen column"),
        ({"user_fields": (" ",)}, "cannot be the name of a chosen column"),
        ({"context_fields": ("ctx_a", "ctx_a")}, "chosen twice"),
    ],
)  # fmt: skip
def test_columns_that_cannot_be_chosen_are_named_when_the_description_is_read(tmp_path, wrong, words):
    (tmp_path / "source.json").write_text(json.dumps(DESCRIPTION.model_dump(mode="json") | wrong))
    with pytest.raises(ValueError, match=words) as caught:
        SourceDescription.load(tmp_path)
    assert "source.json" in str(caught.value)
