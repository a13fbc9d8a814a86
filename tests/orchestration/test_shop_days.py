"""Days of a shop in words: those without files, each hole once."""

import pandas as pd

from orchestration.shop_days import holes_before, holes_in_words
from warehouse.landing.service_time import ServiceZone

UTC = ServiceZone("UTC")


def days(first, last):
    return pd.date_range(first, last).strftime("%Y-%m-%d").tolist()


EVERY = days("2025-11-03", "2026-02-01")
CLOSED = {day for day in EVERY if pd.Timestamp(day).weekday() == 6} | set(days("2025-12-24", "2026-01-03"))
OPEN = [day for day in EVERY if day not in CLOSED]


def test_a_hole_is_named_with_the_day_after_it_and_not_again():
    landed = set(OPEN)
    assert holes_before(OPEN, landed, UTC) == sorted(CLOSED - {"2026-02-01"})
    assert holes_before(["2026-01-12"], landed, UTC) == ["2026-01-11"]
    assert holes_before(["2026-01-13"], landed, UTC) == []
    assert holes_before(["2026-01-05"], landed, UTC) == days("2025-12-24", "2026-01-04")
    assert holes_before([], landed, UTC) == []


def test_holes_are_told_by_weekday_and_range():
    holes = holes_before(OPEN, OPEN, UTC)
    (text,) = holes_in_words(holes, ())
    assert text.startswith(
        "22 days without files of purchases or points are taken as days on which the shop was closed: "
        "12 Sundays, 2025-12-24 to 2026-01-03. "
    )
    (short,) = holes_in_words(holes, ("sunday",))
    assert "10 days without files" in short and "Sunday" not in short
    assert holes_in_words(holes, ("sunday", "12-24..01-03")) == []
    assert holes_in_words(["2026-01-11"], ())[0].startswith("2026-01-11 has no files of purchases or points")


def test_many_holes_are_counted():
    (text,) = holes_in_words([f"2026-01-{day:02d}" for day in range(1, 31, 3)], ())
    assert text.startswith("10 days") and "and 4 more" in text
