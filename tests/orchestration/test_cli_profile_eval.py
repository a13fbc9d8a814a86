"""`hourfold profile-eval` on the screen: intervals, K = 1, paired tests; brands by name."""

from __future__ import annotations

import json
import re

import pytest
from rich.console import Console
from typer.testing import CliRunner

from assets.experiments.profilers.paired import OURS
from orchestration.cli import app, profile_eval
from orchestration.cli.profile_tables import profile_tables
from tests.assets.experiments.profile_rows import TARGETS, evaluated
from tests.assets.profiling import shop_on_disk

LONG = {OURS: 0.05, "meta_profile_finetune": 0.01, "ridge": 0.05, "logistic_baskets": 0.02, "activity": 0.0}


@pytest.fixture(scope="module")
def result():
    return evaluated(LONG)


def printed(result, monkeypatch) -> str:
    console = Console(width=120, record=True, highlight=False)
    monkeypatch.setattr(profile_eval, "console", console)
    profile_eval._print(result, "toy shop")
    return console.export_text()


@pytest.fixture
def screen(result, monkeypatch):
    return printed(result, monkeypatch)


def test_every_table_fits_120_columns_and_cuts_no_cell(screen):
    assert max(map(len, screen.splitlines())) <= 120
    assert "…" not in screen and all(name in screen for name in LONG)


def test_one_customer_and_all_have_a_table_each_with_intervals(screen):
    for title in ("K = 1", "all customers given"):
        block = screen.split(f"newcomers of 92 days: {title}")[1].split("top lift: of the first")[0]
        for system in LONG:
            (line,) = [line for line in block.splitlines() if line.split()[:1] == [system]]
            assert len(re.findall(r"\[\.\d+, \.\d+\]", line)) == 3, "AUROC, AUPR and within quintiles"
            assert re.search(r"\d\.\d\d \[\d\.\d\d, \d\.\d\d\]", line), "top lift"
    assert "base rate .0700" in screen and "of the first 58–61 test users" in screen


def test_paired_tests_show_difference_interval_both_p_and_wins(screen):
    for title in (f"{OURS} less each other system, K = 1", f"{OURS} less each other system, all customers"):
        block = screen.split(title)[1].split("wins: brands ahead")[0]
        (line,) = [line for line in block.splitlines() if line.split()[:1] == ["activity"]]
        assert line.split()[-1] == str(len(TARGETS)), "wins"
        assert len(re.findall(r"\+\.0\d+ \[\+\.\d+, \+\.\d+\]", line)) == 2
        ridge = next(line for line in block.splitlines() if line.split()[:1] == ["ridge"])
        raw, holm = re.findall(r"(?<!\S)[.1][.\d]*(?!\S)", ridge)[:2]
        assert float(holm) >= float(raw)


def test_which_brands_who_has_what_and_the_verdict_are_said(screen):
    flat = " ".join(screen.split())
    assert "Note: 12 target brands, of 1.5%-15% of the users" in flat
    assert (
        "2,446 users with purchases before 2017-10-01, of them 812 with points heatmap, 801 with demo" in flat
    )
    assert "Note: a remark" in flat
    assert f"all customers, AUROC: {OURS} is ahead of" in flat


def test_modalities_are_shown_against_purchases(monkeypatch):
    group = {f"modality_{name}": 0.01 * n for n, name in enumerate(("none", "purchases", "all"))}
    screen = printed(evaluated(group), monkeypatch)
    assert "each modality less modality_purchases, all customers given" in screen
    assert OURS not in screen


def test_studies_alone_have_no_table_of_brands_and_no_tests(result):
    bare = [entry.model_copy(update={"brands": (), "against": ()}) for entry in result.summary]
    assert not list(profile_tables(result.model_copy(update={"summary": tuple(bare)}), "toy"))


def test_a_folder_without_purchases_says_which_table_is_needed(tmp_path, monkeypatch):
    users = tmp_path / "logs" / "users"
    users.mkdir(parents=True)
    (users / "a.csv").write_text("user_id\nu1\n")
    monkeypatch.setenv("HOURFOLD_HOME", str(tmp_path / "home"))
    command = f"profile-eval --source landing --data {tmp_path / 'logs'} --out {tmp_path / 'f.json'}"
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 1 and "purchases" in done.output and "Traceback" not in done.output


@pytest.mark.slow
def test_brands_that_a_file_names_are_evaluated_and_a_typo_is_refused(tmp_path, monkeypatch):
    landing = shop_on_disk.landed(tmp_path, shop_on_disk.purchases())
    monkeypatch.setenv("HOURFOLD_HOME", str(tmp_path / "home"))
    brands, out = tmp_path / "brands.txt", tmp_path / "f.json"
    common = f"profile-eval --source landing --data {landing} --out {out} --tiny --table brands"
    common += " --systems ridge,activity,meta_profile_prior"
    brands.write_text("brand\nbrand1\nbrand99\n")
    refused = CliRunner().invoke(app, [*common.split(), "--targets", str(brands)])
    assert refused.exit_code == 1 and "'brand99'" in refused.output and "like it" in refused.output
    assert not out.exists()
    brands.write_text("brand\nbrand1\nBRAND6\n")
    done = CliRunner().invoke(app, [*common.split(), "--targets", str(brands)])
    assert done.exit_code == 0, done.output
    result = json.loads(out.read_text())
    assert result["protocol"]["targets"] == ["brand1", "brand6"]
    assert all(row["top_lift"] is not None for row in result["rows"] if row["newcomers"])
    assert f"{OURS} less each other system, K = 1" in done.output
    banded = CliRunner().invoke(
        app, [*common.split(), "--size-band", "10%-60%", "--brands", "2", "--top", "5"]
    )
    assert banded.exit_code == 0, banded.output
    assert "top lift: of the first 5 test users" in " ".join(banded.output.split())
