"""Progress on the console: of hundreds of stages a few are on the screen, unfinished ones always."""

from __future__ import annotations

import io
import itertools
import time

import pytest
from rich.console import Console
from rich.table import Table

from orchestration.cli import console, plain_progress
from orchestration.cli.plain_progress import EVERY_SECONDS, PlainLines


@pytest.fixture
def terminal(monkeypatch):
    """A terminal on stderr, as a person has it."""
    monkeypatch.setattr(console, "err", Console(file=io.StringIO(), force_terminal=True))


def test_old_finished_bars_leave_the_screen(monkeypatch, terminal):
    drawn = []

    class Kept(console.ProgressBar):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            drawn.append(self)

    monkeypatch.setattr(console, "ProgressBar", Kept)
    with console.progress_bars() as report:
        report("days scored", 0, 90)
        for stage in range(30):
            report(f"stage {stage}", 0, 2)
            report(f"stage {stage}", 2, 2)
        report("last", 1, 2)
    shown = [task.description for task in drawn[0].tasks if task.visible]
    assert shown[0] == "days scored" and shown[-1] == "last"
    assert shown[1:-1] == [f"stage {stage}" for stage in range(30 - console.FINISHED_BARS, 30)]


BAD_NAME = "u[/b]7 \\[bold]:cat: \x1b[2J\r!"


def test_a_name_is_printed_as_it_stands_in_lines_tables_and_errors(monkeypatch):
    written = io.StringIO()
    plain = console.PlainConsole(file=written, width=100, force_terminal=False)
    table = Table(BAD_NAME, title=BAD_NAME)
    table.add_row(BAD_NAME)
    plain.print(BAD_NAME)
    plain.print(table)
    monkeypatch.setattr(console, "err", plain)
    console.tell([BAD_NAME])
    with pytest.raises(console.typer.Exit), console.plain_errors(ValueError):
        raise ValueError(BAD_NAME)
    assert written.getvalue().count("u[/b]7 \\[bold]:cat: \\x1b[2J\\x0d!") == 6
    assert "\x1b" not in written.getvalue()


def test_a_stage_named_like_a_tag_ends_no_progress(terminal):
    with console.progress_bars() as report:
        report("[/b] spring", 1, 2)
    assert "[/b] spring" in console.err.file.getvalue()


def test_the_time_left_is_told_from_steps_that_take_minutes(monkeypatch, terminal):
    """The library looks back 30 seconds only: a bar that moves once a minute would never tell."""
    drawn, clock = [], [0.0]

    class Kept(console.ProgressBar):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, get_time=lambda: clock[0], auto_refresh=False, **kwargs)
            drawn.append(self)

    monkeypatch.setattr(console, "ProgressBar", Kept)
    with console.progress_bars() as report:
        report("days scored", 4, 10)  # of an earlier run, before the clock began
        for done in (5, 6):
            clock[0] += 90.0
            report("days scored", done, 10)
        (task,) = drawn[0].tasks
        assert task.time_remaining == 4 * 90


@pytest.fixture
def piped():
    """Plain lines with a clock of the test's own: report, seconds so far, lines with the time of each."""
    clock, lines = [0.0], []
    progress = PlainLines(lambda line: lines.append((clock[0], line)), lambda: clock[0])
    return progress, clock, lines


def test_a_pipe_gets_a_line_with_rate_and_time_left_every_so_often(piped):
    progress, clock, lines = piped
    for step in range(601):
        clock[0] = float(step)
        progress.report("rows", 2 * step, 1200)
    assert lines[0] == (20.0, "rows 40/1,200, 2.0/s, 10 min left")
    assert lines[-1] == (600.0, "rows 1,200/1,200, done in 10 min")
    gaps = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(lines)]
    assert len(lines) == 30 and min(gaps) >= EVERY_SECONDS and max(gaps) <= 30


def test_what_an_earlier_run_had_done_does_not_count_as_speed(piped):
    progress, clock, lines = piped
    progress.report("days scored", 4, 10)
    clock[0] = 120.0
    progress.report("days scored", 5, 10)
    assert lines == [(120.0, "days scored 5/10, 0.5/min, 10 min left")]


def test_hundreds_of_short_stages_do_not_flood_a_pipe(piped):
    progress, clock, lines = piped
    progress.report("days scored", 0, 50)
    for stage in range(400):
        for done in (0, 1):
            progress.report(f"stage {stage}", done, 1)
            clock[0] += 0.25
    assert 8 <= len(lines) <= 200 / EVERY_SECONDS + 1


def test_a_step_that_takes_minutes_is_not_silent(piped):
    progress, clock, lines = piped
    progress.report("gate", 1, 4)
    for _ in range(100):
        clock[0] += 5.0
        progress.tick()
    assert len(lines) == 25
    assert lines[-1][1] == "gate 1/4, last step 8 min ago"


def test_before_the_first_stage_a_pipe_hears_that_work_goes_on(piped):
    progress, clock, lines = piped
    for clock[0] in (10.0, 25.0):
        progress.tick()
    assert lines == [(25.0, "at work for 25 s")]


def test_without_a_terminal_lines_come_from_a_clock_of_their_own(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(console, "err", Console(file=written, width=40))
    monkeypatch.setattr(plain_progress, "EVERY_SECONDS", 0.02)
    with console.progress_bars() as report:
        report("a stage with a name that is longer than a narrow page", 1, 9)
        deadline = time.monotonic() + 10
        while not written.getvalue() and time.monotonic() < deadline:
            time.sleep(0.01)
    first = written.getvalue().splitlines()[0]
    assert first.startswith("a stage with a name that is longer than a narrow page 1/9")
