"""What a check of a landing folder says, without writing anything."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from assets.logs.check import check
from assets.logs.raw_facts import IdFacts, TimeFacts
from tests.assets.logs_on_disk import COUNT, DESCRIPTION, HOURS, NOW, exposures, make, put


def lie(root):
    return sorted((str(path), path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file())


@pytest.fixture
def faulty(tmp_path):
    """Six hours of exposures with a fault of each kind, and users that have no date."""
    landing = make(tmp_path, hours=2).landing
    seconds = exposures(HOURS[3])
    put(landing, "exposures", HOURS[3], seconds.assign(shown_at=seconds["shown_at"] // 1000))
    strange = exposures(HOURS[4])
    strange.loc[[1, 2], "user_id"] = [998, 999]
    strange.loc[5, "dwell_seconds"] = -3.0
    strange.loc[6, "exposure_id"] = exposures(HOURS[0]).loc[0, "exposure_id"]
    put(landing, "exposures", HOURS[4], strange.assign(note="x"))
    put(landing, "exposures", HOURS[4], strange.assign(note="x"), "again.parquet")
    put(landing, "exposures", HOURS[5], exposures(HOURS[5]).drop(columns="clicked"))
    day = landing / "exposures" / "date=2026-05-01"
    for name in ("hour=24/a.csv", "hour=04/report.xlsx", "_SUCCESS"):
        (day / name).parent.mkdir(exist_ok=True)
        (day / name).write_text("x")
    (landing / "users" / "users_03-05-2026.csv").write_text("user_id,age\n1,30s\n")
    (landing / "exposure").mkdir()
    return landing


def test_a_faulty_folder_is_told_in_sentences(faulty):
    before = lie(faulty.parent)
    outcome = check(faulty, now_ms=NOW)
    assert lie(faulty.parent) == before, "nothing is written"
    tables = {table.table: table for table in outcome.tables}
    shown = tables["exposures"]
    assert shown.partitions == (HOURS[0], HOURS[1], HOURS[3], HOURS[4], HOURS[5])
    assert shown.missing == (HOURS[2],) and shown.files == 6 and shown.passed_over == 1
    assert shown.rows == 4 * COUNT, "without the hour whose file is refused, and without the copy"
    counts = {(rule.rule, rule.column): rule.rows for rule in shown.rules}
    assert counts["user_known", "user_id"] == 2 and counts["dwell_range", "dwell_seconds"] == 1
    assert counts["exposure_id_new", "exposure_id"] == 1, "an id of a day before counts, as in a load"
    (unknown,) = [rule for rule in shown.rules if rule.rule == "user_known"]
    assert (unknown.value, unknown.row) == ("998", 1) and unknown.file.endswith("hour=04/a.parquet")
    assert unknown.remedy
    refused = "\n".join(outcome.refused)
    assert "hour=05/a.parquet: required column 'clicked'" in refused
    assert f"exposures {HOURS[3]}" in refused and "second" in refused
    assert "hour=24/a.csv is not read: folder 'hour=24' names no hour" in refused
    assert "report.xlsx is a spreadsheet" in refused
    assert "users_03-05-2026.csv is not read" in refused and "YYYY-MM-DD" in refused
    assert "exposure is not read" in refused and "call the folder exposures/" in refused
    assert [copy.path.name for copy in shown.copies] == ["again.parquet"]
    (left_out,) = shown.left_out
    assert left_out.column == "note" and "does not begin with ctx_" in left_out.why
    assert (shown.passed, shown.stopped) == (3 * COUNT - 4, 0)
    ids = {facts.column: facts for facts in shown.ids}
    assert ids["item_id"].kinds["text"] == 4 * COUNT and ids["user_id"].kinds["whole number"] == 4 * COUNT
    (times,) = shown.times
    assert times.forms["epoch seconds"] == COUNT and times.forms["epoch milliseconds"] == 3 * COUNT


def test_a_sound_folder_without_source_json_is_described_and_left_as_it_is(tmp_path):
    landing = make(tmp_path, hours=2).landing
    (landing / "source.json").unlink()
    outcome = check(landing, now_ms=NOW)
    assert outcome.refused == () and not outcome.described and not (landing / "source.json").exists()
    assert outcome.description.item_fields == DESCRIPTION.item_fields
    assert all(table.passed == table.rows > 0 for table in outcome.tables)


def test_cancellations_follow_purchases_of_an_earlier_call(tmp_path):
    rows = {
        "2026-01-03": "1,2026-01-03T10:00:00Z,5,a/b,x,0\n2,2026-01-03T10:00:00Z,5,a/b,x,0\n",
        "2026-04-20": "1,{0},5,a/b,x,1\n2,{0},5,a/b,,1\n3,{0},5,a,,1\n".format("2026-04-20T10:00:00Z"),
    }
    for day in [*rows, *(str(day.date()) for day in pd.date_range("2026-02-01", periods=40))]:
        path = tmp_path / "purchases" / f"date={day}" / "a.csv"
        path.parent.mkdir(parents=True)
        path.write_text("user_id,purchased_at,price,genre,brand,cancelled\n" + rows.get(day, ""))
    (table,) = check(tmp_path, now_ms=NOW).tables
    assert table.rows == 5 and [(rule.rule, rule.rows) for rule in table.rules] == [("cancelled_known", 1)]
    assert table.missing[0] == "2026-01-04" and len(table.partitions) == 42


def test_the_command_prints_it_and_its_exit_code_says_it(faulty):
    from orchestration.cli import app

    ran = CliRunner().invoke(app, ["check", "--data", str(faulty)], env={"COLUMNS": "200"})
    assert ran.exit_code == 1, ran.output
    for words in (
        "described by source.json",
        "domains of external clicks: video",
        "hour 02 of 2026-05-01 has no files: missing",
        "models see age",
        "Would not be loaded",
        "epoch seconds 60",
        "whole number 240",
        "user_known",
        "again.parquet",
        "hourfold ingest --source landing --data",
    ):
        assert words in ran.output, words


def test_the_command_is_content_with_sound_logs(tmp_path):
    from orchestration.cli import app

    landing = make(tmp_path, hours=1).landing
    (landing / "source.json").write_text(json.dumps(DESCRIPTION.model_dump(mode="json") | {"domains": []}))
    ran = CliRunner().invoke(app, ["check", "--data", str(landing)])
    assert ran.exit_code == 0, ran.output
    assert "domains of external clicks: any" in ran.output and "Would not" not in ran.output
    ran = CliRunner().invoke(app, ["check", "--data", str(tmp_path / "nowhere")])
    assert ran.exit_code == 1 and "is not a folder" in " ".join(ran.output.split())


def test_ids_are_counted_by_how_they_are_written():
    facts = IdFacts("user_id")
    facts.add(pd.Series(["007", "7", "u7", "", None, "x" * 40], dtype="str"))
    facts.add(pd.Series([1.5, np.nan]))
    facts.add(pd.Series([b"\xff", 12, None], dtype=object))
    assert {kind: count for kind, count in facts.kinds.items() if count} == {
        "whole number": 2, "leading zeros": 1, "text": 3, "decimal": 1, "missing": 4,
    }  # fmt: skip
    assert (facts.longest, facts.example, facts.mixed) == (40, "x" * 40, True)


def test_times_are_counted_by_form_and_unit():
    facts = TimeFacts("shown_at")
    facts.add(pd.Series([1777593600, 1777593600000, 1777593600000000, None], dtype="Int64"))
    facts.add(pd.Series(["2026-05-01T00:00:00Z", "2026-05-02T00:00", "soon", "1777593600000"], dtype="str"))
    assert {form: count for form, count in facts.forms.items() if count} == {
        "missing": 1, "epoch seconds": 1, "epoch milliseconds": 2, "epoch microseconds": 1,
        "text with a zone": 1, "text without a zone": 1, "neither a time nor a number": 1,
    }  # fmt: skip
    assert facts.first_ms == 1777593600
