"""Ingest with the real gate: what is kept, what is set aside, and what a broken batch leaves behind."""

import shutil

import duckdb
import pandas as pd
import pytest

from assets.logs.ingest import BatchRejected, ingest, pending
from assets.logs.replay import replay
from tests.assets.logs_on_disk import COUNT, DESCRIPTION, HOURS, NOW, ZONE, exposures, make, put
from tests.warehouse.database import exported
from warehouse.home import SourceHome
from warehouse.landing.description import FILE_NAME
from warehouse.landing.files import FileRejected
from warehouse.landing.service_time import HOUR_MS
from warehouse.store.quarantine import show_quarantine
from warehouse.store.results import Metric
from warehouse.store.waiting import WarehouseBusy
from warehouse.store.warehouse import Warehouse


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A home with users, items and two hours, ingested once: the real gate takes most of a second a call."""
    home = make(tmp_path_factory.mktemp("loaded"))
    for table in ("users", "items", "exposures"):
        ingest(home, table, now_ms=NOW)
    return home


@pytest.fixture
def home(loaded, tmp_path):
    """A copy of it for one test."""
    shutil.copytree(loaded.root, tmp_path / "home")
    return SourceHome(tmp_path / "home")


def state(home):
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        warehouse.check_invariant()
        tables = ("exposures", "user_index", "item_index", "category_index", "batches", "quarantine")
        return [warehouse.connection.execute(f"FROM {name} ORDER BY ALL").fetchall() for name in tables]


def test_landing_to_events(home):
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        assert (
            warehouse.loaded("exposures")[["rows_in", "kept", "quarantined"]].values.tolist()
            == [[COUNT, COUNT, 0]] * 2
        )
        start = ZONE.hour_start_ms(HOURS[0])
        events = warehouse.events(start, start + 2 * HOUR_MS)
    wanted = pd.concat([exposures(hour) for hour in HOURS[:2]])
    assert events["exposures.exposure_id"].tolist() == wanted["exposure_id"].tolist()
    assert events["exposures.clicked"].tolist() == wanted["clicked"].tolist()
    assert (events["users.fields"] >= 0).all() and (events["items.fields"] >= 0).all()
    assert (events["exposures.context"] >= 0).all()


def test_bad_rows_are_set_aside_with_their_file(home):
    bad = exposures(HOURS[2])
    bad.loc[3, "dwell_seconds"] = -5.0
    bad.loc[7, "user_id"] = 999
    # An id of another hour is a duplicate.
    bad.loc[9, "exposure_id"] = exposures(HOURS[0]).loc[0, "exposure_id"]
    put(home.landing, "exposures", HOURS[2], bad)
    report = ingest(home, "exposures", now_ms=NOW)
    assert (report.kept, report.quarantined) == (COUNT - 3, 3)
    assert sum(report.rules.values()) == 3 and report.seconds.keys() == {"read", "gate", "load"}
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        warehouse.check_invariant()
        rows = show_quarantine(warehouse, "exposures")
        # Neither the unknown user nor anything else of a quarantined row is numbered.
        assert (
            "999"
            not in warehouse.connection.execute("SELECT user_id FROM user_index").df()["user_id"].tolist()
        )
    assert rows["row"].tolist() == [3, 7, 9]
    assert rows["column"].tolist() == ["dwell_seconds", "user_id", "exposure_id"]
    assert set(rows["file"]) == {"exposures/date=2026-05-01/hour=02/a.parquet"}
    assert "_file" not in rows["row_json"].iloc[0]


def test_twice_is_once_and_only_what_changed_is_pending(home):
    first = state(home)
    assert pending(home, "exposures") == [] and pending(home, "users") == []
    ingest(home, "exposures", HOURS[:2], now_ms=NOW)
    assert state(home)[:4] == first[:4]
    put(
        home.landing,
        "exposures",
        HOURS[1],
        exposures(HOURS[1]).head(10).assign(exposure_id=range(10)),
        "late.parquet",
    )
    assert pending(home, "exposures") == [HOURS[1]]
    report = ingest(home, "exposures", now_ms=NOW)
    assert report.rows.loc[HOURS[1]].tolist() == [COUNT + 10, COUNT + 10, 0]
    state(home)


def test_nothing_pending_is_nothing_done(home):
    before = state(home)
    report = ingest(home, "exposures", now_ms=NOW)
    assert len(report.rows) == 0 and report.kept == 0
    assert state(home) == before


def test_a_broken_batch_leaves_the_state_before(home):
    before = state(home)
    # A feed whose clock is an hour off: every row lies outside its partition.
    late = exposures(HOURS[0]).assign(exposure_id=[f"x{i}" for i in range(COUNT)])
    put(home.landing, "exposures", HOURS[1], late)
    put(home.landing, "exposures", HOURS[2], exposures(HOURS[2]))
    with pytest.raises(BatchRejected, match=HOURS[1]) as caught:
        ingest(home, "exposures", [HOURS[1], HOURS[2]], now_ms=NOW)
    assert state(home) == before
    assert list(caught.value.report.failures) == [HOURS[1]]
    assert "nothing was written" in str(caught.value) and "force" in str(caught.value)
    # The hour that is sound can still be loaded by itself, and a person may overrule the other: that is
    # recorded.
    assert ingest(home, "exposures", [HOURS[2]], now_ms=NOW).kept == COUNT
    report = ingest(home, "exposures", [HOURS[1]], now_ms=NOW, force=True)
    assert (report.kept, report.quarantined) == (0, COUNT)
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        assert warehouse.loaded("exposures")["forced"].tolist() == [False, True, False]
        warehouse.check_invariant()


def test_a_rejected_file_leaves_the_state_before(home):
    before = state(home)
    put(home.landing, "exposures", HOURS[1], exposures(HOURS[1]).drop(columns="clicked"), "second.parquet")
    with pytest.raises(FileRejected, match=r"second\.parquet.*clicked"):
        ingest(home, "exposures", now_ms=NOW)
    assert state(home) == before


def test_a_folder_outside_home_is_read_in_place(tmp_path):
    home, other = SourceHome(tmp_path / "a"), make(tmp_path / "b", hours=1)
    assert pending(home, "users", landing=other.landing) == ["all.csv"]
    report = ingest(home, "users", landing=other.landing, description=DESCRIPTION, now_ms=NOW)
    assert report.kept == 20
    assert pending(home, "users", landing=other.landing) == []


def test_an_hour_without_files_is_missing_until_they_land(home):
    before = exported(home.warehouse)
    report = ingest(home, "exposures", HOURS[:5], now_ms=NOW)
    assert report.missing == tuple(HOURS[2:5]) and report.rows.index.tolist() == HOURS[:2]
    assert [text for text in report.warnings if "no longer" in text] == []
    empty = ingest(home, "exposures", HOURS[5:7], now_ms=NOW)
    assert empty.missing == tuple(HOURS[5:7]) and len(empty.rows) == 0 and empty.kept == 0
    assert {**exported(home.warehouse), "batches": None} == {**before, "batches": None}
    assert pending(home, "exposures") == []
    put(home.landing, "exposures", HOURS[3], exposures(HOURS[3]))
    assert pending(home, "exposures") == [HOURS[3]]
    assert pending(home, "exposures", only=[HOURS[2]]) == []
    assert ingest(home, "exposures", now_ms=NOW).kept == COUNT
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        assert warehouse.loaded("exposures")["partition"].tolist() == [*HOURS[:2], HOURS[3]]


def test_what_was_loaded_stays_when_its_files_are_gone(home):
    before = exported(home.warehouse)
    shutil.rmtree(home.landing / "exposures" / "date=2026-05-01" / "hour=01")
    assert pending(home, "exposures") == []
    for partitions in (None, HOURS[:2]):
        report = ingest(home, "exposures", partitions, now_ms=NOW)
        (warning,) = [text for text in report.warnings if "no longer" in text]
        assert "1 loaded partitions" in warning and HOURS[1] in warning and "stays" in warning
    after = exported(home.warehouse)
    assert after["exposures"] == before["exposures"] and len(after["batches"]) == len(before["batches"])


def test_an_hour_once_recorded_without_files_is_loaded_when_they_come(home):
    """As homes have it in which a day was ingested while it ran."""
    put(home.landing, "exposures", HOURS[2], exposures(HOURS[2]))
    with duckdb.connect(str(home.warehouse)) as connection:
        connection.execute("UPDATE meta SET value = '1' WHERE key = 'schema_version'")
        for table, fields in (("users", ["age"]), ("items", ["topic"]), ("exposures", ["ctx_device"])):
            for name in fields:
                connection.execute(f"ALTER TABLE {table} RENAME COLUMN field_{name} TO {name}")
        connection.execute(
            "INSERT INTO batches SELECT table_name, ?, start_ms, '[]', columns, 'f', 'd', 0, 0, 0, false, "
            "statistics, loaded_at FROM batches WHERE table_name = 'exposures' AND partition = ?",
            [HOURS[2], HOURS[0]],
        )
    assert pending(home, "exposures") == [HOURS[2]]
    assert ingest(home, "exposures", now_ms=NOW).kept == COUNT
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        assert warehouse.loaded("exposures")["kept"].tolist() == [COUNT] * 3
        warehouse.check_invariant()


def test_equal_data_again_has_the_same_hash(home):
    start = ZONE.hour_start_ms(HOURS[0])
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        before = warehouse.data_hash(start, start + 2 * HOUR_MS)
    folder = home.landing / "exposures" / "date=2026-05-01" / "hour=01"
    (folder / "a.parquet").rename(folder / "renamed.parquet")
    assert ingest(home, "exposures", now_ms=NOW).rows.index.tolist() == [HOURS[1]]
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        assert warehouse.data_hash(start, start + 2 * HOUR_MS) == before


@pytest.mark.parametrize(
    "table, changes", [("items", {"item_fields": ("topic", "item_id")}), ("exposures", {})]
)
def test_a_refused_load_leaves_schema_and_rows_as_before(home, table, changes):
    before = exported(home.warehouse)
    description = DESCRIPTION.model_copy(
        update={"context_fields": ("ctx_device", "ctx_place"), "user_fields": ("age", "town")} | changes
    )
    late = exposures(HOURS[0]).assign(exposure_id=[f"x{i}" for i in range(COUNT)], ctx_place="home")
    put(home.landing, "exposures", HOURS[1], late)
    with pytest.raises((BatchRejected, ValueError)):
        ingest(home, table, description=description, now_ms=NOW)
    assert exported(home.warehouse) == before


def test_a_first_load_that_is_refused_makes_no_file(tmp_path):
    home = make(tmp_path / "home")
    with pytest.raises(BatchRejected):
        ingest(home, "exposures", now_ms=NOW)  # nobody of them is known yet
    assert not home.warehouse.exists()


def test_nobody_is_kept_out_while_the_gate_judges(home, monkeypatch):
    from expectations import gate as gating

    opened, judge = [], gating.gate

    def slow(table, frame, context):
        """As the gate, while somebody else writes."""
        result = judge(table, frame, context)
        with Warehouse(home.warehouse, wait_seconds=0.1) as other:
            other.write_metrics([Metric("auc", "fm", HOURS[0], 0.5)])
            opened.append(table)
        return result

    monkeypatch.setattr(gating, "gate", slow)
    put(home.landing, "exposures", HOURS[2], exposures(HOURS[2]))
    assert ingest(home, "exposures", now_ms=NOW).kept == COUNT
    assert opened == ["exposures"], "metrics change nothing that the gate draws on: judged once"


def test_a_load_that_commits_meanwhile_is_taken_into_account(home, monkeypatch):
    """Another process loads an hour with the same exposure ids while this one is judged."""
    from expectations import gate as gating

    judged, judge = [], gating.gate
    put(home.landing, "exposures", HOURS[2], exposures(HOURS[2]))
    twins = exposures(HOURS[3]).assign(exposure_id=exposures(HOURS[2])["exposure_id"].tolist())
    twins["exposure_id"] = twins["exposure_id"].where(twins.index < 3, "y" + twins["exposure_id"])
    put(home.landing, "exposures", HOURS[3], twins)

    def overtaken(table, frame, context):
        judged.append(table)
        result = judge(table, frame, context)
        if len(judged) == 1:
            ingest(home, "exposures", [HOURS[3]], now_ms=NOW)
        return result

    monkeypatch.setattr(gating, "gate", overtaken)
    report = ingest(home, "exposures", [HOURS[2]], now_ms=NOW)
    assert len(judged) == 3
    assert (report.kept, report.quarantined) == (COUNT - 3, 3)
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        warehouse.check_invariant()
        ids = warehouse.connection.execute("SELECT count(*), count(DISTINCT exposure_id) FROM exposures")
        assert len(set(ids.fetchall()[0])) == 1


def test_whoever_is_overtaken_again_and_again_judges_while_it_holds_the_warehouse(home, monkeypatch):
    from expectations import gate as gating

    judged, judge = [], gating.gate
    for hour in HOURS[2:5]:
        put(home.landing, "exposures", hour, exposures(hour))

    def overtaken(table, frame, context):
        result = judge(table, frame, context)
        judged.append(frame["_partition"].unique().tolist())
        mine = [keys for keys in judged if keys == [HOURS[2]]]
        if judged[-1] == [HOURS[2]] and len(mine) < 3:
            ingest(home, "exposures", [HOURS[2 + len(mine)]], now_ms=NOW)
        elif judged[-1] == [HOURS[2]]:
            with pytest.raises(WarehouseBusy):
                Warehouse(home.warehouse, read_only=True, wait_seconds=0.05)
        return result

    monkeypatch.setattr(gating, "gate", overtaken)
    assert ingest(home, "exposures", [HOURS[2]], now_ms=NOW).kept == COUNT
    assert judged.count([HOURS[2]]) == 3
    with Warehouse(home.warehouse, read_only=True) as warehouse:
        assert warehouse.loaded("exposures")["partition"].tolist() == HOURS[:5]


def test_each_load_has_its_data_docs_and_its_verdicts(home, tmp_path):
    docs = tmp_path / "docs"
    late = exposures(HOURS[0]).assign(exposure_id=[f"x{i}" for i in range(COUNT)])
    put(home.landing, "exposures", HOURS[1], late)
    with pytest.raises(BatchRejected) as caught:
        ingest(home, "exposures", now_ms=NOW, data_docs=docs)
    page = docs / "exposures" / "index.html"
    assert caught.value.report.data_docs == page and HOURS[1] in page.read_text()
    put(home.landing, "exposures", HOURS[2], exposures(HOURS[2]))
    report = ingest(home, "exposures", [HOURS[2]], now_ms=NOW, data_docs=docs)
    assert report.data_docs == page and HOURS[2] in page.read_text()
    verdicts = {verdict.rule: verdict.passed for verdict in report.verdicts[HOURS[2]]}
    assert verdicts["share_quarantined"] and verdicts["row_count"]


def test_docs_that_cannot_be_made_cost_no_load(home, tmp_path):
    (tmp_path / "docs").write_text("a file, not a folder")
    put(home.landing, "exposures", HOURS[2], exposures(HOURS[2]))
    report = ingest(home, "exposures", now_ms=NOW, data_docs=tmp_path / "docs")
    assert report.kept == COUNT and report.data_docs is None
    assert any("no Data Docs" in text for text in report.warnings)


def test_limits_of_the_gate_come_from_the_description(home):
    bad = exposures(HOURS[2])
    bad.loc[: COUNT // 4, "dwell_seconds"] = -5.0
    put(home.landing, "exposures", HOURS[2], bad)
    with pytest.raises(BatchRejected, match="max_quarantined_share"):
        ingest(home, "exposures", now_ms=NOW)
    text = (home.landing / FILE_NAME).read_text()
    for limits, message in (
        ({"max_quarantined_shar": 0.5}, "max_quarantined_shar'"),
        ({"max_quarantined_share": 5}, "5"),
    ):
        DESCRIPTION.model_copy(update={"gate": limits}).save(home.landing)
        with pytest.raises(ValueError, match=rf"(?s){home.landing}/source\.json.*{message}"):
            ingest(home, "exposures", now_ms=NOW)
    DESCRIPTION.model_copy(update={"gate": {"max_quarantined_share": 0.5}}).save(home.landing)
    report = ingest(home, "exposures", now_ms=NOW)
    assert report.quarantined == COUNT // 4 + 1
    (home.landing / FILE_NAME).write_text(text)
    assert replay(home, "exposures", now_ms=NOW).moved == 0
    DESCRIPTION.model_copy(update={"gate": {"max_dwell_second": 1}}).save(home.landing)
    with pytest.raises(ValueError, match="max_dwell_second'"):
        replay(home, "exposures", now_ms=NOW)
