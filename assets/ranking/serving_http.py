"""The champion over HTTP, an ASGI application: /invocations as MLflow's server has it, /health, /metrics.

A request is read into columns and scored in one thread beside the event loop, so that /health answers while
an hour is being opened; no frame is made of it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from assets.common.faults import BadRequest, DamagedState
from assets.ranking.serving_body import NoTable, read_body
from assets.ranking.serving_champion import FollowedChampion
from assets.ranking.serving_metrics import CONTENT_TYPE, ServingMetrics
from models.ranking.hour_chain import BrokenChain
from warehouse.store.waiting import WarehouseBusy

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

MOST_BYTES = 16 << 20  #: of a request's body
JSON = "application/json"

_log = logging.getLogger("hourfold.serving")


class ScoringApp:
    """Answers from what a `FollowedChampion` holds."""

    def __init__(self, champion: FollowedChampion) -> None:
        self.champion, self.metrics = champion, ServingMetrics()
        self._scoring = ThreadPoolExecutor(1, "score")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            status, kind, body = await self._answer(scope, receive)
            headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] != "lifespan.shutdown":
            self.champion.start()
            await send({"type": "lifespan.startup.complete"})
        self.champion.stop()
        self._scoring.shutdown()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Message, receive: Receive) -> tuple[int, str, bytes]:
        path, method = scope["path"], scope["method"]
        if path == "/invocations":
            if method != "POST":
                return _refusal(405, "POST candidates to /invocations")
            return await self._invocation(scope, receive)
        if path not in ("/health", "/ping", "/metrics"):
            return _refusal(404, f"nothing is at {path}: POST to /invocations, or GET /health, /metrics")
        if method not in ("GET", "HEAD"):
            return _refusal(405, f"GET {path}")
        if path == "/metrics":
            return 200, CONTENT_TYPE, self._measured().encode()
        return 200, JSON, json.dumps(self._health()).encode()

    async def _invocation(self, scope: Message, receive: Receive) -> tuple[int, str, bytes]:
        body = await _body(receive)
        started = time.perf_counter()
        if body is None:
            answer = _refusal(413, f"the request is longer than {MOST_BYTES} bytes: send fewer candidates")
        else:
            kind = dict(scope["headers"]).get(b"content-type", b"application/json").decode("latin-1")
            answer = await asyncio.get_running_loop().run_in_executor(self._scoring, self._score, body, kind)
        self.metrics.answered(answer[0], time.perf_counter() - started)
        return answer

    def _score(self, body: bytes, kind: str) -> tuple[int, str, bytes]:
        try:
            answer = self.champion.current.ranker.answer(read_body(body, kind))
        except NoTable as refused:
            return _refusal(refused.status, str(refused))
        except BadRequest as error:
            return _refusal(400, str(error))
        except (DamagedState, BrokenChain, FileNotFoundError, WarehouseBusy) as error:
            _log.error("a request was not answered: %s", error)
            return _refusal(503, str(error))
        except Exception as error:
            _log.exception("a request was not answered")
            return _refusal(500, f"{type(error).__name__}: the server's log says more")
        self.metrics.scored(len(answer.scores), answer.cold_users, answer.cold_items)
        scores = ", ".join([f'{{"score": {score!r}}}' for score in answer.scores.tolist()])
        return 200, JSON, f'{{"predictions": [{scores}]}}'.encode()

    def _health(self) -> dict[str, Any]:
        current, problem = self.champion.current, self.champion.problem
        opened, named = current.ranker.opened, current.named
        adapted = opened.adapted if opened is not None else None
        return {
            "status": "ok" if problem is None else "stale",
            "problem": problem,
            "model": named.name,
            "version": named.version,
            "system": named.system,
            "trained_through": named.day,
            "hour": None if opened is None else opened.hour,
            "adapted_through": None if adapted is None else adapted.partition,
        }

    def _measured(self) -> str:
        health = self._health()
        age = time.time() - self.champion.current.ranker.received_ms / 1000
        gauges = {
            "hourfold_state_age_seconds": ("since the end of what the answers rest on", round(age)),
            "hourfold_follow_failures": ("looks for a newer model that failed", self.champion.failures),
            "hourfold_stale": (
                "1 while the last look for a newer model failed",
                float(health["status"] != "ok"),
            ),
            "process_resident_memory_bytes": ("memory of the process", _resident_bytes()),
        }
        labels = ("model", "version", "system", "trained_through", "hour", "adapted_through")
        return self.metrics.text(gauges, {name: str(health[name] or "") for name in labels})


async def _body(receive: Receive) -> bytes | None:
    """The whole body of a request; None where it is too long, and then it is not held."""
    parts, length = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        part = message.get("body", b"")
        length += len(part)
        if length <= MOST_BYTES:
            parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts) if length <= MOST_BYTES else None


def _refusal(status: int, words: str) -> tuple[int, str, bytes]:
    return status, JSON, json.dumps({"error": words}).encode()


def _resident_bytes() -> int:
    import os

    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # another system than Linux: what it used at most
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
