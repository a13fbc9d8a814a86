"""The examples run as they stand and end with a sensible figure."""

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> dict:
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))


@pytest.mark.slow
def test_one_day_ranks_better_than_chance(capsys):
    assert example("one_day")["main"]() > 0.55
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 25 and "simulated" in lines[-1]


@pytest.mark.slow
def test_an_audience_holds_more_newcomers_than_chance(capsys):
    assert example("audience")["main"]() > 0.55
    assert "of the first 300" in capsys.readouterr().out
