"""Who may speak to the pages: only somebody who came to them by their own address.

Dagster's pages have no login, take mutations by GET, and answer under any name: without this, every page that
is open in a browser on the machine could start and end runs, by an image's address or by a name of its own
that it lets point here. A request is refused that comes under a foreign name, from another site's page, or by
GET with a query. Programs (no browser, no Origin) are not concerned.
"""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

HOSTS = "HOURFOLD_HOSTS"  #: variable with further names of the pages, commas between: a proxy's, a machine's
GRAPHQL = "/graphql"


def refusal(method: str, path: str, headers: Mapping[str, str]) -> str | None:
    """Why a request is not answered; None where it may be. Names of headers are in small letters."""
    host = headers.get("host", "")
    if not is_own(host):
        return f"these pages are not called {host!r}: use their address, or name it in {HOSTS}"
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host and not _is_named(urlsplit(origin).hostname):
        return f"a page of {origin!r} may not ask here: name its host in {HOSTS} if it is yours"
    by_address = method in ("GET", "HEAD") and path.rstrip("/").endswith(GRAPHQL)
    if by_address and "text/html" not in headers.get("accept", ""):  # a person gets the page to write queries
        return "queries are asked by POST"
    return None


def is_own(host: str) -> bool:
    """Whether a Host is an address, this machine or a name from HOURFOLD_HOSTS.

    Nobody can let an address point elsewhere; names can be made to point here.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or _is_named(name):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_named(name: str | None) -> bool:
    named = {each.strip().lower() for each in os.environ.get(HOSTS, "").split(",")}
    return bool(name) and name in named


class GuardedPages:
    """An ASGI application behind `refusal`: 403, or a web socket that is not opened."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        why = None
        if scope["type"] in ("http", "websocket"):
            why = refusal(scope.get("method", "WEBSOCKET"), scope["path"], _headers(scope["headers"]))
        if why is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": why[:100]})
        else:
            plain = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": plain})
            await send({"type": "http.response.body", "body": why.encode()})


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}


def guard_dagster() -> None:
    """Put the guard before Dagster's pages, in the process that serves them; nothing in any other.

    Every process of Dagster loads this home's storages, `hourfold ui`'s and a plain `dagster dev`'s: the only
    way in, for neither a setting nor a hook of Dagster's adds a middleware.
    """
    module = sys.modules.get("dagster_webserver.webserver")
    if module is None or hasattr(module.DagsterWebserver, "is_guarded"):
        return
    from starlette.middleware import Middleware

    server: Any = module.DagsterWebserver
    plain = server.build_middleware
    server.build_middleware = lambda self: [Middleware(GuardedPages), *plain(self)]
    server.is_guarded = True
