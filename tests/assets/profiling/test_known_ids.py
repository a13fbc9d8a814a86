"""Ids of a list against those of a log: as they are written first, and what a spreadsheet made of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.common.faults import BadRequest
from assets.profiling.audience.known_ids import known_ids
from tests.assets.profiling.profiler_stand_in import AS_OF_KEY, read

LIST = Path("list.csv")
DATA = read(AS_OF_KEY)


def matched(ids, known):
    """The ids of the log that a list names, those that nobody has, and what was read again."""
    names = np.sort(np.asarray(known))
    listed = known_ids(LIST, tuple(ids), replace(DATA, user_ids=names))
    return set(names[listed.positions]), set(listed.unknown), listed.remark


@pytest.mark.parametrize(
    "written, known",
    [
        ("12347.0", "12347"),
        ("12347.", "12347"),
        ("12347.00", "12347"),
        ("12347,0", "12347"),
        ("12347.000", "12347"),
        ("12347.000000", "12347"),
        ("1.2347E4", "12347"),
        ("1,2347E+4", "12347"),
        ("1.234700e+04", "12347"),
        ("-7.0", "-7"),
        ('="0042"', "0042"),
        ("'0042", "0042"),
        ("42", "0042"),
        ("42.0", "0042"),
        ("00042", "42"),
    ],
)
def test_what_a_spreadsheet_made_of_an_id_is_read_as_it_and_said(written, known):
    names, unknown, remark = matched([written], [known, "other"])
    assert (names, unknown) == ({known}, set())
    assert remark.startswith("1 ") and repr(written) in remark and repr(known) in remark


@pytest.mark.parametrize("written", ["12347.0", "1.2347E4", "9.1E+18", "00042", "'7", "12e4", "1E+05"])
def test_an_id_that_is_known_as_it_is_written_is_itself(written):
    assert matched([written], [written, "12347", "42", "7", "120000"]) == ({written}, set(), "")


@pytest.mark.parametrize(
    "written, known",
    [
        ("12.000", "12"),  # twelve thousand, in German
        ("12,000", "12"),  # and in English
        ("12.5", "12"),
        ("12e4", "120000"),  # hexadecimal digits
        ("v1.0", "v1"),
        ("nobody", "somebody"),
    ],
)
def test_what_may_be_another_id_stays_unknown(written, known):
    assert matched([written], [known]) == (set(), {written}, "")


def test_zeros_in_front_are_put_back_only_where_all_ids_have_one_length():
    assert matched(["42"], ["0042", "042", "17"])[1] == {"42"}
    assert matched(["42", "x"], ["0042", "1234", "word"])[0] == {"0042"}


@pytest.mark.parametrize(
    "written", ["9.1E+18", "1E+05", "1.2347E+05", "9,1E+18", "9100000000000000001.0", "1E+999"]
)
def test_an_id_that_lost_digits_is_refused_by_name(written):
    with pytest.raises(BadRequest, match="ids that went through numbers") as caught:
        matched(["12347.0", written], ["12347", "100000", "9100000000000000000", "123470"])
    assert repr(written) in str(caught.value) and "format is Text" in str(caught.value)


def test_all_of_a_list_is_counted_by_what_was_read_again():
    names, unknown, remark = matched(["1.0", "2.0", "3", '="4"', "5.0", "x"], ["1", "2", "3", "4"])
    assert names == {"1", "2", "3", "4"} and unknown == {"5.0", "x"}
    assert "1 were marked as text" in remark and "2 went through numbers with fractions" in remark


NUMBERS = st.lists(st.integers(0, 2**53 - 1), min_size=1, max_size=30, unique=True)
WRITTEN = [str, "{}.0".format, "{},00".format, "{}.000000".format, "{:.16e}".format, '="{}"'.format]


@given(NUMBERS, st.data())
def test_numbers_in_whatever_form_are_the_same_users(numbers, data):
    known = [str(number) for number in numbers]
    written = [data.draw(st.sampled_from(WRITTEN))(number) for number in numbers]
    assert matched(written, known)[:2] == (set(known), set())


@given(NUMBERS)
def test_ids_of_one_length_are_known_without_their_zeros(numbers):
    known = [f"{number:017d}" for number in numbers]
    assert matched([str(number) for number in numbers], known)[:2] == (set(known), set())
