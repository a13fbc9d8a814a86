"""The pages under a home's reports (Data Docs, audiences), read by a browser from their own small server.

A browser opens no file from a page of Dagster; it follows a link. Nothing but reports is shown: warehouse,
logs and models lie beside them.
"""

from __future__ import annotations

import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader, BytesIO
from pathlib import Path

from orchestration.page_guard import HOSTS, is_own

REPORTS = "reports"  #: as `SourceHome.reports` names it


class ReportPages(SimpleHTTPRequestHandler):
    """Serves `<directory>/<source>/reports/…` and nothing else."""

    def send_head(self) -> BytesIO | BufferedReader | None:
        """The answer's head and its body, 404 outside of a source's reports, links followed.

        403 under a foreign name, which any page open in a browser could let point here.
        """
        if not is_own(self.headers.get("Host", "")):
            self.send_error(HTTPStatus.FORBIDDEN, f"ask by the address, or name this host in {HOSTS}")
            return None
        root = Path(self.directory).resolve()
        asked = Path(self.translate_path(self.path)).resolve()
        parts = asked.relative_to(root).parts if asked.is_relative_to(root) else ()
        if len(parts) < 2 or parts[1] != REPORTS:
            self.send_error(HTTPStatus.NOT_FOUND, "only <source>/reports/ is shown here")
            return None
        return super().send_head()  # type: ignore[return-value]

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each page."""


def serve(sources: Path, host: str, port: int) -> None:
    """Serve the reports below `<home>/sources` until the process ends."""
    with ThreadingHTTPServer((host, port), partial(ReportPages, directory=str(sources))) as server:
        server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
