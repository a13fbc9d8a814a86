"""The demo, tiny, and the commands that look at what it left."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from tests.demo_home import SYSTEMS, Demo, demo_of_session

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Demo:
    return demo_of_session(tmp_path_factory)


@pytest.fixture
def hourfold(demo, monkeypatch):
    """Runs a command in the demo's home."""
    monkeypatch.setenv("HOURFOLD_HOME", str(demo.home))
    monkeypatch.setenv("DAGSTER_HOME", str(demo.home))  # put back after what the command sets

    def run(*arguments: str):
        return CliRunner().invoke(app, arguments)

    return run


def rows(output: str, title: str) -> list[list[str]]:
    """Cells of the table that stands under `title`."""
    block = output.split(title, 1)[1].split("└", 1)[0]
    return [
        [cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in block.splitlines() if "│" in line
    ]


def test_every_table_says_that_its_logs_are_simulated(demo):
    titles = [line for line in demo.output.splitlines() if re.match("(Simulated|What the gate|AUC)", line)]
    assert len(titles) == 5
    assert all("imulated" in title for title in titles)


def test_rows_in_are_kept_or_quarantined(demo):
    for _, _, came, kept, aside in rows(demo.output, "Simulated logs, as they passed the gate"):
        assert number(came) == number(kept) + number(aside)


def test_everything_that_was_broken_is_caught_by_its_rule(demo):
    caught = rows(demo.output, "What the gate caught")
    assert len(caught) > 25
    assert [row for row in caught if row[2] != row[3]] == []
    *_, everything = caught
    assert number(everything[2]) > 80


def test_each_system_and_the_true_probability_have_their_auc(demo):
    table = rows(demo.output, "AUC on 2025-03-05 (simulated logs)")
    assert [row[0] for row in table] == [*SYSTEMS.split(","), "true probability"]
    day = [float(row[1]) for row in table]
    assert all(0 < value < 1 for value in day) and day[-1] == max(day)


def test_time_is_told_by_stage_with_the_share_of_overhead(demo):
    told = {row[0]: row[2] for row in rows(demo.output, "Dagster runs")}
    assert {"imports", "simulation", "gate and load", "training", "24 hours"} <= set(told)
    assert re.fullmatch(r"\d+%", told["imports and orchestration"])
    assert re.search(r"Peak memory \d+\.\d GiB", demo.output)


def test_quarantine_can_be_listed_and_shown(hourfold):
    listed = hourfold("quarantine", "list", "--table", "exposures")
    assert listed.exit_code == 0 and "user_known" in listed.stdout
    shown = hourfold("quarantine", "show", "--rule", "user_known", "--limit", "1")
    assert shown.exit_code == 0 and "stranger-" in shown.stdout


def test_another_source_is_refused_in_the_same_home(hourfold, tmp_path):
    refused = hourfold("ingest", "--source", "landing", "--data", str(tmp_path))
    assert refused.exit_code == 1 and "HOURFOLD_HOME" in refused.stderr


def test_the_first_day_cannot_be_run(hourfold):
    refused = hourfold("day", "2025-03-03")
    assert refused.exit_code == 1 and "no day before it" in refused.stderr


def number(cell: str) -> int:
    return int(cell.replace(",", ""))
