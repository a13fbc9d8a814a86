"""Servers in processes of their own on one core, and requests that come when they are due."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

CONNECTIONS = 16
START_SECONDS = 180.0


@dataclass(frozen=True)
class Answers:
    """What came of requests."""

    seconds: np.ndarray  #: float64 [N] from when each was due to the end of its answer
    errors: int  #: with another status than 200, or none
    cpu_seconds: float  #: that the server used, a request

    def figures(self) -> dict[str, Any]:
        """p50 and p99 in ms, the longest, and counts."""
        p50, p99, longest = np.quantile(self.seconds, [0.5, 0.99, 1.0]) * 1e3
        return {
            "requests": len(self.seconds),
            "errors": self.errors,
            "p50_ms": float(p50),
            "p99_ms": float(p99),
            "longest_ms": float(longest),
            "cpu_ms": self.cpu_seconds * 1e3,
        }


@dataclass(frozen=True)
class RunningServer:
    """A server that answers; figures are of it and the processes that it started."""

    port: int
    group: int

    def cpu_seconds(self) -> float:
        """What it has used so far."""
        return sum(int(one[11]) + int(one[12]) for one in self._stats()) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """What it holds in memory, with the pages of mapped files."""
        return sum(int(one[21]) for one in self._stats()) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def _stats(self) -> Iterator[list[str]]:
        """Fields of /proc/<id>/stat behind the name, of each process."""
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it ended meanwhile
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.group:
                    yield fields


@contextmanager
def serving(home: Path, command: list[str], core: int) -> Iterator[RunningServer]:
    """A server of a home that may use one core; given once it answers, and ended."""
    from assets.common.mlflow_store import REGISTRY_URI, TRACKING_URI, store_uris
    from warehouse.home import Home

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tracking, registry = store_uris(Home(home).mlflow)
    environment = os.environ | {TRACKING_URI: tracking, REGISTRY_URI: registry, "HOURFOLD_HOME": str(home)}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment.get("PATH", "")])
    environment["PYTHONPATH"] = os.pathsep.join([os.getcwd(), environment.get("PYTHONPATH", "")])
    whole = [sys.executable, *(part.format(port=port) for part in command)]
    with tempfile.TemporaryFile("w+") as said:
        server = subprocess.Popen(whole, env=environment, stdout=said, stderr=said, start_new_session=True)
        os.sched_setaffinity(server.pid, {core})  # before it has a thread or a process of its own
        try:
            deadline = time.monotonic() + START_SECONDS
            while _get(port, "/health")[0] != 200:
                if server.poll() is not None or time.monotonic() > deadline:
                    said.seek(0)
                    raise RuntimeError(f"{' '.join(command)} did not start: {said.read()[-2000:]}")
                time.sleep(0.2)
            yield RunningServer(port, server.pid)
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGTERM)
            server.wait(60)


class Load:
    """A client of a server on this machine."""

    def __init__(self, server: RunningServer, bodies: list[bytes]) -> None:
        self._server, self._bodies = server, bodies

    def run(self, rate: float, seconds: float) -> Answers:
        """Send `rate` requests a second, each when it is due, on connections that stay open."""
        count = max(int(rate * seconds), 1)
        took, failed = np.full(count, np.nan), np.zeros(count, bool)
        used = self._server.cpu_seconds()
        start = time.perf_counter() + 0.1

        def send(first: int) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
            for number in range(first, count, CONNECTIONS):
                due = start + number / rate
                time.sleep(max(due - time.perf_counter(), 0))
                try:
                    body = self._bodies[number % len(self._bodies)]
                    connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
                    answer = connection.getresponse()
                    answer.read()
                    failed[number] = answer.status != 200
                except (OSError, http.client.HTTPException):
                    failed[number] = True
                    connection.close()
                took[number] = time.perf_counter() - due
            connection.close()

        threads = [threading.Thread(target=send, args=(first,)) for first in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return Answers(took, int(failed.sum()), (self._server.cpu_seconds() - used) / count)


def tell(system: str, figures: dict[str, Any], aim: float) -> str:
    """A system's figures in words."""
    before, after = figures["memory_mb"]
    peer, beside = figures["peer"], figures["beside_peer"]
    return (
        f"{system}: p50 {figures['p50_ms']:.1f} ms, p99 {figures['p99_ms']:.1f} ms (aim {aim:g}), longest "
        f"{figures['longest_ms']:.0f} ms, of {figures['requests']} requests at {figures['rate']:g}/s, "
        f"{figures['errors']} errors, {figures['cpu_ms']:.1f} ms of CPU each; memory {before:.0f} → "
        f"{after:.0f} MB\n  beside {peer['name']}, at {beside['rate']:g}/s: p50 {beside['p50_ms']:.1f} to "
        f"{peer['p50_ms']:.1f} ms, p99 {beside['p99_ms']:.1f} to {peer['p99_ms']:.1f}, CPU "
        f"{beside['cpu_ms']:.1f} to {peer['cpu_ms']:.1f}; errors {beside['errors']} and {peer['errors']}"
    )


def _get(port: int, path: str) -> tuple[int, str]:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""
