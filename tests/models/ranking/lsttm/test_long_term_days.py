"""Point 7 of the data plane: an instance reads the vectors of its own morning, never of a later one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.ranking.features.event_log import DAY_MS, HOUR_MS, EventLog
from models.ranking.lsttm.click_factors import NodeVectors
from models.ranking.lsttm.long_term_days import LongTermDays
from models.ranking.lsttm.long_term_encoder import LongTermSettings
from models.ranking.lsttm.long_term_graph import train_long_term
from models.ranking.lsttm.long_term_mornings import train_long_term_days
from models.ranking.lsttm.long_term_state import LongTermState
from tests.models.ranking.lsttm.logs import random_log

TINY = LongTermSettings(neighbours=5, epochs=2, paths_per_step=64)
ZONE = 8 * HOUR_MS


def state(value: float, users: int, axes: str = "a") -> LongTermState:
    vectors = np.full((users, 2), value, np.float32)
    return LongTermState(vectors, vectors, vectors.any(1), vectors.any(1), (), (), "{}", axes)


def days_log(days: int = 3) -> EventLog:
    return random_log(3, users=40, items=30, exposures=600, external=100, hours=24 * days)


def test_each_instance_reads_the_morning_of_its_service_day() -> None:
    days = LongTermDays((np.full((1, 2), 1, np.float32), None, np.full((3, 2), 3, np.float32)), 10, ZONE)
    morning = 10 * DAY_MS - ZONE
    cutoff = morning + np.array([[-HOUR_MS, 0, DAY_MS - HOUR_MS], [DAY_MS, 2 * DAY_MS, 5 * DAY_MS]])
    expected = np.array([[0, 1, 1], [0, 3, 3]], np.float32)
    vectors = days.vectors(np.zeros((2, 3), np.int64), cutoff)
    assert vectors.dtype == np.float32
    assert np.array_equal(vectors, np.repeat(expected[..., None], 2, axis=-1))
    # A user who came later than a morning has no vector that day.
    assert (days.vectors(np.full(2, 1), np.array([morning, morning + 2 * DAY_MS])) == [[0, 0], [3, 3]]).all()
    assert (days.vectors(np.full(1, 3), np.array([morning + 2 * DAY_MS])) == 0).all()
    assert np.array_equal(days.last, np.full((3, 2), 3))


def test_instances_without_graph_and_unknown_users_are_counted() -> None:
    vectors = np.array([[1, 0], [0, 0]], np.float32)
    days = LongTermDays((vectors, None, vectors), 0)
    users = np.array([0, 1, 7, 0, 1, 0, 0])
    cutoff = np.array([0, 0, 0, DAY_MS, 2 * DAY_MS, 9 * DAY_MS, -HOUR_MS])
    assert days.reach(users, cutoff) == (7, 2, 3)
    assert days.reach(users[:0], cutoff[:0]) == (0, 0, 0)


def test_one_state_serves_every_day() -> None:
    days = LongTermDays.single(state(2, users=2))
    vectors = days.vectors(np.array([0, 1, 2]), np.array([-DAY_MS, 0, 10**6 * DAY_MS]))
    assert np.array_equal(vectors, [[2, 2], [2, 2], [0, 0]])


def test_days_on_disk_are_mapped_and_what_is_missing_is_named(tmp_path: Path) -> None:
    dates = [f"1970-01-{day:02d}" for day in range(1, 6)]
    for number, day in enumerate(dates):
        if number != 1:
            state(number + 1, users=2, axes="b" if number == 2 else "a").save(tmp_path / day)
    (tmp_path / dates[3]).rename(tmp_path / "aside")
    (tmp_path / dates[3]).write_text("a file of an earlier version")
    days = LongTermDays.open([(day, tmp_path / day) for day in dates], ZONE)
    newest = days.mornings[-1]
    assert isinstance(newest, NodeVectors) and isinstance(newest.values, np.memmap)
    assert np.array_equal(days.last, np.full((2, 2), 5, np.float32)) and days.of_everyone()[1] is None
    cutoff = np.arange(7) * DAY_MS - ZONE
    assert days.vectors(np.ones(7, np.int64), cutoff)[:, 0].tolist() == [0, 1, 0, 0, 0, 5, 5]
    assert days.missing.keys() == {dates[1], dates[2], dates[3]}
    assert "materialise" in days.missing[dates[1]] and "earlier version" in days.missing[dates[3]]
    assert f"beginnings as that of {dates[4]}" in days.missing[dates[2]]
    with pytest.raises(FileNotFoundError, match="materialise long_term_graph"):
        LongTermDays.open([(day, tmp_path / day) for day in [*dates, "1970-01-06"]], ZONE)


def test_vectors_on_disk_of_those_who_clicked_are_those_of_everyone(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(50, 2)).astype(np.float32) * (random.random((50, 1)) < 0.5)
    nobody = np.zeros((3, 2), np.float32)
    for day, of_day in (("1970-01-01", nobody), ("1970-01-02", vectors)):
        known = of_day.any(1)
        LongTermState(of_day, of_day, known, known, (), (), "{}").save(tmp_path / day)
    stored = LongTermDays.open([(day, tmp_path / day) for day in ("1970-01-01", "1970-01-02")], 0)
    memory = LongTermDays((nobody, vectors), 1)
    users, cutoff = random.integers(0, 60, (30, 4)), random.integers(0, 4, (30, 4)) * DAY_MS
    assert np.array_equal(stored.vectors(users, cutoff), memory.vectors(users, cutoff))
    assert stored.reach(users.ravel(), cutoff.ravel()) == memory.reach(users.ravel(), cutoff.ravel())
    assert np.array_equal(stored.last, vectors[: len(stored.last)]) and not vectors[len(stored.last) :].any()


def test_mornings_of_a_log_and_what_comes_later_changes_none_of_them() -> None:
    log = days_log()
    days = train_long_term_days(log, TINY, seed=0)
    assert (days.first_day, len(days.mornings)) == (0, 4)
    assert days.mornings[0] is not None and not days.mornings[0].any()  # nothing was clicked by then
    known = [vectors.any(1).sum() for vectors in days.mornings if vectors is not None]
    assert known == sorted(known) and known[1] > 0
    e, x, changed = log.exposures, log.external, 2 * DAY_MS
    later = replace(
        log,
        exposures=replace(e, clicked=np.where(e.shown_at >= changed, ~e.clicked, e.clicked)),
        external=replace(x, item=np.where(x.received_at >= changed, (x.item + 1) % 30, x.item)),
    )
    other = train_long_term_days(later, TINY, seed=0)
    for number, (one, two) in enumerate(zip(days.mornings, other.mornings, strict=True)):
        assert np.array_equal(one, two) == (number <= 2)


def test_a_window_has_its_own_days_and_the_day_to_rank_alone() -> None:
    stages: list[str] = []
    days = train_long_term_days(
        days_log(), TINY, seed=0, days=1, progress=lambda stage, done, total: stages.append(stage)
    )
    assert set(stages) == {f"long-term graph, morning {number} of 2" for number in (1, 2)}
    assert (days.first_day, len(days.mornings)) == (2, 2)
    assert (days.vectors(np.arange(40), np.full(40, 2 * DAY_MS - HOUR_MS)) == 0).all()


def test_a_morning_is_the_graph_of_what_was_received_before_it_from_the_morning_before() -> None:
    log = days_log()
    days = train_long_term_days(log, TINY, seed=0, days=2)
    state = None
    for number, vectors in enumerate(days.mornings):
        state = train_long_term(log.between(0, (number + 1) * DAY_MS), TINY, seed=0, before=state)
        assert vectors is not None and np.array_equal(vectors, state.user_vectors)
