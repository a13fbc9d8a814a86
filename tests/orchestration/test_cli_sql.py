"""`hourfold sql` and `hourfold quarantine list` on a home with one loaded hour."""

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from tests.warehouse.frames import DESCRIPTION, HOURS, exposures, quarantined, record
from warehouse.home import Home
from warehouse.store.warehouse import Warehouse


def hourfold(*words):
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "200"})


@pytest.fixture
def paths():
    paths = Home.current().source("simulator")
    with Warehouse(paths.warehouse) as warehouse:
        warehouse.configure(DESCRIPTION)
        bad = quarantined(HOURS[0], [0])
        frame = exposures(HOURS[0], 150).iloc[1:]
        warehouse.load("exposures", [record(HOURS[0], 150)], frame, bad)
    return paths


def test_a_query_is_printed_or_written(paths, tmp_path):
    shown = hourfold("sql", "SELECT exposure_id, '[x]' AS \"a[b]\" FROM exposures ORDER BY row")
    assert shown.exit_code == 0 and "149 rows, the first 100 are shown" in shown.output
    assert f"e-{HOURS[0]}-1 " in shown.output and "[x]" in shown.output and "a[b]" in shown.output
    target = tmp_path / "ids.csv"
    written = hourfold(
        "sql", "SELECT CASE WHEN row > 1 THEN row END AS row FROM exposures", "--csv", str(target)
    )
    assert "149 rows written" in written.output
    assert target.read_text().splitlines()[:4] == ["row", '""', "2", "3"]


def test_without_a_query_it_lists_what_is_in_the_warehouse(paths, tmp_path):
    shown = hourfold("sql")
    assert shown.exit_code == 0 and "named_users" in shown.output and "quarantine" in shown.output
    copied = hourfold("sql", "--copy", str(tmp_path / "copy.duckdb"))
    assert copied.exit_code == 0
    with Warehouse(tmp_path / "copy.duckdb", read_only=True) as warehouse:
        assert warehouse.loaded("exposures")["kept"].tolist() == [149]


def test_what_is_wrong_is_one_sentence(paths):
    wrong = hourfold("sql", "SELECT x FROM nothing")
    assert wrong.exit_code == 1 and "nothing" in wrong.output and "Traceback" not in wrong.output
    broken = Home.current().source("landing").warehouse
    broken.parent.mkdir(parents=True)
    broken.write_text("no database")
    for command in (["sql"], ["quarantine", "list"]):
        failed = hourfold(*command, "--source", "landing")
        assert failed.exit_code == 1 and "warehouse.duckdb" in failed.output.replace("\n", "")
        assert isinstance(failed.exception, SystemExit), "one sentence, no traceback"
    other = hourfold("sql", "--source", "kuairand")
    assert other.exit_code == 1 and "ingest the source kuairand first" in other.output


def test_the_list_says_where_refused_batches_and_data_docs_are(paths):
    listed = hourfold("quarantine", "list")
    assert "1 rows" in listed.output and "refused leaves nothing here" in listed.output
    assert "Data Docs" not in listed.output
    docs = paths.reports / "data_docs"
    docs.mkdir(parents=True)
    assert str(docs) in hourfold("quarantine", "list").output
    empty = hourfold("quarantine", "list", "--table", "items").output
    assert "Quarantine is empty" in empty and "refused leaves nothing here" in empty
