"""Hours in words, and many lines in few."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.spans import in_words, runs, shortened


def hours(day, *clocks):
    return [f"2026-05-{day:02d}-{clock:02d}:00" for clock in clocks]


@pytest.mark.parametrize(
    "keys, words",
    [
        ([], ""),
        (hours(1, 7), "hour 07 of 2026-05-01"),
        (hours(1, *range(3, 24)), "hours 03–23 of 2026-05-01"),
        (hours(1, 3, 4, 7), "hours 03–04 and 07 of 2026-05-01"),
        (hours(1, *range(24)), "all hours of 2026-05-01"),
        (
            hours(1, *range(24)) + hours(2, *range(24)) + hours(3, 0),
            "hour 00 of 2026-05-03, all hours of 2 days from 2026-05-01 to 2026-05-02",
        ),
    ],
)
def test_hours_in_words(keys, words):
    assert in_words(keys) == words
    assert in_words(reversed(keys)) == words


def test_a_long_list_is_counted():
    words = in_words([key for day in range(1, 20) for key in hours(day, 1, 2)])
    assert words.count("of 2026") == 6 and words.endswith("26 hours of 13 more days")


@given(st.lists(st.integers(0, 60), unique=True))
def test_runs_keep_every_key_in_order_and_cut_at_each_hole(numbers):
    keys = [f"{number:03d}" for number in sorted(numbers)]
    cut = runs(keys, lambda last, key: int(key) == int(last) + 1)
    assert [key for part in cut for key in part] == keys
    assert all(int(b[0]) > int(a[-1]) + 1 for a, b in pairwise(cut))


def test_lines_are_said_once_and_the_rest_is_counted():
    assert shortened(["a\nb", "a", ""]) == "a\nb"
    assert shortened([str(number) for number in range(14)]).splitlines()[-1] == "and 4 more"
