"""A shop's tables from the landing folder through the gate into the warehouse, quarantine and replay."""

import numpy as np
import pandas as pd
import pytest

from assets.logs.ingest import BatchRejected, ingest, pending
from assets.logs.replay import replay
from warehouse.home import SourceHome
from warehouse.landing.description import SourceDescription
from warehouse.landing.service_time import DAY_MS
from warehouse.store.quarantine import show_quarantine
from warehouse.store.warehouse import Warehouse

DESCRIPTION = SourceDescription(
    name="shop",
    zone="Etc/GMT+5",
    local_zone="America/New_York",
    first_day="2026-05-01",
    last_day="2026-05-03",
    demographic_numbers=("age",),
    demographic_fields=("region",),
)
DAYS = ["2026-05-01", "2026-05-02", "2026-05-03"]
NOW = DESCRIPTION.service_zone.day_start_ms("2026-06-01")
ROWS = 60


def purchases(day):
    """Sixty purchases of twenty users, each thing of a genre of its own."""
    start = DESCRIPTION.service_zone.day_start_ms(day)
    row = np.arange(ROWS)
    return pd.DataFrame(
        {
            "user_id": row % 20,
            "purchased_at": start + row * (DAY_MS // ROWS),
            "price": 1.0 + row,
            "genre": [f"food/{day}/g{i}" for i in row],
            "brand": "x",
            "cancelled": False,
        }
    )


def put(home, table, name, frame):
    path = home.landing / table / name
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.to_csv(path, index=False)


@pytest.fixture
def home(tmp_path):
    made = SourceHome(tmp_path)
    DESCRIPTION.save(made.landing)
    for day in DAYS[:2]:
        put(made, "purchases", f"date={day}/a.csv", purchases(day))
    return made


def cancel(day, of, rows, **changes):
    """Cancellations on `day` of rows of the day `of`, at the end of the day."""
    frame = purchases(of).iloc[rows]
    start = DESCRIPTION.service_zone.day_start_ms(day)
    return frame.assign(purchased_at=start + DAY_MS - 1, cancelled=True, **changes)


def look(home, table="purchases"):
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        warehouse.check_invariant()
        return show_quarantine(warehouse, table), warehouse.loaded(table).set_index("partition")


def test_rows_in_are_kept_or_quarantined_and_only_broken_ones_are(home):
    frame = purchases(DAYS[0])
    frame = frame.astype({"price": object, "genre": object, "user_id": object})
    frame.loc[3, "price"], frame.loc[7, "genre"], frame.loc[9, "user_id"] = -1, "food//x", None
    put(home, "purchases", f"date={DAYS[0]}/a.csv", frame)
    report = ingest(home, "purchases", now_ms=NOW)
    assert report.rules == {"price_range": 1, "genre_path": 1, "required": 1}
    assert (report.kept, report.quarantined) == (2 * ROWS - 3, 3)
    quarantine, loaded = look(home)
    assert quarantine["row"].tolist() == [3, 7, 9]
    assert set(quarantine["file"]) == {f"purchases/date={DAYS[0]}/a.csv"}
    assert loaded.loc[DAYS[0], ["rows_in", "kept", "quarantined"]].tolist() == [ROWS, ROWS - 3, 3]
    assert pending(home, "purchases") == []


def test_a_cancellation_finds_its_purchase_in_the_call_or_in_the_warehouse(home):
    day = pd.concat([purchases(DAYS[1]), cancel(DAYS[1], DAYS[0], [1, 2]), cancel(DAYS[1], DAYS[1], [4])])
    put(home, "purchases", f"date={DAYS[1]}/a.csv", day)
    assert ingest(home, "purchases", now_ms=NOW).quarantined == 0  # both days in one call
    ingest(home, "purchases", [DAYS[0]], now_ms=NOW)
    assert ingest(home, "purchases", [DAYS[1]], now_ms=NOW).quarantined == 0  # the day before is stored
    stranger = pd.concat([day, cancel(DAYS[1], DAYS[0], [5], brand="y")])
    put(home, "purchases", f"date={DAYS[1]}/a.csv", stranger)
    assert ingest(home, "purchases", now_ms=NOW).rules == {"cancelled_known": 1}


def test_a_stored_cancelled_purchase_is_not_its_own_witness(home):
    """Loading a day again without the purchase leaves its cancellation without one."""
    with_both = pd.concat([purchases(DAYS[1]), cancel(DAYS[1], DAYS[1], [4], genre="food/once")])
    once = purchases(DAYS[1]).iloc[[4]].assign(genre="food/once")
    put(home, "purchases", f"date={DAYS[1]}/a.csv", pd.concat([with_both, once]))
    assert ingest(home, "purchases", now_ms=NOW).quarantined == 0
    put(home, "purchases", f"date={DAYS[1]}/a.csv", with_both)
    assert ingest(home, "purchases", now_ms=NOW).rules == {"cancelled_known": 1}


def test_a_late_day_frees_the_cancellations_of_its_purchases(home):
    put(home, "purchases", f"date={DAYS[2]}/a.csv", purchases(DAYS[2]))
    late = pd.concat([purchases(DAYS[1]), cancel(DAYS[1], DAYS[0], [1, 2])])
    put(home, "purchases", f"date={DAYS[1]}/a.csv", late)
    assert ingest(home, "purchases", [DAYS[1]], now_ms=NOW).rules == {"cancelled_known": 2}
    assert replay(home, "purchases", now_ms=NOW).moved == 0
    ingest(home, "purchases", [DAYS[0], DAYS[2]], now_ms=NOW)
    report = replay(home, "purchases", rule="cancelled_known", now_ms=NOW)
    assert (report.moved, report.partitions) == (2, (DAYS[1],))
    quarantine, loaded = look(home)
    assert quarantine.empty
    assert loaded.loc[DAYS[1], ["rows_in", "kept", "quarantined"]].tolist() == [ROWS + 2, ROWS + 2, 0]


@pytest.mark.parametrize(
    ("table", "name", "good", "bad", "fixed"),
    [
        ("points", f"date={DAYS[0]}/a.csv", {"kind": "used", "amount": 5, "occurred_at": "2026-05-01T12:00Z"},
         {"kind": "gold"}, {"kind": "limited"}),
        ("labels", "2026-05-01.csv", {"task": "kids", "label": 1, "observed_at": "2026-05-01T12:00:00Z"},
         {"label": 3}, {"label": 0}),
        ("demographics", "2026-05-01.csv", {"region": "north", "age": 30.5}, {"age": "old"}, {"age": 31}),
    ],
)  # fmt: skip
def test_quarantine_and_replay_of_the_other_tables(home, table, name, good, bad, fixed):
    frame = pd.DataFrame({"user_id": range(40), **good}).astype(object)
    for column, value in bad.items():
        frame.loc[6, column] = value
    put(home, table, name, frame)
    report = ingest(home, table, now_ms=NOW)
    assert (report.kept, report.quarantined) == (39, 1)
    quarantine = look(home, table)[0]
    mended = pd.DataFrame({"id": quarantine["id"], **fixed})
    assert replay(home, table, fixed=mended, now_ms=NOW).moved == 1
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        warehouse.check_invariant()
        assert warehouse.connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (40,)


def test_a_broken_day_stops_the_call_and_leaves_everything(home):
    ingest(home, "purchases", now_ms=NOW)
    before = look(home)[1]
    put(home, "purchases", f"date={DAYS[1]}/a.csv", purchases(DAYS[1]).assign(price=-1))
    put(home, "purchases", f"date={DAYS[2]}/a.csv", purchases(DAYS[2]))
    with pytest.raises(BatchRejected) as rejected:
        ingest(home, "purchases", now_ms=NOW)
    assert list(rejected.value.report.failures) == [DAYS[1]]
    pd.testing.assert_frame_equal(look(home)[1], before)


def test_local_midnight_is_no_border_of_a_partition(home):
    """In summer New York's day begins an hour before the service day: that hour is of the day before."""
    midnight = int(pd.Timestamp("2026-05-02", tz="America/New_York").timestamp() * 1000)
    start = DESCRIPTION.service_zone.day_start_ms("2026-05-02")
    assert start - midnight == 3_600_000
    early = purchases(DAYS[1])
    early.loc[0, "purchased_at"] = midnight
    put(home, "purchases", f"date={DAYS[1]}/a.csv", early)
    assert ingest(home, "purchases", now_ms=NOW).rules == {"time_in_partition": 1}
