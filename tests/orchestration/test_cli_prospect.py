"""`hourfold prospect` and the shop of the demo, with purchases alone and a profiler that trains at once."""

import json
import time

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from assets.profiling import profilers
from assets.profiling.audience.inbox import look
from orchestration.cli import app, demo_shop
from orchestration.cli.console import Stopwatch
from orchestration.session import Session
from tests.assets.profiling import shop_on_disk
from tests.assets.profiling.profiler_stand_in import ENTRY
from tests.models.profiling.toy import AS_OF
from warehouse.home import Deployment

pytestmark = pytest.mark.slow
AS_OF_KEY = str(np.datetime64(AS_OF, "D"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return shop_on_disk.shop(tmp_path_factory)[0]


@pytest.fixture(autouse=True)
def _here(monkeypatch, shop):
    monkeypatch.setenv("HOURFOLD_HOME", str(shop.root))
    monkeypatch.setattr(profilers, "PROFILERS", {"meta_profile_prior": ENTRY})


@pytest.fixture
def listed(tmp_path):
    bought = shop_on_disk.purchases()
    known = bought[(bought["brand"] == "brand1") & (bought["day"] < AS_OF_KEY)]["user_id"].unique()
    path = tmp_path / "brand.csv"
    path.write_text("\n".join(["user_id", *known, "stranger", "[/b]"]))
    return path


def prospect(*arguments):
    return CliRunner().invoke(app, ["prospect", *map(str, arguments)], terminal_width=200)


def asked(listed, tmp_path, *more, as_of=AS_OF_KEY):
    out = ["--out", tmp_path / "audience.csv", "--top", 15, "--horizon", 30]
    return prospect("--customers", listed, "--as-of", as_of, *out, *more)


def test_an_audience_is_written_and_told(listed, tmp_path):
    ran = asked(listed, tmp_path)
    assert ran.exit_code == 0, ran.output
    assert "15 of" in ran.output and "lift against random" in ran.output and "(stranger, [/b])" in ran.output
    text = " ".join(ran.output.split())
    assert "as a random one (between" in text and "told apart from chance" in text
    assert "A score is an order, not a probability" in text and "column 'user_id', in UTF-8" in text
    names = {path.name for path in tmp_path.iterdir()} - {"brand.csv"}
    assert names == {f"audience{end}" for end in (".parquet", ".csv", ".json", ".html", "-lift.csv")}
    told = json.loads((tmp_path / "audience.json").read_text())
    assert told["lift"]["brand"] == "brand1" and told["customers"]["unknown"] == ["stranger", "[/b]"]
    before = {name: (tmp_path / name).read_bytes() for name in names}
    assert asked(listed, tmp_path).exit_code == 0
    assert {name: (tmp_path / name).read_bytes() for name in names} == before, "twice is the same"


@pytest.mark.parametrize(
    "change, error",
    [
        ({"as_of": "1999-01-01"}, "choose an as-of date after"),
        ({"as_of": "2031-01-01"}, "not after"),
        ({"as_of": "today"}, "YYYY-MM-DD"),
        ({"more": ("--model", "oracle")}, "meta_profile"),
        ({"more": ("--source", "atlantis")}, "unknown source"),
        ({"more": ("--brand", "Nix")}, "not in the log"),
    ],
)
def test_what_cannot_be_answered_is_one_message(listed, tmp_path, change, error):
    ran = asked(listed, tmp_path, *change.get("more", ()), as_of=change.get("as_of", AS_OF_KEY))
    assert ran.exit_code == 1 and error in " ".join(ran.output.split())
    assert "Traceback" not in ran.output and not (tmp_path / "audience.csv").exists()


def test_a_workbook_is_refused_by_name_before_anything_is_trained(listed, tmp_path):
    book = listed.rename(tmp_path / "brand.xlsx")
    ran = asked(book, tmp_path)
    assert ran.exit_code == 1 and "save the sheet as CSV (UTF-8)" in " ".join(ran.output.split())


def test_the_list_is_not_written_over(listed, tmp_path):
    ran = prospect("--customers", listed, "--as-of", AS_OF_KEY, "--out", tmp_path / "brand")
    assert ran.exit_code == 1 and "another name" in " ".join(ran.output.split())
    assert listed.read_text().startswith("user_id")


def test_the_demo_runs_its_shop_through_dagster_and_shows_what_came_true(monkeypatch, shop, capsys):
    changes = {"SOURCE": "landing", "AS_OF": AS_OF_KEY, "HORIZON_DAYS": 30, "TOP": 30, "CUSTOMERS": (0, 120)}
    for name, value in changes.items():
        monkeypatch.setattr(demo_shop, name, value)
    watch = Stopwatch()
    with Session(Deployment.load(shop), shop) as session:
        shown = demo_shop.run_shop(session, watch)
        instance = session._instance
        for asset in ("time_heatmaps", "meta_profile", "few_shot_job", "audience_outcomes"):
            assert instance.get_latest_materialization_event(dg.AssetKey(asset)), asset
        assert instance.get_materialized_partitions(dg.AssetKey("few_shot_job")) == {"demo"}
    after = shown.outcome
    bought = shop_on_disk.purchases()
    days = bought[bought["brand"] == shown.brand].groupby("user_id")["day"].min()
    known = bought[bought["day"] < AS_OF_KEY]["user_id"].unique()
    end = str(np.datetime64(AS_OF + 30, "D"))
    came = set(days[(days >= AS_OF_KEY) & (days < end)].index) & set(known)
    rows = pd.read_csv(shown.page.with_suffix(".csv"), dtype=str)
    assert after.newcomers == len(came) > 0
    assert after.reached == len(came & set(rows["user_id"]))
    assert after.lift == pytest.approx((after.reached / len(came)) / (30 / after.candidates))
    demo_shop.print_shop(shown)
    assert "came true in 30 days" in capsys.readouterr().out
    assert {"shop: gate and load", "shop: train", "shop: audience"} <= set(watch.stages)
    folder = Deployment.load(shop).paths(shop).requests
    assert look(folder, time.time() + 60).ready.keys() == {"demo"}, "a request as the sensor reads it"
