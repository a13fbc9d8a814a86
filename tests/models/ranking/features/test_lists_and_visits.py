"""What an instance knows of its list and its visit: served in turn or at once, and never what came of it."""

from dataclasses import replace

import numpy as np
import pytest

from models.ranking.features.event_log import DAY_MS, HOUR_MS, MISSING, EventDays, EventLog, rows
from models.ranking.features.features import Features, FeatureSettings
from models.ranking.features.lists import COMPARED, VALUES
from tests.models.ranking.toy import START, toy_log

MORNING = START + 2 * DAY_MS


def feed(hours: int = 60) -> EventLog:
    """Users who ask for lists of one to nine items, some several times within a visit, two lists at once."""
    log, rng = toy_log(hours=hours, per_hour=60, users=12), np.random.default_rng(3)
    e = log.exposures
    request = np.repeat(rng.permutation(len(e)), rng.integers(1, 10, len(e)))[: len(e)].astype(np.int64)
    first = np.flatnonzero(np.diff(request, prepend=-1))
    head = np.repeat(first, np.diff(np.append(first, len(e))))
    user, shown_at = e.user[head], e.shown_at[head]
    shown_at = np.where(user % 3 == 0, shown_at, shown_at + 20 * (np.arange(len(e)) - head))
    request = np.where(user == 7, -1, request << 40)
    order = np.argsort(shown_at, kind="stable")
    exposures = replace(e, user=user, shown_at=shown_at, request=request)
    return replace(log, exposures=rows(exposures, order)).between(log.start_ms, log.end_ms)


def columns(features: Features, *names: str) -> list[int]:
    return features.layout.columns(*names)


@pytest.fixture(scope="module")
def log() -> EventLog:
    return feed()


@pytest.fixture(scope="module")
def morning(log, tmp_path_factory) -> Features:
    """The state after two days, as a ranker opens it."""
    folder = tmp_path_factory.mktemp("state") / "state"
    Features.of(FeatureSettings(), log.between(START, MORNING)).save(folder)
    return Features.load(folder)


def test_requests_served_in_turn_have_the_codes_of_the_hour_at_once(log, morning):
    hour = log.between(MORNING, MORNING + HOUR_MS)
    e = hour.exposures
    at_once = morning.codes(e).matrix()
    cuts = np.unique(np.append(np.flatnonzero(np.diff(e.request)) + 1, len(e)))
    whole_lists = [
        cut for cut in cuts if not np.isin(e.request[cut:], e.request[:cut][e.request[:cut] >= 0]).any()
    ]
    assert len(whole_lists) > 5
    for cut in whole_lists:
        so_far = morning.codes(rows(e, slice(0, cut))).matrix()
        np.testing.assert_array_equal(so_far, at_once[:cut])
    session = columns(morning, "session")
    assert len(np.unique(at_once[:, session[1]])) > 3  # visits of several requests
    alone = np.concatenate([morning.codes(rows(e, slice(i, i + 1))).matrix() for i in range(len(e))])
    assert (alone[:, session] != at_once[:, session]).any()  # the converse: the hour's requests are read


def test_hours_behind_a_day_have_the_codes_of_the_day(log, morning, tmp_path):
    """Visits and lists across the turns of hours and of the day."""
    day = log.between(MORNING, log.end_ms)
    straight = Features.of(FeatureSettings(), log.between(START, MORNING))
    whole = straight.encode_day(day).matrix()
    morning.save(tmp_path / "copy")
    features, parts = Features.load(tmp_path / "copy"), []
    for start in range(MORNING, log.end_ms, HOUR_MS):
        hour = log.between(start, start + HOUR_MS)
        parts.append(features.codes(hour.exposures, hour.users, hour.items).matrix())
        features.append(hour)
    own = columns(morning, "session", "list", "item_age")
    np.testing.assert_array_equal(np.concatenate(parts)[:, own], whole[:, own])
    features.save(tmp_path / "evening")
    later = log.between(MORNING + 3 * HOUR_MS, log.end_ms).exposures
    again = Features.load(tmp_path / "evening").codes(later).matrix()
    np.testing.assert_array_equal(again[:, own], whole[len(whole) - len(later) :, own])


def test_days_one_by_one_have_the_visits_of_all_of_them(log):
    """A visit goes on over midnight."""
    features = Features.start(FeatureSettings(), log)
    codes = np.concatenate([features.encode_day(day).matrix() for day in EventDays.of(log)])
    e, gap = log.exposures, columns(features, "session_gap")[0]
    first_of_day = np.flatnonzero(np.diff(e.shown_at // DAY_MS, prepend=-1))[1:]
    soon = [i for i in first_of_day if (e.user[:i] == e.user[i]).any()]
    assert len(soon) and (codes[soon, gap] > 0).all()


def test_what_came_of_an_hour_moves_none_of_its_codes(log, morning):
    hour = log.between(MORNING, MORNING + 3 * HOUR_MS)
    e, rng = hour.exposures, np.random.default_rng(1)
    other = replace(e, clicked=~e.clicked, dwell_seconds=rng.exponential(50, len(e)).astype(np.float32))
    np.testing.assert_array_equal(morning.codes(e).matrix(), morning.codes(other).matrix())
    days = []
    for exposures in (e, other):
        features = Features.of(FeatureSettings(), log.between(START, MORNING))
        days.append(features.encode_day(replace(hour, exposures=exposures)).matrix())
    first = len(log.between(MORNING, MORNING + HOUR_MS).exposures)
    np.testing.assert_array_equal(days[0][:first], days[1][:first])
    assert (days[0][first:] != days[1][first:]).any()
    own = columns(morning, "session")
    np.testing.assert_array_equal(days[0][:, own], days[1][:, own])


def test_the_order_within_a_list_moves_nothing(log, morning):
    e = log.between(MORNING, MORNING + HOUR_MS).exposures
    shuffled = np.lexsort((np.random.default_rng(2).random(len(e)), e.shown_at))
    assert (shuffled != np.arange(len(e))).any()
    codes = morning.codes(rows(e, shuffled)).matrix()
    np.testing.assert_array_equal(codes, morning.codes(e).matrix()[shuffled])
    renamed = replace(e, request=np.where(e.request < 0, -1, (1 << 62) - e.request))
    np.testing.assert_array_equal(morning.codes(renamed).matrix(), morning.codes(e).matrix())


def test_another_candidate_moves_the_codes_of_its_list_alone(log, morning):
    e = log.between(MORNING, MORNING + HOUR_MS).exposures
    sizes = {r: (e.request == r).sum() for r in np.unique(e.request) if r >= 0}
    longest = max(sizes, key=lambda r: sizes[r])
    one = np.flatnonzero(e.request == longest)[0]
    item = e.item.copy()
    item[one] = 39 if item[one] != 39 else 38
    before, after = (morning.codes(x).matrix() for x in (e, replace(e, item=item)))
    changed = (before != after).any(axis=1)
    assert changed[one] and changed.sum() > 1 and (e.request[changed] == longest).all()


def test_histograms_of_lists_hold_every_compared_code(log, morning):
    bins = {spec.name: spec.bins for spec in morning.layout.specs}
    assert max(bins[name] for name in COMPARED.values()) <= VALUES


def test_without_requests_a_list_is_unknown(log, morning):
    e = log.between(MORNING, MORNING + HOUR_MS).exposures
    e = replace(e, request=np.full(len(e), MISSING))
    codes = morning.codes(e).matrix()
    assert not codes[:, columns(morning, "list")].any()
    assert codes[:, columns(morning, "session")].any()


@pytest.mark.parametrize("switch", ["session", "list_context", "counts"])
def test_a_switch_leaves_its_columns_out(log, switch):
    chosen = FeatureSettings(**{switch: False})
    full, fewer = (Features.start(s, log) for s in (chosen.canonical(), chosen))
    assert len(fewer.layout) < len(full.layout)
    for day in EventDays.of(log):
        wanted = full.encode_day(day).select(fewer.layout).matrix()
        np.testing.assert_array_equal(fewer.encode_day(day).matrix(), wanted)
