"""`hourfold ui` of a home, and a page of an installed Chromium to look at it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.demo_home import ROOT

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
BROWSER = os.environ.get("HOURFOLD_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
START_SECONDS, PAGE_MS = 240, 90_000

needs_browser = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason=f"no browser on the path ({', '.join(BROWSERS)})"),
]


@dataclass(frozen=True)
class Servers:
    """`hourfold ui` on three free ports."""

    process: subprocess.Popen[bytes]
    dagster: str
    mlflow: str
    reports: str


@contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[Servers]:
    """All servers until the end of the block; one Ctrl-C ends them."""
    ports = free_ports(3)
    options = ("--dagster-port", "--mlflow-port", "--reports-port")
    arguments = ["ui", *(word for pair in zip(options, map(str, ports), strict=True) for word in pair)]
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestration.cli", *arguments], cwd=ROOT, env=dict(environment)
    )
    found = Servers(process, *(f"http://127.0.0.1:{port}" for port in ports))
    try:
        answered(f"{found.dagster}/server_info", process)
        answered(f"{found.mlflow}/health", process)
        yield found
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0, "one Ctrl-C ends both servers within seconds"
    for url in (found.dagster, found.mlflow):
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(url, timeout=5)


@contextmanager
def chromium_page():
    """A page of a browser without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        page = browser.new_page(viewport={"width": 1500, "height": 1000})
        page.set_default_timeout(PAGE_MS)
        yield page
        browser.close()


def shows_picture(page, url: str, entry: str) -> None:
    """The entry of an asset's page opens a picture."""
    page.goto(url)
    row = page.get_by_role("row").filter(has=page.get_by_text(entry, exact=True)).first
    row.get_by_text("Show Markdown").click()
    image = page.locator('img[src^="data:image/"]').first
    image.wait_for()
    assert image.evaluate("image => image.naturalWidth") > 300
    page.keyboard.press("Escape")


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on; all are held while they are drawn, so that they differ."""
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def answered(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until the address answers."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, "hourfold ui ended by itself"
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except OSError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.5)
