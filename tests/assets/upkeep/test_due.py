"""Which entries are due: by the days of their kind, and never what something needs."""

from pathlib import Path

import pytest

from assets.upkeep.due import Entry, dated, judge
from warehouse.keeping import KeepSettings, first_day

TODAY = "2026-03-20"


def entries(*days, owner="a"):
    return [Entry(day, Path(owner) / day, owner) for day in days]


def due(kind):
    return [entry.day for entry in kind.due]


def test_a_number_of_days_ends_with_the_newest():
    made = entries("2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04")
    assert due(judge("kind", Path(), made, 2, TODAY)) == ["2026-03-01", "2026-03-02"]
    assert due(judge("kind", Path(), made, 4, TODAY)) == []
    assert due(judge("kind", Path(), made, None, TODAY)) == []
    assert first_day("2026-03-02", 3) == "2026-02-28"


def test_what_stood_still_for_a_year_keeps_what_it_had():
    made = entries("2025-03-01", "2025-03-02")
    assert due(judge("kind", Path(), made, 2, TODAY)) == []


def test_a_day_after_today_is_no_measure_and_is_not_removed():
    made = entries("2026-03-18", "2026-03-19", "2062-03-01")
    assert due(judge("kind", Path(), made, 2, TODAY)) == []
    assert due(judge("kind", Path(), entries("2062-03-01", "2063-01-01"), 1, TODAY)) == []


def test_what_is_needed_stays_with_its_reason():
    made = entries("2026-01-01", "2026-01-02", "2026-03-19")
    kind = judge("kind", Path(), made, 1, TODAY, {Path("a/2026-01-01"): "champion"}, [made[1].path])
    assert due(kind) == []
    assert kind.stays == {Path("a/2026-01-01"): "champion", Path("a/2026-01-02"): "newest"}


def test_names_without_a_day_are_left_alone(tmp_path):
    for name in ("2026-03-01", ".2026-03-01.12.tmp", "mine"):
        (tmp_path / "a" / name).mkdir(parents=True)
    assert [entry.day for entry in dated((tmp_path / "a").glob("*"))] == ["2026-03-01"]


def test_hours_of_the_last_three_days_cannot_be_given_up():
    with pytest.raises(ValueError, match="hourly_states"):
        KeepSettings(hourly_states=3)
    with pytest.raises(ValueError, match="daily_models"):
        KeepSettings(daily_models=0)
    with pytest.raises(ValueError, match="hourly_model"):
        KeepSettings(hourly_model=3)
