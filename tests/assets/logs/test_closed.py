"""Days without files: closed as declared, as every week or within a history; or late."""

import pandas as pd
import pytest

from assets.logs.closed import closed_on
from warehouse.landing import closed_days
from warehouse.landing.description import SourceDescription


def days(first, last):
    return pd.date_range(first, last).strftime("%Y-%m-%d").tolist()


OPEN = [day for day in days("2026-01-05", "2026-03-07") if pd.Timestamp(day).weekday() != 6]


def test_days_are_named_by_weekday_date_year_and_range():
    named = ("Saturday", "2026-04-03..2026-04-06", "12-24..01-03", "05-01", "2026-06-04")
    year = days("2025-12-20", "2026-12-31")
    closed = closed_days.of(named, year)
    saturdays = {day for day in year if pd.Timestamp(day).weekday() == 5}
    turns = {*days("2025-12-24", "2026-01-03"), *days("2026-12-24", "2026-12-31")}
    assert closed == saturdays | turns | {*days("2026-04-03", "2026-04-06"), "2026-05-01", "2026-06-04"}
    assert closed_days.of((), year) == frozenset()


@pytest.mark.parametrize(
    "text", ["caturday", "13-01", "2026-02-30", "2026-04-06..2026-04-03", "12-24..2026-01-03"]
)
def test_a_text_that_names_no_day_is_refused_with_the_forms(text):
    with pytest.raises(ValueError, match=r"(?s)closed_days.*12-24\.\.01-03"):
        SourceDescription(name="shop", first_day="2026-01-01", last_day="2026-01-02", closed_days=(text,))


def test_a_day_without_files_is_closed_within_history_every_week_or_by_declaration():
    said = closed_on(["2026-02-01", "2026-03-08", "2026-03-09", "2026-03-10"], OPEN, ("2026-03-10",))
    assert list(said) == ["2026-02-01", "2026-03-08", "2026-03-10"]  # the 9th, a Monday, is late
    assert "later days have some" in said["2026-02-01"]
    assert "4 former Sundays" in said["2026-03-08"]
    assert "closed_days" in said["2026-03-10"]


def test_a_shop_of_three_weeks_and_a_delivery_that_ended_have_no_usual_weekday():
    assert closed_on(["2026-03-08"], OPEN[-18:], ()) == {}
    assert closed_on(["2026-05-10"], OPEN, ()) == {}
    assert closed_on(["2026-05-10"], [], ()) == {}
