"""A page of another site, open in a browser of this machine, moves nothing here; people and programs do."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestration.page_guard import refusal
from orchestration.settings import prepare_home
from tests.browser.servers import free_ports
from warehouse.home import Home

ROOT = Path(__file__).parents[2]
QUERY = json.dumps({"query": "{ version }"})
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("host", ["127.0.0.1:3000", "localhost:3000", "[::1]:3000", "10.0.0.7"])
def test_an_address_is_answered(host):
    assert refusal("GET", "/", {"host": host}) is None
    assert refusal("POST", "/graphql", {"host": host, "origin": f"http://{host}"}) is None
    assert refusal("POST", "/graphql", {"host": host}) is None, "a program"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "", "a[b"])
def test_a_foreign_name_is_refused_unless_it_is_named(host, monkeypatch):
    assert "not called" in refusal("GET", "/", {"host": host})
    monkeypatch.setenv("HOURFOLD_HOSTS", "dagster.example, evil.example")
    assert (refusal("GET", "/", {"host": host}) is None) == (host.split(":")[0] == "evil.example")


def test_another_sites_page_is_refused_whatever_it_asks(monkeypatch):
    own = {"host": "localhost:3000"}
    for origin in ("https://evil.example", "null", "http://localhost:8888", "http://127.0.0.1:3000"):
        for method in ("POST", "WEBSOCKET"):
            assert "may not ask" in refusal(method, "/graphql", own | {"origin": origin})
    monkeypatch.setenv("HOURFOLD_HOSTS", "dagster.example")
    assert refusal("POST", "/graphql", own | {"origin": "https://dagster.example"}) is None, "a proxy's name"


@pytest.fixture(scope="module")
def dagster(tmp_path_factory):
    """The port of Dagster's pages on a home of their own, as `dagster dev` starts them."""
    (port,) = free_ports(1)
    before = dict(os.environ)
    home = prepare_home(Home(tmp_path_factory.mktemp("home")))
    words = ["-m", "dagster_webserver", "--empty-workspace", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, env={**os.environ, "DAGSTER_HOME": str(home.dagster)}
    )
    os.environ.clear()
    os.environ.update(before)
    deadline = time.monotonic() + 90
    while True:
        try:
            answered(port, "GET", "/server_info")
            break
        except OSError:
            assert server.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
    yield port
    server.terminate()
    server.wait(20)


def answered(port, method, path, body=None, **headers):
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    asked.request(method, path, body, headers)
    return asked.getresponse()


def test_dagsters_own_pages_are_behind_it(dagster):
    asked = answered(dagster, "POST", "/graphql", QUERY, **JSON)
    assert asked.status == 200 and json.loads(asked.read())["data"]["version"]
    own = f"http://127.0.0.1:{dagster}"
    assert answered(dagster, "POST", "/graphql", QUERY, **JSON, Origin=own).status == 200
    assert answered(dagster, "GET", "/").status == 200
    by_get = answered(dagster, "GET", "/graphql?query=%7Bversion%7D", Accept="image/*")
    assert by_get.status == 403 and b"POST" in by_get.read()
    assert answered(dagster, "POST", "/graphql", QUERY, **JSON, Host="evil.example").status == 403
    assert answered(dagster, "POST", "/graphql", QUERY, **JSON, Origin="https://evil.example").status == 403
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "graphql-ws"}
    assert answered(dagster, "GET", "/graphql", **upgrade, Origin=own).status == 101
    assert answered(dagster, "GET", "/graphql", **upgrade, Origin="https://evil.example").status == 403
