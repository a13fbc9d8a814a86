"""Reports are shown, and nothing that lies beside them."""

import threading
from functools import partial
from http.server import ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from assets.common.links import report_link
from orchestration.report_pages import ReportPages


@pytest.fixture
def served(tmp_path):
    """A source's folders, and the address of its pages."""
    source = tmp_path / "sources" / "my logs"
    (source / "reports" / "data_docs").mkdir(parents=True)
    (source / "reports" / "data_docs" / "index.html").write_text("all rules")
    (source / "warehouse.duckdb").write_text("private")
    (source / "reports" / "way_out").symlink_to(source)
    pages = partial(ReportPages, directory=str(tmp_path / "sources"))
    with ThreadingHTTPServer(("127.0.0.1", 0), pages) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield source, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_link_on_an_assets_page_opens_the_page(served, monkeypatch):
    source, address = served
    monkeypatch.setenv("HOURFOLD_REPORTS_URL", address)
    link = report_link(source / "reports" / "data_docs" / "index.html").value
    assert link.startswith("[open](")
    assert urlopen(link.split("(")[1].split(")")[0]).read() == b"all rules"


@pytest.mark.parametrize(
    "path",
    [
        *("", "my%20logs/", "my%20logs/warehouse.duckdb", "my%20logs/reports/../warehouse.duckdb"),
        *("my%20logs/reports/way_out/warehouse.duckdb", "../sources/my%20logs/warehouse.duckdb"),
        "my%20logs/reports/%2e%2e/warehouse.duckdb",
    ],
)
def test_nothing_else_is_shown(served, path):
    with pytest.raises(HTTPError, match="404"):
        urlopen(f"{served[1]}/{path}")


def test_a_foreign_name_is_refused(served):
    _, address = served
    with pytest.raises(HTTPError, match="403"):
        urlopen(
            Request(f"{address}/my%20logs/reports/data_docs/index.html", headers={"Host": "evil.example"})
        )
