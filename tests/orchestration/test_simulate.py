"""`hourfold simulate` with a shop: filled once, begun anew if interrupted, options that need each other."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.cli.simulated import simulate_into
from simulator import ShopSettings, SimulatorSettings

TINY = SimulatorSettings.tiny(days=1, shop=ShopSettings.tiny().model_copy(update={"days_before": 6}))


def stamps(folder) -> dict[str, int]:
    return {path.as_posix(): path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}


def test_a_simulation_that_stands_is_left_and_an_interrupted_one_is_begun_anew(tmp_path):
    def stop(stage: str, done: int, total: int) -> None:
        if stage == "simulated days of shopping" and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_into(tmp_path, TINY, 0.0, feed=False, progress=stop)
    assert (tmp_path / "purchases").exists() and not (tmp_path / "source.json").exists()
    broken = simulate_into(tmp_path, TINY, 0.2, feed=False)
    assert sum(broken["purchases"].values()) > 10
    before = stamps(tmp_path)
    assert len(before) == 2 * 7 + 2
    assert simulate_into(tmp_path, TINY, 0.2, feed=False) == broken
    assert stamps(tmp_path) == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_folder_of_others_is_not_replaced(tmp_path):
    (tmp_path / "purchases").mkdir()
    with pytest.raises(FileExistsError, match="holds no simulation"):
        simulate_into(tmp_path, TINY, 0.0, feed=False)


def test_options_of_the_shop_need_the_shop(tmp_path):
    result = CliRunner().invoke(app, ["simulate", "--no-feed", "--to", str(tmp_path)])
    assert result.exit_code == 2
    result = CliRunner().invoke(
        app,
        ["simulate", "--shop", "--no-feed", "--shop-days", "4", "--days", "1", "--users", "60",
         "--to", str(tmp_path)],
    )  # fmt: skip
    assert result.exit_code == 0
    assert len(list((tmp_path / "purchases").iterdir())) == 5


def test_the_check_of_updates_needs_the_check_of_the_feed(tmp_path):
    for options in (["--update"], ["--check", "--shop", "--update"]):
        result = CliRunner().invoke(app, ["simulate", *options, "--to", str(tmp_path)])
        assert result.exit_code == 2 and not list(tmp_path.iterdir())
