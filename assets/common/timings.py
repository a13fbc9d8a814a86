"""Where an asset's time goes: reading, computing, recording. The rest of a run is orchestration."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

PREFIX = "seconds: "


class Timings:
    """Seconds by phase, added up."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time spent inside to the phase `name`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def metadata(self) -> dict[str, dg.FloatMetadataValue]:
        """For an asset's page, one number a phase."""
        return {PREFIX + name: dg.MetadataValue.float(seconds) for name, seconds in self.seconds.items()}
