"""Counts, rates and age against brute force over the events received before each instance's hour."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ranking.features.cells import CountCells, pair_key
from models.ranking.features.event_log import DAY_MS, HOUR_MS, MISSING, EventDays
from models.ranking.features.features import Features, FeatureSettings, count_bins, rate_bins
from tests.models.ranking.toy import START, toy_log

SMOOTHING = 5.0


def brute_force(log, features, i):
    """Every count column of exposure i, counted one event at a time."""
    e, x = log.exposures, log.external
    start = int(e.shown_at[i]) // HOUR_MS * HOUR_MS
    past, received = e.shown_at < start, x.received_at < start
    fields = log.items.fields
    same_user, same_item = e.user == e.user[i], e.item == e.item[i]
    external_user = x.user == e.user[i]
    kinds = {"user": same_user, "item": same_item, "user_item": same_user & same_item}
    externals = {"external_user": external_user, "external_item": x.item == e.item[i]}
    for f in range(6):
        alike = fields[e.item, f] == fields[e.item[i], f]
        kinds |= {f"field{f}": alike, f"user_field{f}": alike & same_user}
        externals[f"external_user_field{f}"] = external_user & (fields[x.item, f] == fields[e.item[i], f])
    for rank in range(features.settings.domains):
        domain = features.domains[rank] if rank < len(features.domains) else -1
        externals[f"external_domain{rank}"] = external_user & (x.domain == domain)
    n = past.sum()
    base = {"click": (e.clicked[past].sum() + 1) / (n + 2)}
    long = np.nan_to_num(e.dwell_seconds) >= features.settings.long_seconds
    base["long"] = (long[past].sum() + 1) / (n + 2)
    out = {}
    for name, hours in (("all", 10**6), ("24h", 24), ("3h", 3), ("1h", 1)):
        recent = e.shown_at >= start - hours * HOUR_MS
        for kind, chosen in kinds.items():
            here = past & recent & chosen
            out[f"count_{kind}_{name}_shown"] = count_bins(here.sum())
            for label, hits in (("click", e.clicked), ("long", long)):
                args = (np.array(hits[here].sum()), np.array(here.sum()), base[label], SMOOTHING)
                out[f"count_{kind}_{name}_{label}_rate"] = rate_bins(*args)
        lately = received & (x.received_at >= start - hours * HOUR_MS)
        for kind, chosen in externals.items():
            out[f"count_{kind}_{name}"] = count_bins((lately & chosen).sum())
    before = e.shown_at[past & same_user]
    idle = (start - before.max() // HOUR_MS * HOUR_MS) // HOUR_MS if len(before) else 0
    out["count_user_idle"] = count_bins(idle)
    return out


@pytest.mark.parametrize("zone_hours", [0, 8])
def test_counts_are_those_of_brute_force(zone_hours):
    log = replace(toy_log(hours=30, per_hour=25, users=20, items=15), zone_offset_ms=zone_hours * HOUR_MS)
    features = Features(FeatureSettings(smoothing=SMOOTHING), log)
    codes = features.codes(log.exposures).matrix()
    names = [spec.name for spec in features.layout.specs]
    rng = np.random.default_rng(0)
    for i in rng.choice(len(log.exposures), 60, replace=False):
        expected = brute_force(log, features, i)
        for column, name in enumerate(names):
            if name.startswith("count_"):
                assert codes[i, column] == expected[name], (i, name)
    assert sum(name.startswith("count_") for name in names) > 50


def test_calendar_age_and_fields_are_those_of_the_instance():
    log = replace(toy_log(hours=30, per_hour=25), zone_offset_ms=8 * HOUR_MS)
    features = Features(FeatureSettings(counts=False), log)
    codes, e = features.codes(log.exposures).matrix(), log.exposures
    column = {spec.name: c for c, spec in enumerate(features.layout.specs)}
    stamps = (e.shown_at + 8 * HOUR_MS).astype("datetime64[ms]")
    of_day = (stamps - stamps.astype("datetime64[D]")).astype("timedelta64[h]").astype(int)
    assert (codes[:, column["hour_of_day"]] == of_day).all()
    monday = np.datetime64("2022-01-03")
    assert (codes[:, column["weekday"]] == (stamps.astype("datetime64[D]") - monday).astype(int) % 7).all()
    assert (codes[:, column["item_field3"]] == log.items.fields[e.item, 3]).all()
    assert (codes[:, column["context0"]] == e.context[:, 0]).all()
    age = codes[:, column["item_age"]]
    published = log.items.published_at[e.item]
    hour = e.shown_at // HOUR_MS * HOUR_MS
    assert (age[(published > hour)] == 1).all() and (published > hour).any()  # younger than the hour itself
    two = (published != MISSING) & (hour - published >= 2 * HOUR_MS) & (hour - published < 3 * HOUR_MS)
    assert len(set(age[two])) == 1
    unpublished = published == MISSING
    first = np.array([e.shown_at[e.item == item].min() // HOUR_MS * HOUR_MS for item in e.item])
    assert (age[unpublished & (first == hour)] == 0).all() and (age[unpublished & (first < hour)] > 1).all()


def test_hours_appended_one_by_one_give_the_codes_of_a_whole_log():
    log = toy_log(hours=40)
    whole = Features(FeatureSettings(), log)
    grown = Features(FeatureSettings(), log.between(START, START + 20 * HOUR_MS))
    grown.domains = whole.domains
    for number in range(20, 40):
        grown.append(log.between(START + number * HOUR_MS, START + (number + 1) * HOUR_MS))
    np.testing.assert_array_equal(whole.codes(log.exposures).matrix(), grown.codes(log.exposures).matrix())
    back = Features.restore(grown.describe(), grown.arrays())
    np.testing.assert_array_equal(whole.codes(log.exposures).matrix(), back.codes(log.exposures).matrix())


def test_days_encoded_one_by_one_go_on_from_disk(tmp_path):
    log = toy_log(hours=60)
    features = Features.start(FeatureSettings(), log)
    whole = Features(FeatureSettings(), log)
    for number, day in enumerate(EventDays.of(log)):
        codes = features.encode_day(day)
        whole.domains = features.domains if number else ()  # those that were known when the day began
        np.testing.assert_array_equal(codes.matrix(), whole.codes(day.exposures).matrix())
        features.save(tmp_path / str(number))
        features = Features.load(tmp_path / str(number))
    plain = Features.load(tmp_path / "1", FeatureSettings(external=False))
    hour = log.between(log.end_ms - HOUR_MS, log.end_ms).exposures
    assert len(plain.layout) < len(features.layout)
    wanted = Features.load(tmp_path / "1").codes(hour).select(plain.layout).matrix()
    np.testing.assert_array_equal(plain.codes(hour).matrix(), wanted)
    with pytest.raises(ValueError, match="other feature settings"):
        Features.load(tmp_path / "1", FeatureSettings(smoothing=1.0))
    with pytest.raises(FileNotFoundError, match="encode the day before"):
        Features.load(tmp_path / "9")


def test_appending_leaves_the_base_alone():
    """The cost of an hour follows the hour: a base mapped read-only from disk is never written or copied."""
    log = toy_log(hours=40)
    features = Features(FeatureSettings(), log.between(START, START + 20 * HOUR_MS))
    arrays = features.arrays()
    for array in arrays.values():
        array.flags.writeable = False
    back = Features.restore(features.describe(), arrays)
    for number in range(20, 40):
        back.append(log.between(START + number * HOUR_MS, START + (number + 1) * HOUR_MS))
    for kind, cells in back.counts.kinds.items():
        assert cells._parts[0].keys is arrays[f"counts.{kind}.keys"]


events = st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 20), st.integers(0, 1)), max_size=40)


@given(events, events, st.lists(st.tuples(st.integers(-1, 4), st.integers(0, 25)), min_size=1, max_size=10))
def test_cells_count_strictly_before_the_period(base, later, queries):
    cells = CountCells(2)
    for part in (base, later[:20], later[20:]):
        table = np.array(part, np.int64).reshape(-1, 3)
        measures = np.stack([np.ones(len(table), np.int64), table[:, 2]], axis=1)
        cells.append(pair_key(table[:, 0]), table[:, 1], measures)
    asked = np.array(queries, np.int64)
    answers = cells.query(pair_key(asked[:, 0]), asked[:, 1], (None, 3))
    everything = base + later
    for q, (node, period) in enumerate(queries):
        mine = [(at, hit) for key, at, hit in everything if key == node and at < period]
        recent = [hit for at, hit in mine if at >= period - 3]
        assert answers.windows[0][q].tolist() == [len(mine), sum(hit for _, hit in mine)]
        assert answers.windows[1][q].tolist() == [len(recent), sum(recent)]
        assert answers.first[q] == min((at for at, _ in mine), default=-1)
        assert answers.last[q] == max((at for at, _ in mine), default=-1)


def test_codes_that_keys_cannot_hold_are_refused():
    with pytest.raises(ValueError, match="4194304"):
        pair_key(np.array([0]), np.array([1 << 22]))
    with pytest.raises(ValueError, match="hour"):
        CountCells(1).append(pair_key(np.array([0])), np.array([1 << 15]), np.ones((1, 1), np.int64))


def test_bins_are_monotonic_and_stay_in_range():
    counts = count_bins(np.array([0, 1, 2, 3, 10, 10**9]))
    assert (np.diff(counts) > 0).all() and counts[0] == 0 and counts[-1] == 31
    rates = rate_bins(np.arange(101), np.full(101, 100), np.full(101, 0.5), SMOOTHING)
    assert (np.diff(rates) >= 0).all() and rates.min() >= 1 and rates[50] == 13
    extreme = rate_bins(np.array([0, 10**6]), np.array([10**6, 10**6]), np.array([0.5, 0.001]), SMOOTHING)
    assert extreme.tolist() == [1, 25]
    assert rate_bins(np.array([0]), np.array([0]), np.array([0.5]), SMOOTHING) == [0]
    assert DAY_MS == 24 * HOUR_MS
