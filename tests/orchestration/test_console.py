"""Progress on the console: of hundreds of stages a few are on the screen, unfinished ones always."""

from __future__ import annotations

from orchestration.cli import console


def test_old_finished_bars_leave_the_screen(monkeypatch):
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


def test_the_time_left_is_told_from_steps_that_take_minutes(monkeypatch):
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
