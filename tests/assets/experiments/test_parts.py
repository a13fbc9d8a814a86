"""The parts of a comparison that need no model: means, pairs, partial results, worker processes."""

from __future__ import annotations

import math
import os
import signal
import time

import numpy as np
import pytest
from pydantic import ValidationError

from assets.experiments.comparison.parts import DayScore, HourScore
from assets.experiments.comparison.settings import CompareSettings
from assets.experiments.comparison.summary import pairs, rows, summary
from assets.experiments.frame import Finished, Study
from assets.experiments.workers import WorkerFailed, run_units


def scored(
    system: str, seed: int, day: str, auc: float, hourly: dict[int, float | None] | None = None
) -> DayScore:
    hourly = hourly or {}
    hours = tuple(HourScore(hour=h, exposures=10, auc=hourly.get(h, auc)) for h in range(24))
    return DayScore(
        system=system, seed=seed, day=day, hours=hours, auc=auc, auc_error=0.01, log_loss=0.3, gauc=auc - 0.1
    )


def test_an_hour_without_auc_is_left_out_of_the_mean_and_counted():
    day = scored("a", 0, "2026-01-01", 0.7, {3: None, 4: 0.9})
    (entry,) = summary([day], {})
    assert entry.period1 == pytest.approx((6 * 0.7 + 0.9) / 7)
    assert entry.period2 == pytest.approx(0.7)
    assert entry.null_hours == 1
    assert rows([day])[3].model_dump() == {
        "system": "a", "seed": 0, "day": "2026-01-01", "hour": 3, "exposures": 10, "auc": None,
        "auc_static": None, "gate_short": None,
    }  # fmt: skip


def test_a_period_without_any_auc_is_null():
    (entry,) = summary([scored("a", 0, "2026-01-01", 0.7, dict.fromkeys(range(8)))], {})
    assert entry.period1 is None and entry.null_hours == 8


def test_summary_averages_over_days_and_seeds_and_spreads_over_seeds():
    days = [
        scored("a", 0, "2026-01-01", 0.70),
        scored("a", 0, "2026-01-02", 0.80),
        scored("a", 1, "2026-01-01", 0.60),
        scored("a", 1, "2026-01-02", 0.70),
    ]
    (entry,) = summary(days, {})
    assert entry.auc == pytest.approx(0.70)
    assert entry.auc_std == pytest.approx(0.10 / math.sqrt(2))
    assert set(entry.model_dump()) >= {"system", "period1", "period2", "period3", "auc", "log_loss", "gauc"}


def test_pairs_are_taken_day_by_day_and_seed_by_seed():
    days = [scored("a", s, d, auc) for s, d, auc in [(0, "1", 0.6), (0, "2", 0.9), (1, "1", 0.7)]]
    days += [scored("b", s, d, auc) for s, d, auc in [(0, "1", 0.5), (0, "2", 0.7), (2, "1", 0.1)]]
    (pair,) = pairs(days)
    assert pair.pairs == 2
    assert pair.difference == pytest.approx(0.15)
    assert pair.standard_error == pytest.approx(0.05)


def emit_scored(unit, emit):
    day, scores = unit
    emit(Finished((day,), {f"{day.system}.{day.day}.{day.seed}": {"adapted": np.array(scores)}}))


def opened(tmp_path, key="key"):
    return Study(tmp_path / "f.json", key, DayScore, unit="days scored")


def test_partial_results_come_back_and_survive_a_cut_line(tmp_path):
    first, second = scored("a", 0, "1", 0.6), scored("a", 0, "2", 0.7)
    study = opened(tmp_path)
    study.run(emit_scored, [(first, [0.1, 0.2])], 1)
    with (study.folder / "rows.jsonl").open("a") as file:
        file.write('{"system": "a", "se')
    again = opened(tmp_path)
    assert again.rows == [first]
    again.run(emit_scored, [(second, [0.3])], 1)
    assert opened(tmp_path).rows == [first, second]
    assert again.arrays("a.1.0")["adapted"].tolist() == [0.1, 0.2]


def test_partial_results_of_another_key_are_not_continued(tmp_path):
    opened(tmp_path).run(emit_scored, [(scored("a", 0, "1", 0.6), [0.0])], 1)
    stale = opened(tmp_path).folder / "a.1.0.npz"
    assert stale.exists()
    assert opened(tmp_path, "other").rows == [] and not stale.exists()


def test_the_key_moves_with_settings_and_data():
    base = CompareSettings(source="simulator", systems=("deepfm",), days=("2026-01-01",))
    assert base.key("x", {}) == base.model_copy().key("x", {})
    others = [
        base.key("y", {}),
        base.model_copy(update={"seeds": (0, 1)}).key("x", {}),
        base.key("x", {"a": {}}),
    ]
    assert len({base.key("x", {}), *others}) == 4


@pytest.mark.parametrize("field, value", [("systems", ("a", "a")), ("days", ()), ("seeds", (1, 1))])
def test_settings_refuse_what_would_count_twice_or_nothing(field, value):
    with pytest.raises(ValidationError):
        CompareSettings(**{"source": "simulator", "systems": ("a",), "days": ("d",), field: value})


def double(unit, emit):
    emit(2 * unit)


def raise_on_two(unit, emit):
    if unit == 2:
        raise ValueError("unit two")
    emit(unit)


def die(unit, emit):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("workers", [1, 2])
def test_every_unit_is_worked_once(workers):
    found: list[int] = []
    run_units(double, [1, 2, 3], workers, found.append)
    assert sorted(found) == [2, 4, 6]


def write_after(unit, emit):
    """Refuses to begin before some files are there, and writes its own."""
    own, needed = unit
    assert all(path.exists() for path in needed), "begun too early"
    time.sleep(0.2 * (not needed))
    own.touch()
    emit(own.name)


@pytest.mark.parametrize("workers", [1, 3])
def test_a_unit_begins_once_what_it_needs_is_over(workers, tmp_path):
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    found: list[str] = []
    units = [(first, ()), (third, ()), (second, (first, third))]
    run_units(write_after, units, workers, found.append, {2: (0, 1)})
    assert sorted(found) == ["first", "second", "third"]
    with pytest.raises(ValueError, match=r"units \[0\] need"):
        run_units(write_after, units, workers, found.append, {0: (1,)})


def test_a_failing_worker_is_told_with_its_traceback():
    with pytest.raises(WorkerFailed, match="unit two"):
        run_units(raise_on_two, [2, 2], 2, lambda value: None)


def test_a_killed_worker_is_noticed():
    with pytest.raises(WorkerFailed, match="-9"):
        run_units(die, [1, 2], 2, lambda value: None)
