"""What was bought and what was clicked, as counts by user: against pandas, and cut at the instant."""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from tests.warehouse.frames import (
    DESCRIPTION,
    HOURS,
    NO_QUARANTINE,
    START,
    exposures,
    external_clicks,
    record,
)
from warehouse.heatmaps import making
from warehouse.heatmaps.bought import bought_by_genre, genre_paths
from warehouse.heatmaps.clicked import clicks_by_topic
from warehouse.landing.local_time import LocalZone
from warehouse.landing.records import PartitionLoad, SourceFile
from warehouse.landing.service_time import DAY_MS, HOUR_MS
from warehouse.store.warehouse import Warehouse

UTC = LocalZone(ZoneInfo("UTC"))
DAYS, LOADED = 4, [*HOURS[:3], *HOURS[20:30], *HOURS[70:72]]
LOCAL = LocalZone(ZoneInfo("America/New_York"))  # midnight lies within a service day
RNG = np.random.default_rng(3)
BOUGHT = pd.DataFrame(
    {
        "user_id": RNG.integers(0, 30, 300).astype(str),
        "purchased_at": START + np.sort(RNG.integers(0, DAYS * DAY_MS, 300)),
        "price": 1.0,
        "genre": np.array(["food/fruit", "food", "toys/cars", "toys"])[RNG.integers(0, 4, 300)],
        "brand": None,
        "cancelled": RNG.random(300) < 0.1,
    }
)


def put(warehouse, table, partition, start_ms, frame):
    file = SourceFile(f"{table}/{partition}.parquet", len(frame), "a")
    if "_row" not in frame:
        frame = frame.assign(_partition=partition, _row=np.arange(len(frame)))
    warehouse.load(table, [PartitionLoad(partition, start_ms, (file,), len(frame))], frame, NO_QUARANTINE)


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory):
    with Warehouse(tmp_path_factory.mktemp("w") / "w.duckdb") as opened:
        opened.configure(DESCRIPTION)
        items = pd.DataFrame({"item_id": [str(i) for i in range(100, 145)], "published_at": pd.NA})
        topics = np.array(["a", "b", "c"])[np.arange(45) % 3]
        put(
            opened,
            "items",
            "all",
            0,
            items.assign(topic=topics, published_at=pd.array([pd.NA] * 45, "Int64")),
        )
        # A later description, from the third day on, says another topic of the same items.
        later = items.assign(topic=topics[::-1], published_at=pd.array([pd.NA] * 45, "Int64"))
        put(opened, "items", "later", START + 2 * DAY_MS, later)
        for hour in LOADED:
            put(opened, "exposures", hour, record(hour, 1).start_ms, exposures(hour, 50))
            put(opened, "external_clicks", hour, record(hour, 1).start_ms, external_clicks(hour, 40))
        for number in range(DAYS):
            own = BOUGHT[(BOUGHT["purchased_at"] - START) // DAY_MS == number]
            put(opened, "purchases", HOURS[24 * number][:10], START + number * DAY_MS, own)
        yield opened


def number_of(warehouse):
    return dict(warehouse.connection.execute("SELECT user_id, user_index FROM user_index").fetchall())


def expected_counts(warehouse, start_ms, end_ms):
    rows = BOUGHT[BOUGHT["purchased_at"].between(start_ms, end_ms - 1) & ~BOUGHT["cancelled"]]
    users = rows["user_id"].map(number_of(warehouse))
    codes = rows["genre"].map({path: code for code, path in enumerate(genre_paths(warehouse))})
    return rows.groupby([users, codes]).size()


@pytest.mark.parametrize("at_once", [1 << 17, 7])
def test_items_bought_are_counted_within_the_window(warehouse, monkeypatch, at_once):
    monkeypatch.setattr(making, "USERS_AT_ONCE", at_once)
    start, end = START + 5 * HOUR_MS, START + 3 * DAY_MS + 1
    parts = list(bought_by_genre(warehouse, start, end))
    user, genre, items = (np.concatenate([getattr(p, n) for p in parts]) for n in ("user", "genre", "items"))
    expected = expected_counts(warehouse, start, end)
    assert list(zip(user, genre, items, strict=True)) == [(*key, n) for key, n in expected.items()]


def test_items_of_some_users_alone(warehouse):
    asked = np.array([5, 2, 10_000])
    (part,) = bought_by_genre(warehouse, START, START + DAYS * DAY_MS, asked)
    expected = expected_counts(warehouse, START, START + DAYS * DAY_MS)
    own = expected[expected.index.get_level_values(0).isin(asked)]
    assert part.items.tolist() == own.tolist() and set(part.user) == {2, 5}


@pytest.mark.parametrize("end_day", [1, 2, 4])
def test_clicks_are_counted_by_local_day_and_topic_and_end_at_midnight(warehouse, end_day):
    first = LocalZone.day("2026-04-30")
    end_ms = LOCAL.midnight_ms(first + end_day)
    read = clicks_by_topic(warehouse, LOCAL, first, first + end_day)
    shown = pd.concat([exposures(hour, 50) for hour in LOADED])
    others = pd.concat([external_clicks(hour, 40) for hour in LOADED])
    clicks = pd.concat(
        [
            shown[shown["clicked"]].rename(columns={"shown_at": "at"})[["user_id", "item_id", "at"]],
            others.rename(columns={"received_at": "at"})[["user_id", "item_id", "at"]],
        ]
    )
    clicks = clicks[clicks["at"] < end_ms]
    assert len(clicks) and (end_day == 4 or len(clicks) < int(shown["clicked"].sum()) + len(others))
    item = clicks["item_id"].astype(int) - 100
    changed = end_ms > START + 2 * DAY_MS  # the later description is known by then
    code = np.where(item < 45, (44 - item if changed else item) % 3, -1)
    names = np.array(["a", "b", "c"])
    stored = warehouse.category_names("items", "topic")
    topic = [stored.index(names[one]) if one >= 0 else -1 for one in code]
    stamps = pd.to_datetime(clicks["at"], unit="ms", utc=True).dt.tz_convert("America/New_York")
    day = (stamps.dt.tz_localize(None).dt.normalize() - pd.Timestamp("1970-01-01")).dt.days
    keys = [day.to_numpy(), clicks["user_id"].map(number_of(warehouse)).to_numpy(), np.array(topic)]
    expected = clicks.groupby(keys).size()
    found = list(zip(read.day, read.user, read.topic, read.clicks, strict=True))
    assert found == [(*key, n) for key, n in expected.items()]
    assert set(read.topics) <= {"a", "b", "c"} and (read.topic < len(read.topics)).all()


def test_without_chosen_columns_of_items_clicks_have_no_topic(tmp_path):
    with Warehouse(tmp_path / "w.duckdb") as opened:
        opened.configure(DESCRIPTION.model_copy(update={"item_fields": ()}))
        put(opened, "external_clicks", HOURS[0], START, external_clicks(HOURS[0], 40))
        read = clicks_by_topic(opened, UTC, LocalZone.day("2026-05-01"), LocalZone.day("2026-05-02"))
        assert read.topics == () and set(read.topic) == {-1} and read.clicks.sum() == 40
        nothing = clicks_by_topic(opened, UTC, 0, 10)
        assert len(nothing.user) == 0 and nothing.topics == ()
