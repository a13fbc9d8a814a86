"""What an hour reads of a warehouse is counted in rows: as many after a long history as after a short one."""

import json

import numpy as np
import pytest

from tests.warehouse.frames import DESCRIPTION, HOURS, NO_QUARANTINE, START, exposures, record
from warehouse.landing.service_time import DAY_MS, HOUR_MS
from warehouse.store.id_index import path_of
from warehouse.store.results import Metric, SystemScores
from warehouse.store.warehouse import Warehouse

ROWS = 150_000  #: of each former hour: more than one range of rows of DuckDB
HISTORY = """
INSERT INTO exposures BY NAME
SELECT $hour AS partition, range::INTEGER AS row, $hour || '/' || range AS exposure_id,
    0 AS user_index, 0 AS item_index, $start_ms + range * 20 AS shown_at, false AS clicked
FROM range($rows);
"""
SCORES = """
INSERT INTO predictions BY NAME
SELECT exposure_id, 'a' AS system, 'v' AS model_version, partition, 0.5 AS score, $number AS key_number
FROM exposures WHERE partition = $hour AND shown_at >= $start_ms;
"""
BATCH = (
    "INSERT INTO batches VALUES ('exposures', $hour, $start_ms, '[]', '[]', 'f', 'd', $rows, $rows, 0, "
    "false, '{}', current_localtimestamp())"
)


class Watched:
    """A connection that counts the rows which its statements read, by table."""

    def __init__(self, connection, path):
        self.connection, self.path, self.rows = connection, path, {}
        connection.execute("PRAGMA enable_profiling = 'json'")
        connection.execute(f"SET profiling_output = '{path}'")

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def execute(self, *arguments):
        self.path.unlink(missing_ok=True)
        result = self.connection.execute(*arguments)
        if self.path.exists():
            self._count(json.loads(self.path.read_text()))
        return result

    def _count(self, step):
        if "rows_scanned" in step:
            table = step["extra_info"].get("Table", "").split(".")[-1]
            self.rows[table] = self.rows.get(table, 0) + step["rows_scanned"]
        for inner in [*step.get("operator", ()), *step.get("children", ())]:
            self._count(inner)


def _rows_read(path, former):
    """Rows read by an hour after so many former ones, by table."""
    with Warehouse(path) as warehouse:
        warehouse.configure(DESCRIPTION)
        warehouse.load("exposures", [record(HOURS[0], 30)], exposures(HOURS[0], 30), NO_QUARANTINE)
        for number, hour in enumerate(HOURS[1 : 1 + former], start=1):
            start_ms = START + number * HOUR_MS
            key = int(hour[:13].replace("-", ""))
            execute = warehouse.connection.execute
            execute(HISTORY, {"hour": hour, "start_ms": start_ms, "rows": ROWS})
            execute(SCORES, {"hour": hour, "start_ms": start_ms, "number": key})
            execute(BATCH, {"hour": hour, "start_ms": start_ms, "rows": ROWS})
    hour = HOURS[40]
    rows = exposures(hour, 40)
    ids = rows["exposure_id"].tolist()
    with Warehouse(path) as warehouse:
        path_of(path).unlink()
        assert len(warehouse.ids.hours([f"{HOURS[2]}/7"])) == 1  # made anew, before counting
        warehouse.connection = watched = Watched(warehouse.connection, path.with_suffix(".json"))
        for again in (False, True):
            assert warehouse.existing_exposure_ids([*ids, f"{HOURS[2]}/7"], [hour]) == {f"{HOURS[2]}/7"}
            warehouse.known_ids("users", ["1", "2"])
            warehouse.history(
                "exposures", since_ms=START, before_ms=START + DAY_MS, cycle_ms=DAY_MS, phases=[0]
            )
            assert len(warehouse.loaded("exposures", [hour])) == again
            warehouse.load("exposures", [record(hour, 40)], rows, NO_QUARANTINE)
            scores = [SystemScores(name, "v", np.array(ids, object), np.zeros(40)) for name in ("a", "b")]
            warehouse.write_scores(hour, scores, [Metric("auc", "a", hour, 0.5)])
            assert len(warehouse.read_metrics("auc", day=hour[:10])) == 1
            assert len(warehouse.read_predictions("a", hour)) == 40
            start_ms = START + 40 * HOUR_MS
            assert len(warehouse.events(start_ms, start_ms + HOUR_MS, "mentioned")["exposures.user"]) == 40
        return watched.rows


@pytest.mark.slow
def test_an_hour_reads_as_many_rows_after_a_long_history_as_after_a_short_one(tmp_path):
    short, long = (_rows_read(tmp_path / f"{former}.duckdb", former) for former in (2, 8))
    assert {"exposures", "predictions", "batches"} <= set(short), "nothing was counted"
    for table in ("exposures", "predictions"):
        assert long[table] <= 1.1 * short[table], table
        assert long[table] < 4 * 122_880 < 8 * ROWS
    assert long["batches"] <= short["batches"] + 12 * 8, "a few numbers of each former hour"
