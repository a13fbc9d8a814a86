"""Curves that MLflow lays over each other are told apart by colour."""

from itertools import combinations

import pytest

from assets.ranking.run_colour import TAG, colour_tag
from models.ranking.registry import SYSTEMS

LEAST = 30  #: distance in red, green and blue (0 to 255 each) of any two systems of a day


@pytest.mark.parametrize("day", ["2026-03-04", "2026-03-05", "2026-03-06"])
def test_no_two_systems_of_a_day_look_alike(day):
    colours = {system: _rgb(system, day) for system in SYSTEMS}
    for one, other in combinations(colours, 2):
        apart = sum((a - b) ** 2 for a, b in zip(colours[one], colours[other], strict=True)) ** 0.5
        assert apart >= LEAST, (one, other, apart)


def test_three_days_of_a_system_differ_and_its_hours_do_not():
    days = [f"2026-03-0{day}" for day in (4, 5, 6)]
    assert len({_rgb("lsttm", day) for day in days}) == 3
    assert colour_tag("lsttm", "2026-03-04-07:00") == colour_tag("lsttm", "2026-03-04..2026-03-09")


def test_a_system_that_is_not_registered_is_grey():
    red, green, blue = _rgb("of another version", "2026-03-04")
    assert red == green == blue


def _rgb(system: str, partition: str) -> tuple[int, int, int]:
    text = colour_tag(system, partition)[TAG]
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:], 16)
