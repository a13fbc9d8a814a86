"""Progress where nobody watches a terminal: now and then a line with stage, rate and time left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from models.progress import Progress

EVERY_SECONDS = 20.0  #: between two lines


@dataclass
class _Stage:
    """How far a stage is."""

    name: str
    began: float
    done_at_first: int  #: units that an earlier run had done
    done: int
    total: int
    news: float  #: when it last reported

    def line(self, now: float) -> str:
        """`days loaded 3/7, 1.2/min, 3 min left`."""
        text = f"{self.name} {self.done:,}/{self.total:,}"
        seconds, steps = now - self.began, self.done - self.done_at_first
        if self.done >= self.total:
            return f"{text}, done in {spoken(seconds)}"
        if steps > 0 and seconds > 0:
            rate = steps / seconds
            text += f", {f'{rate:,.1f}/s' if rate >= 1 else f'{60 * rate:,.1f}/min'}"
            text += f", {spoken((self.total - self.done) / rate)} left"
        if now - self.news >= EVERY_SECONDS:
            text += f", last step {spoken(now - self.news)} ago"
        return text


class PlainLines:
    """Takes progress and writes a line every so often: of the oldest stage that goes on, and the latest."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._stages: dict[str, _Stage] = {}
        self._latest: str | None = None
        self._began = self._written = clock()
        self._lock = threading.Lock()

    def report(self, stage: str, done: int, total: int) -> None:
        """Take in how far a stage is; see `models.progress.Progress`."""
        with self._lock:
            now = self._clock()
            known = self._stages.setdefault(stage, _Stage(stage, now, done, done, total, now))
            known.done, known.total, known.news = done, total, now
            self._latest = stage
            if done >= total:
                del self._stages[stage]
                # An end is told at once, but not the ends of hundreds of short stages.
                if now - known.began >= EVERY_SECONDS or self._due(now):
                    self._say(now, [known])
        self.tick()

    def tick(self) -> None:
        """Write a line if one is due."""
        with self._lock:
            now = self._clock()
            if not self._due(now):
                return
            if not self._stages:  # between two stages, or before the first
                self._written = now
                self._write(f"at work for {spoken(now - self._began)}")
            else:
                shown = [next(iter(self._stages)), self._latest]
                names = [name for name in dict.fromkeys(shown) if name in self._stages]
                self._say(now, [self._stages[name] for name in names])

    def _due(self, now: float) -> bool:
        return now - self._written >= EVERY_SECONDS

    def _say(self, now: float, stages: list[_Stage]) -> None:
        self._written = now
        self._write("; ".join(stage.line(now) for stage in stages))


@contextmanager
def plain_progress(write: Callable[[str], None]) -> Iterator[Progress]:
    """Lines from `PlainLines` while the block lasts, also while a step reports nothing for minutes."""
    lines, over = PlainLines(write), threading.Event()

    def watch() -> None:
        while not over.wait(EVERY_SECONDS / 4):
            lines.tick()

    watcher = threading.Thread(target=watch, name="progress", daemon=True)
    watcher.start()
    try:
        yield lines.report
    finally:
        over.set()
        watcher.join()


def spoken(seconds: float) -> str:
    """`40 s`, `3 min`, `2 h 5 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
