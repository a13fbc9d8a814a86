"""An audience in a real browser: a request that the servers carry out by themselves, and the page to mail."""

from __future__ import annotations

import json
import os
import time

import pytest

from assets.profiling.audience.inbox import SETTLED_SECONDS
from assets.profiling.heatmaps_asset import as_of
from tests.assets.profiling import shop_on_disk
from tests.browser.servers import START_SECONDS, chromium_page, needs_browser, serving, shows_picture

DAY, BRAND = "2017-09-30", "brand1"

pytestmark = needs_browser


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A shop with a sound request and a malformed one in its folder."""
    home, deployment = shop_on_disk.shop(tmp_path_factory)
    folder = deployment.paths(home).requests
    folder.mkdir()
    bought = shop_on_disk.purchases()
    known = bought[(bought["brand"] == BRAND) & (bought["day"] <= DAY)]["user_id"].unique()
    request = {"customers": "spring.csv", "as_of": as_of(DAY), "top": 20, "horizon_days": 30}
    files = {
        "spring.csv": "\n".join(["user_id", *known, "<b>stranger</b>"]),
        "spring.json": json.dumps(request),
        "broken.json": "{",
    }
    for name, content in files.items():
        (folder / name).write_text(content)
        os.utime(folder / name, (time.time() - 2 * SETTLED_SECONDS,) * 2)
    return home, deployment.paths(home)


@pytest.fixture(scope="module")
def servers(shop):
    with serving(os.environ | {"HOURFOLD_HOME": str(shop[0].root)}) as found:
        yield found


@pytest.fixture(scope="module")
def page(servers):
    with chromium_page() as found:
        yield found


@pytest.fixture(scope="module")
def mailed(shop, servers):
    """The page that the sensor's run has written."""
    path = shop[1].reports / "audiences" / "spring" / "audience.html"
    deadline = time.monotonic() + START_SECONDS
    while not path.exists():
        assert time.monotonic() < deadline, "the request was not carried out"
        time.sleep(1)
    return path


def test_the_sensor_carries_a_request_out_and_puts_a_malformed_one_aside(shop, mailed):
    assert (shop[1].requests / "rejected" / "broken.reason.txt").exists()
    assert not (shop[1].requests / "broken.json").exists()


def test_the_page_to_mail_renders_without_a_server(page, mailed):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(mailed.as_uri())
    page.get_by_role("heading", name=f"Audience for brand {BRAND}").wait_for()
    for heading in (
        "What to expect",
        "Expected lift",
        "What the score means",
        "The audience",
        "Who the customers are",
        "Unknown ids",
        "How it was made",
    ):
        assert page.get_by_role("heading", name=heading, exact=True).is_visible()
    label = page.locator(".outlook .label").inner_text()
    in_words = page.locator(".outlook").inner_text()
    assert label.lower() in ("told apart from chance", "not told apart from chance", "worse than chance")
    assert "as a random one (between" in in_words and "95 %" in in_words
    green = page.locator(".cards b.good").count() + page.locator(".outlook.good").count()
    assert green == (2 if "This is told apart from chance." in in_words else 0), "green only by a margin"
    assert page.get_by_text("a score is an order, not a probability").is_visible()
    pictures = page.locator("img")
    assert all(len(image.get_attribute("alt")) > 20 for image in pictures.all()), "said in words, too"
    assert pictures.count() >= 1
    assert all(image.evaluate("i => i.complete && i.naturalWidth") > 600 for image in pictures.all())
    assert page.get_by_text("<b>stranger</b>").is_visible(), "an id is text, whatever it looks like"
    assert page.get_by_role("row").count() > 20
    assert page.locator("th:not([scope])").count() == 0
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0, "nothing sticks out"
    assert all(url.startswith(("file:", "data:")) for url in asked)


@pytest.mark.parametrize("entry", ["lift curve", "scores"])
def test_the_asset_page_shows_the_pictures(page, servers, mailed, entry):
    shows_picture(page, f"{servers.dagster}/assets/few_shot_job?partition=spring", entry)


def test_mlflow_has_the_request_with_its_model(page, servers, mailed):
    page.goto(f"{servers.mlflow}/#/models")
    page.get_by_role("link", name="profiling-landing").first.wait_for()
    page.get_by_text("meta_profile_prior").first.wait_for()


def test_the_asset_page_says_what_to_expect(page, servers, mailed):
    page.goto(f"{servers.dagster}/assets/few_shot_job?partition=spring")
    page.get_by_text("what to expect").first.wait_for()
    page.get_by_text("what the score means").first.wait_for()
