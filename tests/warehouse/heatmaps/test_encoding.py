"""Heatmaps against pandas on the same rows: values, window, local time, point in time."""

from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.simulator.shop import (
    DESCRIPTION,
    local,
    ms,
    opened,
    points,
    purchases,
    random_points,
    random_purchases,
)
from warehouse.heatmaps import making
from warehouse.heatmaps.reading import Heatmaps
from warehouse.heatmaps.settings import ChannelRule, HeatmapSettings, default_settings
from warehouse.heatmaps.store import NothingToEncode, encode_heatmaps
from warehouse.landing.local_time import QUARTER_MS, LocalZone

ZONE = LocalZone(DESCRIPTION.local)
AS_OF = "2017-06-10"
DEFAULT = default_settings("balances")


def heatmaps(warehouse, as_of=AS_OF, chosen=DEFAULT, folder=None, **options):
    folder = folder or Path(warehouse.path).parent / "heatmaps"
    encode_heatmaps(warehouse, folder, ZONE, chosen, as_of, **options)
    return Heatmaps.open(folder, as_of)


def cells(found, modality, warehouse):
    """{(user id, day, hour, channel name): value}."""
    names = dict(warehouse.connection.execute("SELECT user_index, user_id FROM user_index").fetchall())
    columns, channels = found.cells(modality), found.channels(modality)
    user = np.repeat(found.users, np.diff(columns.offsets))
    keys = zip(user, columns.day, columns.hour, columns.channel, strict=True)
    listed = [(names[u], int(d), int(h), channels[c]) for u, d, h, c in keys]
    assert len(set(listed)) == len(listed)
    order = np.lexsort((columns.channel, columns.hour, columns.day, np.searchsorted(found.users, user)))
    assert (order == np.arange(len(order))).all()
    return dict(zip(listed, columns.value.tolist(), strict=True))


def expected_shopping(frame, as_of, genres):
    rows = local(frame, "purchases", as_of)
    top = rows["genre"].str.split("/").str[0]
    event = np.where(rows["cancelled"], "cancelled", "bought")
    named = [g if g in genres[e] else "other" for g, e in zip(top, event, strict=True)]
    rows = rows.assign(channel=[f"{e} {g}" for e, g in zip(event, named, strict=True)])
    amounts = rows.groupby(["user_id", "day", "hour", "channel"])["price"].sum()
    baskets = rows[~rows["cancelled"]].groupby(["user_id", "day", "hour"])["at"].nunique()
    paid = {(*key, "payments"): float(count) for key, count in baskets.items()}
    return {key: float(np.float32(value)) for key, value in amounts.items()} | paid


@settings(max_examples=5)
@given(seed=st.integers(0, 1000), most=st.integers(1, 5), as_of=st.sampled_from([AS_OF, "2017-06-01"]))
def test_cells_equal_pandas(tmp_path_factory, seed, most, as_of):
    frame = random_purchases(400, "2016-05-20", 400, seed)
    dots = random_points(150, "2016-05-20", 400, seed)
    chosen = DEFAULT.model_copy(update={"max_genres": most})
    with opened(tmp_path_factory.mktemp("w"), {"purchases": frame, "points": dots}) as warehouse:
        found = heatmaps(warehouse, as_of, chosen)
        got, got_points = cells(found, "shopping", warehouse), cells(found, "points", warehouse)

    rows = local(frame, "purchases", as_of)
    genres = {}
    for event, cancelled in (("bought", False), ("cancelled", True)):
        one = rows[rows["cancelled"] == cancelled]
        users = one.groupby(one["genre"].str.split("/").str[0])["user_id"].nunique()
        genres[event] = sorted(users.index, key=lambda name: (-users[name], name))[:most]
    assert got == pytest.approx(expected_shopping(frame, as_of, genres), rel=1e-6)

    by_hour = local(dots, "points", as_of).groupby(["user_id", "day", "hour", "kind"])["amount"]
    wanted = by_hour.last().to_dict()
    wanted |= {key: value for key, value in by_hour.sum().to_dict().items() if key[3] == "used"}
    assert got_points == pytest.approx(wanted, rel=1e-6)


def test_the_last_balance_counts_and_amounts_add_up(tmp_path):
    rows = [
        ("a", ms("2017-06-01 10:50"), "standard", 7.0),
        ("a", ms("2017-06-01 10:05"), "standard", 3.0),
        ("a", ms("2017-06-01 10:10"), "used", 1.0),
        ("a", ms("2017-06-01 10:20"), "used", 2.0),
    ]
    with opened(tmp_path, {"points": points(rows)}) as warehouse:
        balances = cells(heatmaps(warehouse), "points", warehouse)
        amounts = cells(heatmaps(warehouse, chosen=default_settings("amounts")), "points", warehouse)
    assert balances == {("a", 356, 10, "standard"): 7.0, ("a", 356, 10, "used"): 3.0}
    assert amounts == {("a", 356, 10, "standard"): 10.0, ("a", 356, 10, "used"): 3.0}


def test_a_day_of_25_hours_adds_into_the_same_cell_and_one_of_23_has_an_empty_hour(tmp_path):
    autumn = [("a", ms("2016-11-06 01:30", fold=fold), 2.0, "food", False) for fold in (0, 1)]
    assert autumn[1][1] - autumn[0][1] == 3_600_000
    first, second = ms("2017-03-12 01:59"), ms("2017-03-12 03:00")
    assert second - first == 60_000
    spring = [("a", at, 5.0, "food", False) for at in (first, second)]
    with opened(tmp_path, {"purchases": purchases(autumn + spring)}) as warehouse:
        got = cells(heatmaps(warehouse), "shopping", warehouse)
    day = {key: ZONE.day(key) - ZONE.day(AS_OF) + 365 for key in ("2016-11-06", "2017-03-12")}
    assert got == {
        ("a", day["2016-11-06"], 1, "bought food"): 4.0,
        ("a", day["2016-11-06"], 1, "payments"): 2.0,
        ("a", day["2017-03-12"], 1, "bought food"): 5.0,
        ("a", day["2017-03-12"], 1, "payments"): 1.0,
        ("a", day["2017-03-12"], 3, "bought food"): 5.0,
        ("a", day["2017-03-12"], 3, "payments"): 1.0,
    }


def test_the_window_begins_and_ends_at_local_midnight(tmp_path):
    edges = [ms("2016-06-10 00:00") - 1, ms("2016-06-10 00:00"), ms(AS_OF) - 1, ms(AS_OF)]
    rows = purchases([("a", at, 10.0**i, "food", False) for i, at in enumerate(edges)])
    with opened(tmp_path, {"purchases": rows}) as warehouse:
        got = cells(heatmaps(warehouse), "shopping", warehouse)
        # In summer local midnight lies in the service day before: the cut is by time, not by partition.
        assert {key: value for key, value in got.items() if key[3] == "bought food"} == {
            ("a", 0, 0, "bought food"): 10.0,
            ("a", 364, 23, "bought food"): 100.0,
        }


def test_nothing_on_or_after_the_date_has_any_effect(tmp_path):
    frame = random_purchases(300, "2017-01-01", 200, seed=3)
    dots = random_points(100, "2017-01-01", 200, seed=3)
    late, late_dots = frame["purchased_at"] >= ms(AS_OF), dots["occurred_at"] >= ms(AS_OF)
    assert late.any() and late_dots.any()
    changed = frame.assign(
        price=frame["price"].where(~late, 999.0),
        genre=frame["genre"].where(~late, "fuel"),
        cancelled=frame["cancelled"] | late,
    )
    fewer = {"purchases": changed, "points": dots[~late_dots]}
    with (
        opened(tmp_path / "a", {"purchases": frame, "points": dots}) as first,
        opened(tmp_path / "b", fewer) as second,
    ):
        ours, theirs = (heatmaps(opened_) for opened_ in (first, second))
        for modality in ("shopping", "points"):
            assert cells(ours, modality, first) == cells(theirs, modality, second)
        assert ours.vocabulary.channels == theirs.vocabulary.channels


def test_unknown_genres_fall_to_other_and_the_vocabulary_stays(tmp_path):
    rows = purchases(
        [
            ("a", ms("2017-05-01 09:00"), 1.0, "food/milk", False),
            ("a", ms("2017-06-05 09:00"), 2.0, "space/rockets", False),
            ("a", ms("2017-06-05 09:01"), 3.0, "food", True),
        ]
    )
    with opened(tmp_path, {"purchases": rows}) as warehouse:
        early = heatmaps(warehouse, "2017-06-01")
        found = heatmaps(warehouse)
        assert early.vocabulary.fitted_at == "2017-06-01" and early.vocabulary.history == 31
        assert early.vocabulary == found.vocabulary
        # Nothing had been cancelled when the channels were fixed: that rule has none.
        assert found.channels("shopping") == ("bought food", "bought other", "payments")
        got = cells(found, "shopping", warehouse)
        assert {key[3]: value for key, value in got.items() if key[1] == 360} == {
            "bought other": 2.0,
            "payments": 1.0,
        }
        later = heatmaps(warehouse, "2017-07-02")  # 62 days are known: it is fitted again
        assert later.vocabulary.fitted_at == "2017-07-02"
        fresh = heatmaps(warehouse, fitted_at=AS_OF)
        assert fresh.channels("shopping") == (
            "bought food", "bought space", "bought other", "cancelled food", "cancelled other", "payments"
        )  # fmt: skip


def test_other_rules_without_code(tmp_path):
    rules = (
        ChannelRule(modality="visits", event="payments", aggregate="count"),
        ChannelRule(modality="visits", event="used"),
        ChannelRule(modality="items", event="bought", genre_level=1, aggregate="count"),
        ChannelRule(modality="items", event="bought", aggregate="last"),
        ChannelRule(modality="items", event="payments"),
    )
    rows = purchases(
        [
            ("a", ms("2017-06-01 09:10"), 1.0, "food/milk", False),
            ("a", ms("2017-06-01 09:20"), 2.5, "food/milk", False),
            ("a", ms("2017-06-01 09:20"), 4.0, "toys", True),
        ]
    )
    dots = points([("a", ms("2017-06-01 09:30"), "used", 5.0)])
    with opened(tmp_path, {"purchases": rows, "points": dots}) as warehouse:
        found = heatmaps(warehouse, chosen=HeatmapSettings(rules=rules))
        visits, items = (cells(found, name, warehouse) for name in ("visits", "items"))
    assert {key[3]: value for key, value in visits.items()} == {"payments": 2.0, "used": 5.0}
    assert {key[3]: value for key, value in items.items()} == {
        "bought food/milk (level 1), count": 2.0,
        "bought, last": 2.5,
        "payments, sum": 3.5,
    }


def test_users_in_groups_and_rows_in_any_order_give_the_same_bits(tmp_path, monkeypatch):
    frame = random_purchases(500, "2016-07-01", 300)
    with opened(tmp_path, {"purchases": frame}) as warehouse:
        whole = heatmaps(warehouse, folder=tmp_path / "whole")
        monkeypatch.setattr(making, "USERS_AT_ONCE", 5)
        grouped = heatmaps(warehouse, folder=tmp_path / "grouped", workers=2)
        monkeypatch.undo()
        warehouse.connection.execute(
            "CREATE OR REPLACE TABLE purchases AS FROM purchases ORDER BY hash(price, purchased_at)"
        )
        moved = heatmaps(warehouse, folder=tmp_path / "moved")
        wanted = cells(whole, "shopping", warehouse)
        assert len(wanted) > 300
        # Equality of floats, not nearness: the sum of decimals knows no order.
        assert cells(grouped, "shopping", warehouse) == wanted == cells(moved, "shopping", warehouse)


def test_amounts_of_any_size_add_up(tmp_path):
    large = [("a", ms("2017-06-01 10:00"), price, "food", False) for price in (1e12, 1e-6, 0.25)]
    small = [("a", ms("2017-06-02 10:00"), price, "food", False) for price in (1e-9, 2e-9)]
    with opened(tmp_path, {"purchases": purchases(large + small)}) as warehouse:
        got = cells(heatmaps(warehouse), "shopping", warehouse)
    values = [value for key, value in got.items() if key[3] == "bought food"]
    assert values == [np.float32(1e12), np.float32(3e-9)]


def test_cells_of_some_users_in_any_order(tmp_path):
    with opened(tmp_path, {"purchases": random_purchases(300, "2016-05-01", 400)}) as warehouse:
        found = heatmaps(warehouse)
    every = found.cells("shopping")
    stretch = {u: slice(*every.offsets[i : i + 2]) for i, u in enumerate(found.users)}
    asked = np.array([found.users[7], 1_000_000, found.users[2]])
    some = found.cells("shopping", asked)
    assert np.diff(some.offsets).tolist()[1] == 0
    for place in (0, 2):
        here = slice(*some.offsets[place : place + 2])
        for name in ("day", "hour", "channel", "value"):
            wanted = getattr(every, name)[stretch[asked[place]]]
            np.testing.assert_array_equal(getattr(some, name)[here], wanted)
    assert len(found.cells("shopping", np.zeros(0, dtype=int)).value) == 0


def test_a_date_without_data_is_a_clear_error(tmp_path):
    with opened(tmp_path, {"purchases": random_purchases(20, "2017-01-01", 20)}) as warehouse:
        for as_of in ("2016-12-01", "2019-01-01"):
            with pytest.raises(NothingToEncode, match=f"365 days before {as_of}"):
                heatmaps(warehouse, as_of)
        with pytest.raises(ValueError, match="write YYYY-MM-DD"):
            heatmaps(warehouse, "01.02.2017")
        with pytest.raises(ValueError, match="know more than was known"):
            heatmaps(warehouse, "2017-02-01", fitted_at="2017-02-02")


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("America/New_York", "2016-01-01", "2018-01-01"),
        ("Asia/Kolkata", "2016-01-01", "2016-03-01"),
        ("Australia/Lord_Howe", "2016-01-01", "2017-01-01"),
        ("Africa/Casablanca", "2017-01-01", "2018-01-01"),
        ("America/Havana", "2016-01-01", "2017-01-01"),
        ("Etc/GMT+5", "2016-01-01", "2016-02-01"),
    ],
)
def test_local_time_as_duckdb_has_it(name, first, last):
    from zoneinfo import ZoneInfo

    zone = LocalZone(ZoneInfo(name))
    start, end = zone.midnight_ms(zone.day(first)), zone.midnight_ms(zone.day(last))
    got = zone.slots(start, end)
    query = """
        SELECT (local::DATE - DATE '1970-01-01') * 24 + hour(local)
        FROM (
            SELECT timezone($zone, make_timestamptz(q * 900000000)) AS local FROM range($first, $last) AS r(q)
        )
    """
    asked = {"zone": name, "first": start // QUARTER_MS, "last": end // QUARTER_MS + 1}
    wanted = duckdb.execute(query, asked).fetchnumpy()
    np.testing.assert_array_equal(got, next(iter(wanted.values())))
    assert got[0] == zone.day(first) * 24
    days = np.arange(zone.day(first), zone.day(last))
    for day in days[:: max(len(days) // 50, 1)]:
        assert zone.days_of(np.array([zone.midnight_ms(day) - 1, zone.midnight_ms(day)])).tolist() == [
            day - 1,
            day,
        ]
