"""What `hourfold compare` prints."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from orchestration.cli.console import WIDTH_OF_FILES
from orchestration.cli.tables import comparison_tables, failed_lines, hours_table, order_table, periods_table
from tests.assets.experiments.random_comparison import random_comparison


def printed(*tables):
    file = io.StringIO()
    for table in tables:
        Console(file=file, width=WIDTH_OF_FILES).print(table)
    return file.getvalue()


@pytest.fixture(scope="module")
def result():
    return random_comparison(seeds=2)


def test_every_table_fits_a_file_and_names_its_logs(result):
    tables = list(comparison_tables("simulated logs: 2 day(s), 2 seed(s)", result))
    assert len(tables) == 7
    for table in tables:
        assert str(table.title).startswith("simulated logs")
        shown = printed(table)
        assert "…" not in shown.replace(" … ", " "), "a cell was cut off"
        assert max(len(line.rstrip()) for line in shown.splitlines()) <= WIDTH_OF_FILES


def test_the_gain_is_adapted_less_static(result):
    (entry,) = (e for e in result.summary if e.system == "lsttm")
    line = next(line for line in printed(*comparison_tables("t", result)).splitlines() if "│ lsttm " in line)
    assert f"{entry.auc - entry.auc_static:+.4f}" in line and f"{entry.ece:.4f}" in line


def test_tests_are_against_the_best_and_read_from_its_side(result):
    best = max(result.summary, key=lambda entry: entry.auc).system
    table = list(comparison_tables("t", result))[3]
    assert f"against {best}" in str(table.title)
    shown = printed(table)
    for test in result.tests:
        if best in (test.first, test.second):
            other = test.second if best == test.first else test.first
            sign = -1 if best == test.first else 1
            line = next(line for line in shown.splitlines() if f"│ {other} " in line)
            assert f"{sign * test.difference:+.4f}" in line


@pytest.mark.parametrize("lists", [True, False])
def test_lists_are_told_where_they_are_known_and_missed_once_where_not(lists):
    result = random_comparison(lists=lists)
    shown = printed(order_table("t", result.summary, result.truth))
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= WIDTH_OF_FILES
    assert ("no requests in these logs" in shown) != lists and ("nDCG@10" in shown) == lists
    (entry,) = (e for e in result.summary if e.system == "fm")
    line = next(line for line in shown.splitlines() if "│ fm " in line)
    assert f"{entry.gauc_hour:.4f}" in line and "–" not in line
    if lists:
        assert f"{entry.request_ndcg10:.4f}" in line


def test_one_system_has_no_tests():
    alone = random_comparison(systems=("deepfm",), days=("2025-03-08",), seeds=1)
    assert len(list(comparison_tables("t", alone))) == 4


def test_hours_share_one_scale_and_a_dot_stands_for_no_auc():
    result = random_comparison(("fm", "lsttm"), ("2025-03-08",), 1)
    start = {"fm": 0.5, "lsttm": 0.7}
    rows = tuple(
        row.model_copy(update={"auc": None if row.hour == 3 else start[row.system] + row.hour / 100})
        for row in result.rows
    )
    shown = printed(hours_table("t", result.model_copy(update={"rows": rows})))
    low, high = (
        next(line for line in shown.splitlines() if f"│ {name} " in line) for name in ("fm", "lsttm")
    )
    assert low.count("·") == high.count("·") == 1
    assert "▁" in low and "▁" not in high and high.count("█") >= 2 and "█" not in low
    assert "0.5000" in low and "0.7300" in low and "0.9300" in high


def test_periods_are_pooled_beside_the_papers_means():
    older = random_comparison(("fm", "lsttm"))
    figures = {f"{kind}{n}": 0.5 + n / 100 for kind in ("pooled", "gain") for n in (1, 2, 3)}
    entries = [entry.model_copy(update=figures) for entry in older.summary]
    shown = printed(periods_table("t", entries, older.truth))
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= WIDTH_OF_FILES
    line = next(line for line in shown.splitlines() if "│ fm " in line)
    assert "0.5100" in line and "+0.5300" in line and f"{entries[0].period1:.4f}" in line
    assert "mean" in shown and "mean" in printed(periods_table("t", older.summary))


def test_a_failed_system_is_named_with_its_reason():
    (line,) = failed_lines({"fm": "2025-03-05, seed 0: training diverged"})
    assert line.startswith("fm failed") and line.endswith("training diverged")
