"""Kill a comparing process at several points: the same command goes on where it was, to the same figures."""

import json

import pytest

from assets.experiments.comparison.prepare import prepare
from tests.faults import comparer
from tests.tiny_source import tiny_source

DAYS = "days scored"
TOTAL = len(comparer.SETTINGS.systems) * len(comparer.SETTINGS.seeds)


def compared(process, logs, out, kill=None):
    """The stages told by a process of its own; it is killed as soon as it tells `kill`."""
    here, there = process.Pipe()
    child = process.Process(target=comparer.run, args=(logs, out, there))
    child.start()
    there.close()
    told = []
    try:
        while not told or told[-1][0] != "over":
            told.append(here.recv())
            if kill is not None and kill(*told[-1]):
                child.kill()
                break
    finally:
        child.join()
    assert child.exitcode == (0 if kill is None else -9)
    return told


def without_clock(path):
    """The figures of a comparison, without what two runs may differ in."""
    found = json.loads(path.read_text())
    for entry in (found, *found["summary"], *found["days"]):
        for name in ("made", "git", "train_seconds", "hours_seconds"):
            entry.pop(name, None)
    return found


@pytest.mark.slow
def test_a_killed_comparison_goes_on_where_it_was(process, tmp_path, tmp_path_factory, monkeypatch):
    tiny_source(tmp_path_factory, tmp_path / "home")
    monkeypatch.setenv("HOURFOLD_HOME", str(tmp_path / "home"))
    logs = prepare(comparer.SETTINGS, None)
    whole, cut = tmp_path / "whole.json", tmp_path / "cut.json"
    assert compared(process, logs, whole)[0] == (DAYS, 0, TOTAL)

    # In the hours of the first system, in the training of the second one, and once all days are scored.
    first = compared(
        process, logs, cut, lambda stage, done, total: stage.endswith(" deepfm: hours") and done == 7
    )
    second = compared(process, logs, cut, lambda stage, done, total: stage.endswith(" fm: train"))
    third = compared(process, logs, cut, lambda stage, done, total: stage == DAYS and done == TOTAL)
    assert not cut.exists() and len(third) > 1
    last = compared(process, logs, cut)
    assert [told[0] for told in (first, second, third, last)] == [
        (DAYS, 0, TOTAL),
        (DAYS, 0, TOTAL),
        (DAYS, 1, TOTAL),
        (DAYS, TOTAL, TOTAL),
    ]
    trained = [told for told in third if told[0].endswith("train")]
    assert trained and not any(" deepfm: train" in stage for stage, *_ in trained), (
        "a finished day was trained again"
    )
    assert not [told for told in last if told[0] != DAYS][:-1], "nothing was left to score"
    assert without_clock(cut) == without_clock(whole)
    assert not cut.with_name("cut.json.partial").exists()
