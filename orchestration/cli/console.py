"""What all commands share: the console, progress by stage, a stopwatch, and errors without a traceback."""

from __future__ import annotations

import re
import resource
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Progress as ProgressBar,
)
from rich.text import Text

from models.progress import Progress
from orchestration.cli.plain_progress import plain_progress

WIDTH_OF_FILES = 120  #: columns where nobody says how wide the page is: a pipe or a file

SPEED_SECONDS = 3600.0  #: the time left is told from this much of the past: one step may take minutes
FINISHED_BARS = 8  #: that stay on the screen

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class PlainConsole(Console):
    """A console to which text is text: ids, values and names of files have no markup and no control codes.

    `[/b]` in an id is no tag, `:cat:` no picture, and an escape sequence is shown instead of obeyed. What is
    to be bold is given a style. The same holds for the cells, titles and headings of tables.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False, "highlight": False} | options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Text as it stands, each control character as `\\x1b`."""
        return super().render_str(_CONTROL.sub(lambda sign: f"\\x{ord(sign[0]):02x}", text), **options)


out = PlainConsole(width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
#: in a file, a line stays a line: who searches for a path must find it whole
err = PlainConsole(stderr=True, soft_wrap=not sys.stderr.isatty())

#: (stage, done, total): how every long computation of the other rooms reports


class RateColumn(ProgressColumn):
    """Steps a second of a bar, or a minute where they are slow."""

    def render(self, task: Task) -> Text:
        """Nothing until the second step."""
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:.0f}/s" if speed >= 1 else f"{60 * speed:.1f}/min", style="progress.data.speed")


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """One bar a stage, made when the stage first reports. Drawn on stderr, so that stdout stays pipeable.

    Of the finished bars the latest few stay: a comparison has hundreds. Where stderr is no terminal, a line
    is written instead every twenty seconds (`plain_progress`).
    """
    if not err.is_terminal:
        with plain_progress(lambda line: err.print(line, soft_wrap=True)) as report_line:
            yield report_line
        return
    bars: dict[str, TaskID] = {}
    with ProgressBar(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=err,
        speed_estimate_period=SPEED_SECONDS,
    ) as progress:

        def report(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage, total=total)
                finished = [task for task in progress.tasks if task.finished]
                for task in finished[:-FINISHED_BARS]:
                    progress.update(task.id, visible=False)
            progress.update(bars[stage], completed=done, total=total)

        yield report


@contextmanager
def plain_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Turn a command's expected errors, and those of the home's stores, into one message and exit code 1.

    Others keep their traceback.
    """
    try:
        yield
    except Exception as error:
        from assets.common.stores import store_trouble
        from warehouse.home import Home

        trouble = store_trouble(error, Home.current())
        if trouble is None and not isinstance(error, kinds):
            raise
        err.print(type(error).__name__, style="bold red", end="")
        err.print(f": {trouble or error}")
        raise typer.Exit(1) from error


def tell(notes: Iterable[str]) -> None:
    """Sentences on what was left out or assumed, on stderr."""
    for note in notes:
        err.print(note, style="yellow", soft_wrap=True)


@dataclass
class Stopwatch:
    """Wall time by stage, each stage being work or overhead (imports, orchestration)."""

    started: float = field(default_factory=time.perf_counter)
    stages: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time spent inside to the stage `name`."""
        before = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - before

    @property
    def total(self) -> float:
        """Seconds since the stopwatch was made."""
        return time.perf_counter() - self.started


def peak_memory_gib() -> float:
    """Peak resident memory of this process, GiB (`ru_maxrss` is in KiB on Linux and in bytes on macOS)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)
