"""When codes appear, who is hidden as new, and who gets a row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ranking.features.codes import Codes, FieldSpec, Layout
from models.ranking.features.vocabulary import UNSEEN
from models.ranking.instances.newcomers import Hiding, vocabulary_of
from models.ranking.instances.spans import Spans, spans_of

LAYOUT = Layout(
    (
        FieldSpec("user_id", "user_id"),
        FieldSpec("item_id", "item_id"),
        FieldSpec("user_field0", "category"),
        FieldSpec("hour_of_day", "bins", 24),
    )
)
CODES = np.array([[1, 1, 3, 0], [2, 1, 3, 0], [1, 2, 3, 0], [2, 2, -1, 0], [1, 2, -1, 0]])
HOURS = np.array([4, 5, 5, 6, 24])
U = UNSEEN


def spans():
    named = spans_of(Codes.narrow(LAYOUT, list(CODES.T)), HOURS)
    return {c: named[spec.name] for c, spec in enumerate(LAYOUT.specs) if spec.name in named}


@pytest.mark.parametrize(
    ("newcomers", "expected"),
    [
        ("own", CODES[:, :3].T.tolist()),
        ("hour", [[U, U, 1, 2, 1], [U, 1, U, 2, 2], [U, 3, 3, U, -1]]),
        ("day", [[U, U, U, U, 1], [U, U, U, U, 2], [U, 3, 3, U, -1]]),
    ],
)
def test_newcomers_read_the_oov_row_and_all_that_is_read_otherwise_has_a_row(newcomers, expected):
    hiding, vocabulary = Hiding(LAYOUT, spans(), newcomers), vocabulary_of(LAYOUT, spans(), newcomers)
    for c in range(3):
        seen = hiding.codes(c, CODES[:, c], HOURS)
        assert seen.tolist() == expected[c]
        rows = vocabulary.look_up(c, seen)
        assert ((rows == vocabulary.oov_row(c)) == (seen == U)).all()
    # No row that no instance reads.
    assert vocabulary.size == sum(1 + len(set(e) - {U}) for e in expected) + 24


@given(
    days=st.lists(
        st.lists(st.tuples(st.integers(-1, 30), st.integers(0, 23)), max_size=40), min_size=1, max_size=5
    )
)
def test_days_united_are_the_spans_of_the_whole(days):
    whole_codes, whole_hours, parts = [], [], []
    for number, rows in enumerate(days):
        rows = sorted(rows, key=lambda row: row[1])
        codes = np.array([code for code, _ in rows], np.int32)
        hours = np.array([24 * number + hour for _, hour in rows], np.int64)
        parts.append(Spans.of(codes, hours))
        whole_codes.append(codes)
        whole_hours.append(hours)
    codes, hours = np.concatenate(whole_codes), np.concatenate(whole_hours)
    for spans_ in (Spans.united(parts), Spans.of(codes, hours)):
        assert spans_.codes.tolist() == list(dict.fromkeys(codes.tolist()))
        for code, first, last in zip(spans_.codes, spans_.first, spans_.last, strict=True):
            mine = hours[codes == code]
            assert (first, last) == (mine[0], mine[-1])
