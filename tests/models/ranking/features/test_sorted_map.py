"""Look-ups of sparse ids, by search and by table, against a dictionary."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.ranking.features.sorted_map import IDLE, SortedMap

ids = st.lists(st.integers(-1, 60), unique=True, max_size=30)


@given(ids, ids, st.lists(st.integers(-3, 70), max_size=20), st.integers(1, 9))
def test_a_map_answers_as_a_dictionary(base, later, asked, spread):
    base, later = sorted(base), [i for i in later if i not in base]
    wide = np.array(base, np.int64) * spread  # spread out, a table would be too large
    known = SortedMap(wide, np.arange(len(base)) + 100)
    known.append(np.array(later, np.int64) * spread + 10_000, np.arange(len(later)) + 500)
    expected = {int(i): 100 + n for n, i in enumerate(wide)}
    expected |= {i * spread + 10_000: 500 + n for n, i in enumerate(later)}
    questions = np.array([*asked, *wide, *(i * spread + 10_000 for i in later)], np.int64)
    for narrow in (questions, questions.astype(np.int32), questions[:, None]):  # the first builds a table
        answers = known.get(narrow)
        assert answers.dtype == np.int64 and answers.shape == narrow.shape
        assert answers.reshape(-1).tolist() == [expected.get(i, -1) for i in questions.tolist()]


def test_a_base_that_is_hardly_asked_is_searched():
    """Opening a daily model for one hour makes no table of all its ids."""
    known = SortedMap(np.arange(1000 * IDLE), np.arange(1000 * IDLE))
    assert known.get(np.array([5, 7])).tolist() == [5, 7] and known._table is None
    known.get(np.arange(1000))
    assert known._table is not None and known.get(np.array([5, -4, 10**9])).tolist() == [5, -1, -1]
