"""Counts, rates and age against brute force over the events received before each instance's hour."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.ranking.features.codes import Codes
from models.ranking.features.event_log import (
    DAY_MS,
    HOUR_MS,
    MISSING,
    Entities,
    EventDays,
    EventLog,
    Exposures,
    ExternalClicks,
)
from models.ranking.features.features import Features, FeatureSettings
from tests.models.ranking.features.reference import list_reference, reference
from tests.models.ranking.toy import START, future_changed, same_requests_before, toy_log

SETTINGS = FeatureSettings(domains=2, pair_days=2)


def encoded(log: EventLog, chosen: FeatureSettings = SETTINGS) -> tuple[Features, list[Codes]]:
    features = Features.start(chosen, log)
    return features, [features.encode_day(day) for day in EventDays.of(log)]


def column_of(codes: list[Codes], name: str) -> np.ndarray:
    at = [spec.name for spec in codes[0].layout.specs].index(name)
    return np.concatenate([part.columns[at] for part in codes])


def check_against_reference(log: EventLog, codes: list[Codes], chosen: FeatureSettings, rows) -> None:
    names = [spec.name for spec in codes[0].layout.specs]
    matrix = np.concatenate([part.matrix() for part in codes])
    assert len(matrix) == len(log.exposures)
    for i in rows:
        expected = reference(log, chosen, i)
        for column, name in enumerate(names):
            if name.startswith(("count_", "item_age", "session_")):
                assert matrix[i, column] == expected[name], (i, name)
        by_name = dict(zip(names, matrix.T, strict=True))
        for name, code in list_reference(log, by_name, i).items():
            assert by_name[name][i] == code, (i, name)


@st.composite
def logs(draw) -> EventLog:
    """Some days with silent hours, days without events, few users and items, so that pairs come again."""
    zone = draw(st.sampled_from([0, 8 * HOUR_MS, -5 * HOUR_MS]))
    first, hours = draw(st.integers(0, 23)), draw(st.integers(1, 24 * 9))
    start = START - zone + first * HOUR_MS
    moment = st.integers(0, hours * 4 - 1)  # quarters of an hour
    event = st.tuples(moment, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
    shown = np.array(sorted(draw(st.lists(event, min_size=1, max_size=40))), np.int64).reshape(-1, 4)
    external = np.array(sorted(draw(st.lists(event, max_size=25))), np.int64).reshape(-1, 4)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    quarter = HOUR_MS // 4
    at, received = start + shown[:, 0] * quarter, start + external[:, 0] * quarter
    published = np.where(rng.random(4) < 0.5, MISSING, start + rng.integers(-9, 60, 4) * HOUR_MS)
    return EventLog(
        Exposures(
            shown[:, 1],
            shown[:, 2],
            at,
            shown[:, 3] > 1,
            np.where(shown[:, 3] > 2, 30, np.nan).astype(np.float32),
            rng.integers(-1, 2, (len(at), 1)),
            rng.integers(-1, 6, len(at)) << 57,
        ),
        ExternalClicks(external[:, 1], external[:, 2], external[:, 3], received, received),
        Entities(np.arange(4), rng.integers(-1, 2, (4, 1)), np.full(4, MISSING)),
        Entities(np.arange(4), rng.integers(-1, 2, (4, 2)), published),
        start,
        start + hours * HOUR_MS,
        zone,
    )


@settings(max_examples=60, deadline=None)
@given(logs(), st.sampled_from([None, 1, 2, 5]))
def test_days_give_the_counts_of_brute_force(log, pair_days):
    chosen = FeatureSettings(domains=2, pair_days=pair_days)
    _, codes = encoded(log, chosen)
    check_against_reference(log, codes, chosen, range(len(log.exposures)))


@settings(max_examples=40, deadline=None)
@given(logs(), st.sampled_from([None, 1, 2]), st.data())
def test_hours_behind_a_day_give_the_counts_of_brute_force(log, pair_days, data):
    chosen = FeatureSettings(domains=0, pair_days=pair_days)
    hours = (log.end_ms - log.start_ms) // HOUR_MS
    cut = log.start_ms + data.draw(st.integers(0, hours - 1)) * HOUR_MS
    features = Features.of(chosen, log.between(log.start_ms, cut)) if cut > log.start_ms else None
    features = features or Features.start(chosen, log)
    codes = []
    for start in range(cut, log.end_ms, HOUR_MS):
        hour = log.between(start, start + HOUR_MS)
        codes.append(features.codes(hour.exposures, hour.users, hour.items).matrix())
        features.append(hour)
    later = log.between(cut, log.end_ms).exposures
    np.testing.assert_array_equal(np.concatenate(codes), features.codes(later).matrix())
    names = [spec.name for spec in features.layout.specs]
    first = len(log.exposures) - len(later)
    for i, row in enumerate(np.concatenate(codes)):
        expected = reference(log, chosen, first + i)
        assert {n: v for n, v in zip(names, row, strict=True) if n in expected} == {
            n: expected[n] for n in names if n in expected
        }


@pytest.mark.parametrize("zone_hours", [0, 8])
def test_a_busy_log_gives_the_counts_of_brute_force(zone_hours):
    log = replace(toy_log(hours=60, per_hour=25, users=20, items=15), zone_offset_ms=zone_hours * HOUR_MS)
    features, codes = encoded(log, FeatureSettings())
    rows = np.random.default_rng(0).choice(len(log.exposures), 60, replace=False)
    check_against_reference(log, codes, features.settings, rows)
    assert sum(spec.name.startswith("count_") for spec in features.layout.specs) > 50


def test_narrow_columns_are_read_as_wide_ones():
    log = toy_log(hours=50)
    e, x = log.exposures, log.external
    small = replace(
        log,
        exposures=replace(e, user=e.user.astype(np.int32), item=e.item.astype(np.int32)),
        external=replace(x, user=x.user.astype(np.int32), item=x.item.astype(np.int32)),
    )
    for one, other in zip(encoded(log)[1], encoded(small)[1], strict=True):
        np.testing.assert_array_equal(one.matrix(), other.matrix())


def test_calendar_age_and_fields_are_those_of_the_instance():
    log = replace(toy_log(hours=30, per_hour=25), zone_offset_ms=8 * HOUR_MS)
    _, codes = encoded(log, FeatureSettings(counts=False))
    e = log.exposures
    stamps = (e.shown_at + 8 * HOUR_MS).astype("datetime64[ms]")
    of_day = (stamps - stamps.astype("datetime64[D]")).astype("timedelta64[h]").astype(int)
    assert (column_of(codes, "hour_of_day") == of_day).all()
    monday = np.datetime64("2022-01-03")
    weekday = (stamps.astype("datetime64[D]") - monday).astype(int) % 7
    assert (column_of(codes, "weekday") == weekday).all()
    assert (column_of(codes, "item_field3") == log.items.fields[e.item, 3]).all()
    assert (column_of(codes, "user_field1") == log.users.fields[e.user, 1]).all()
    assert (column_of(codes, "context0") == e.context[:, 0]).all()
    published = log.items.published_at[e.item]
    assert (published > e.shown_at // HOUR_MS * HOUR_MS).any()  # younger than the hour itself
    rows = np.arange(0, len(e), 7)
    age = column_of(codes, "item_age")
    assert age[rows].tolist() == [reference(log, SETTINGS, i)["item_age"] for i in rows]


@pytest.mark.parametrize("hour", [5, 23, 24, 31, 47])
def test_the_future_moves_no_code(hour):
    log = toy_log(hours=50)
    changed, origin = future_changed(log, hour)
    before = np.concatenate([part.matrix() for part in encoded(log)[1]])
    after = np.concatenate([part.matrix() for part in encoded(changed)[1]])
    within = changed.exposures.shown_at < START + (hour + 1) * HOUR_MS
    same = within & (origin >= 0)
    assert (within & (origin < 0)).any() and same.sum() > 80 * hour
    session = encoded(log)[1][0].layout.columns("session")
    untouched = same & same_requests_before(log, changed, origin)
    assert (untouched & (changed.exposures.shown_at >= START + hour * HOUR_MS)).sum() > 10
    np.testing.assert_array_equal(before[origin[untouched]], after[untouched])
    before, after = (np.delete(codes, session, axis=1) for codes in (before, after))
    np.testing.assert_array_equal(before[origin[same]], after[same])
    later = ~within & (origin >= 0)
    assert (before[origin[later]] != after[later]).any()  # the converse: the past does


def test_a_domain_is_ranked_once_its_first_day_is_over():
    log = toy_log(hours=60)
    features, codes = encoded(log, FeatureSettings(domains=4))
    first_day = (log.exposures.shown_at - START) // DAY_MS == 0
    for rank in range(4):
        column = column_of(codes, f"count_external_domain{rank}_all")
        assert not column[first_day].any() and column[~first_day].any() == (rank < 3)
    x = log.external
    clicks = np.bincount(x.domain[x.received_at < START + DAY_MS])
    assert features.counts.domains == tuple(np.argsort(-clicks, kind="stable"))


def test_newest_descriptions_hold_from_the_next_day_on():
    log = toy_log(hours=60)
    days = list(EventDays.of(log))
    features = Features.start(SETTINGS, log)
    first = features.encode_day(days[0])
    newer = replace(log.items, fields=log.items.fields + 5)
    features.refresh(log.users, newer)
    second = features.encode_day(days[1])
    for day, codes, added in ((days[0], first, 0), (days[1], second, 5)):
        fields = log.items.fields[day.exposures.item, 2] + added
        assert (column_of([codes], "item_field2") == fields).all()


@pytest.mark.parametrize(
    ("name", "cut", "match"),
    [
        ("longer than a day", lambda log: log.between(START + DAY_MS, START + 3 * DAY_MS), "one service"),
        ("taken in before", lambda log: log.between(START, START + DAY_MS), "before the end"),
    ],
)
def test_what_is_not_the_next_day_is_refused(name, cut, match):
    log = toy_log(hours=72)
    features = Features.of(SETTINGS, log.between(START, START + DAY_MS))
    with pytest.raises(ValueError, match=match):
        features.encode_day(cut(log))


def test_a_day_out_of_order_or_behind_hours_is_refused():
    log = toy_log(hours=72)
    features = Features.of(SETTINGS, log.between(START, START + DAY_MS))
    day = log.between(START + DAY_MS, START + 2 * DAY_MS)
    e = day.exposures
    with pytest.raises(ValueError, match="exposures by shown_at are not in order"):
        features.encode_day(replace(day, exposures=replace(e, shown_at=e.shown_at[::-1])))
    with pytest.raises(ValueError, match="encode_day"):
        features.codes(log.between(START, START + HOUR_MS).exposures)
    features.append(day.between(day.start_ms, day.start_ms + HOUR_MS))
    with pytest.raises(ValueError, match="appended"):
        features.encode_day(day.between(day.start_ms + HOUR_MS, day.end_ms))
