"""What a window's adjacencies cost: days merged one at a time against one sort of everything.

`python -m benchmarks.window_graph --events 10_000_000` makes the typed events of a window of 8 days (a user's
exposures and an item's, with counterpart and type; no external clicks) from days that are drawn when they are
read, as a stored day is read. It prints processor seconds and the peak of anonymous memory beside those of
sorting all events at once, which is left out beyond 20 million. Drawing the days is timed apart and left out.
Large columns lie in a scratch file below `--scratch`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from models.layers.temporal_adjacency import TemporalAdjacency
from models.ranking.features.day_graphs import adjacencies_of
from models.ranking.features.event_log import DAY_MS, Entities, EventDays, EventLog, Exposures, ExternalClicks
from models.ranking.lsttm.typed_events import TypedSettings, typed_events

DAYS = 8
SORTED_AT_MOST = 20_000_000


def day_of(number: int, events: int) -> EventLog:
    """A day's exposures in narrow columns: 50 a user in the window, a few items shown often."""
    rng = np.random.default_rng(number)
    start = number * DAY_MS
    user = rng.integers(0, max(events * DAYS // 50, 1), events, dtype=np.int32)
    item = (rng.random(events, dtype=np.float32) ** 3 * max(events // 100, 1)).astype(np.int32)
    shown_at = np.sort(rng.integers(start, start + DAY_MS, events))
    none = np.empty(0, np.int64)
    entities = Entities(none, np.empty((0, 0), np.int64), none)
    context = np.empty((events, 0), np.int64)
    clicked, dwell = rng.random(events, dtype=np.float32) < 0.1, np.full(events, np.nan, np.float32)
    exposures = Exposures(user, item, shown_at, clicked, dwell, context)
    external = ExternalClicks(none, none, none, none, none)
    return EventLog(exposures, external, entities, entities, start, start + DAY_MS)


@dataclass
class Memory:
    """The peak of this process's anonymous memory while it is looked at, beyond what there was."""

    peak: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Memory:
        self.before = anonymous()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.stop.wait(0.005):
            self.peak = max(self.peak, anonymous() - self.before)


def anonymous() -> int:
    """Bytes of memory of this process that no file backs."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise SystemExit("this system does not tell anonymous memory")


def measured(make: Callable[[], object], drawn: Callable[[], float]) -> dict[str, float]:
    """Processor seconds, without those of drawing days, and peak GiB of what `make` does."""
    began, apart = time.process_time(), drawn()
    with Memory() as memory:
        result = make()
        seconds = time.process_time() - began - (drawn() - apart)
        after = anonymous() - memory.before
    del result
    return {"seconds": seconds, "peak_gib": memory.peak / 2**30, "result_gib": after / 2**30}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--scratch", type=Path, default=None, help="a folder; none: all in memory")
    options = parser.parse_args()
    torch.set_num_threads(1)
    spent = [0.0]

    def reader(number: int) -> Callable[[], EventLog]:
        def read() -> EventLog:
            began = time.process_time()
            log = day_of(number, options.events // DAYS)
            spent[0] += time.process_time() - began
            return log

        return read

    scratch = None if options.scratch is None else Path(tempfile.mkdtemp(dir=options.scratch))
    days = EventDays([reader(n) for n in range(DAYS)], 0, DAYS * DAY_MS, 0, [scratch] * DAYS)
    settings = TypedSettings()
    figures: dict[str, object] = {"events": options.events, "directions": 2}
    figures["merged"] = measured(
        lambda: adjacencies_of(days, lambda log: typed_events(log, settings)), lambda: spent[0]
    )
    if options.events <= SORTED_AT_MOST:
        figures["sorted"] = measured(lambda: sort_all(days, settings), lambda: spent[0])
    if scratch is not None:
        scratch.rmdir()
    print(json.dumps(figures, indent=1))


def sort_all(days: EventDays, settings: TypedSettings) -> dict[str, TemporalAdjacency]:
    """Every event of the window sorted at once."""
    parts = [typed_events(day, settings) for day in days]
    whole = {}
    for name, (_, _, payload) in parts[0].items():
        nodes, times = (torch.cat([part[name][at] for part in parts]) for at in (0, 1))
        columns = {column: torch.cat([part[name][2][column] for part in parts]) for column in payload}
        whole[name] = TemporalAdjacency.build(nodes, times, columns)
    return whole


if __name__ == "__main__":
    main()
