"""What is told of a folder without source.json: days, chosen columns, and why the others are left out."""

import logging

import pandas as pd
import pytest

from tests.warehouse.frames import DESCRIPTION
from warehouse.landing import reading
from warehouse.landing.inference import inferred

COLUMNS = "exposure_id,user_id,item_id,shown_at,clicked"


def put(root, name, text):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def people(count=40):
    return pd.DataFrame(
        {
            "User_ID": range(count),
            "age": [f"{n % 5}0s" for n in range(count)],
            "Age": "x",
            "name": [f"person {n}" for n in range(count)],
            "constant": "x",
            "half empty": ["x", ""] * (count // 2),
            "empty": "",
            "height": [1.5 + n / 100 for n in range(count)],
            "_row": "x",
            " region ": ["a", "b"] * (count // 2),
            **{f"group{i}": [f"g{n % 3}" for n in range(count)] for i in range(5)},
        }
    )


def test_columns_are_chosen_or_left_out_with_the_true_reason(tmp_path, caplog):
    put(tmp_path, "exposures/dt=20260501/hr=9/a.csv", f"{COLUMNS},ctx_device,CTX_Page,note\n")
    (tmp_path / "users").mkdir()
    people().to_parquet(tmp_path / "users" / "users.parquet")
    inference = inferred(tmp_path)
    assert inference.description.user_fields == ("age", "region", "group0", "group1", "group2", "group3")
    assert inference.description.context_fields == ("ctx_device", "ctx_page")
    reasons = {f"{column.table}.{column.column}": column.why for column in inference.left_out}
    assert reasons == {
        "users.Age": "differs from 'age' in case alone",
        "users.name": "has 40 different values in 40 rows, too many for a category",
        "users.constant": "has one value in all rows",
        "users.half empty": "has one value in all rows",
        "users.empty": "is empty",
        "users.height": "holds double, which is neither text, a flag nor a whole number",
        "users._row": "has a name that the reader needs for itself",
        "users.group4": "comes after 6 others, which are all that models take",
        "exposures.note": "is none of the contract, and its name does not begin with ctx_",
    }
    with caplog.at_level(logging.WARNING):
        description = reading.describe(tmp_path)
    (record,) = caplog.records
    assert "user fields: age, region" in record.getMessage() and "domains: any" in record.getMessage()
    assert "left out: users.constant has one value in all rows" in record.getMessage()
    users = reading.read(tmp_path, description, "users")
    assert set(users.frame.columns) >= {"user_id", "age", "region"}
    (left_out,) = [text for text in users.warnings if "left out" in text]
    assert "constant (has one value in all rows)" in left_out
    hours = reading.read(tmp_path, description, "exposures")
    assert "ctx_page" in hours.frame


def test_what_source_json_does_not_choose_is_left_out_for_that_reason(tmp_path):
    (tmp_path / "users").mkdir()
    people().to_csv(tmp_path / "users" / "users.csv", index=False)
    (left_out,) = [t for t in reading.read(tmp_path, DESCRIPTION, "users").warnings if "left out" in t]
    assert "group0 (is not among user_fields)" in left_out and "empty (is empty)" in left_out
    assert "Age (differs from 'age' in case or spacing alone)" in left_out


@pytest.mark.parametrize("form", ["date={}", "dt={}", "{}", "{}/region=eu"])
def test_days_in_any_form_and_external_behaviour_from_before_the_feed(tmp_path, form):
    put(tmp_path, f"exposures/{form.format('2026-05-03')}/hour=9/a.csv", f"{COLUMNS}\n")
    put(tmp_path, f"external_clicks/{form.format('2026-05-01')}/hour=9/a.csv", "user_id\n")
    put(tmp_path, f"purchases/{form.format('2026-05-04')}/a.csv", "user_id\n")
    put(tmp_path, f"points/{form.format('2026-05-02')}/a.csv", "user_id\n")
    source = inferred(tmp_path).description
    assert (source.first_day, source.last_day) == ("2026-05-03", "2026-05-04")
    assert (source.external_first_day, source.shop_first_day) == ("2026-05-01", "2026-05-02")
    put(tmp_path, f"exposures/{form.format('2026-05-01')}/hour=9/a.csv", f"{COLUMNS}\n")
    source = inferred(tmp_path).description
    assert (source.first_day, source.external_first_day, source.shop_first_day) == ("2026-05-01", None, None)


def test_a_quiet_first_hour_hides_no_context_column(tmp_path):
    put(tmp_path, "exposures/date=2026-05-01/hour=00/a.jsonl", "")
    put(tmp_path, "exposures/date=2026-05-01/hour=01/a.csv", f"{COLUMNS},ctx_device\n")
    assert inferred(tmp_path).description.context_fields == ("ctx_device",)


def test_a_folder_without_any_dated_file_says_what_lies_there_instead(tmp_path):
    put(tmp_path, "exposure/date=2026-05-01/a.csv", f"{COLUMNS}\n")
    put(tmp_path, "purchases/2026-13-01/a.csv", "user_id\n")
    with pytest.raises(FileNotFoundError, match=r"call the folder exposures/.*2026-13-01.*names no date"):
        inferred(tmp_path)
