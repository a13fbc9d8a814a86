"""What a serving process counts, in the text format that Prometheus reads."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Upper bounds of the latency histogram, in seconds.
BUCKETS = (0.002, 0.004, 0.006, 0.008, 0.01, 0.0125, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)


class ServingMetrics:
    """Counters since the start of the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[int] = Counter()
        self._totals: Counter[str] = Counter()
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0

    def answered(self, status: int, seconds: float) -> None:
        """Count a request for scores by its status, and the seconds from its last byte to its answer."""
        with self._lock:
            self._requests[status] += 1
            self._buckets[bisect_left(BUCKETS, seconds)] += 1
            self._seconds += seconds

    def scored(self, candidates: int, cold_users: int, cold_items: int) -> None:
        """Count what a request that was answered held."""
        with self._lock:
            self._totals.update(candidates=candidates, cold_users=cold_users, cold_items=cold_items)

    def text(self, gauges: Mapping[str, tuple[str, float]], labels: Mapping[str, str]) -> str:
        """Everything as Prometheus reads it.

        Args:
            gauges: name → (what it says, value), of the present moment.
            labels: of `hourfold_serving_info`, which is always 1: which model and hour answer.
        """
        with self._lock:
            requests, totals = dict(self._requests), dict(self._totals)
            buckets, seconds = list(self._buckets), self._seconds
        lines = _head("hourfold_requests_total", "counter", "requests for scores, by HTTP status")
        lines += [f'hourfold_requests_total{{status="{code}"}} {n}' for code, n in sorted(requests.items())]
        for name, words in (
            ("candidates", "candidates that were scored"),
            ("cold_users", "users that the warehouse did not know, once a request"),
            ("cold_items", "items that the warehouse did not know, once a request"),
        ):
            lines += _head(f"hourfold_{name}_total", "counter", words)
            lines.append(f"hourfold_{name}_total {totals.get(name, 0)}")
        name = "hourfold_request_seconds"
        lines += _head(name, "histogram", "seconds from a request's last byte to its answer")
        count = 0
        for bound, n in zip((*map(str, BUCKETS), "+Inf"), buckets, strict=True):
            count += n
            lines.append(f'{name}_bucket{{le="{bound}"}} {count}')
        lines += [f"{name}_sum {seconds:.6f}", f"{name}_count {count}"]
        for gauge, (words, value) in gauges.items():
            lines += [*_head(gauge, "gauge", words), f"{gauge} {value:g}"]
        pairs = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items())
        lines += [
            *_head("hourfold_serving_info", "gauge", "which model and hour answer"),
            "hourfold_serving_info",
        ]
        lines[-1] += f"{{{pairs}}} 1"
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, words: str) -> list[str]:
    return [f"# HELP {name} {words}", f"# TYPE {name} {kind}"]


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
