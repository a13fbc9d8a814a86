"""A day's graph goes on from an earlier one: known nodes keep what was learned, new ones depend on nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.ranking.features.event_log import DAY_MS, EventLog
from models.ranking.lsttm import long_term_start
from models.ranking.lsttm.long_term_encoder import LongTermSettings
from models.ranking.lsttm.long_term_graph import train_long_term
from models.ranking.lsttm.long_term_start import Counters, initial_rows, why_cold
from models.ranking.lsttm.long_term_state import LongTermState
from models.ranking.lsttm.random_walks import Clicks
from tests.models.ranking.lsttm.logs import random_log
from tests.models.ranking.lsttm.test_long_term_graph import two_tastes

TINY = LongTermSettings(neighbours=5, epochs=3, warm_epochs=2, paths_per_step=64)


def log_of(days: int = 3, users: int = 40) -> EventLog:
    return random_log(3, users=users, items=30, exposures=600, external=100, hours=24 * days)


def of_users(log: EventLog, users: int) -> Clicks:
    """The clicks of the first users, as though the others had not been there yet."""
    clicks = Clicks.of(log)
    known = clicks.user < users
    return Clicks(clicks.user[known], clicks.item[known], clicks.time[known], users, clicks.items)


def same(one: LongTermState, other: LongTermState) -> bool:
    arrays = [(getattr(one, name), getattr(other, name)) for name in ("user_vectors", "item_vectors")]
    arrays += [(array, other.training[name]) for name, array in one.training.items()]
    return all(np.array_equal(a, b) for a, b in arrays)


def test_a_row_depends_on_seed_side_and_node_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (16, 6):
        whole = initial_rows(3, 0, 0, 100, width, 0.1)
        assert np.array_equal(initial_rows(3, 0, 37, 61, width, 0.1), whole[37:61])
        monkeypatch.setattr(long_term_start, "NODES_PER_DRAW", 7)
        assert np.array_equal(initial_rows(3, 0, 0, 100, width, 0.1), whole)
        monkeypatch.undo()
        assert np.abs(initial_rows(3, 1, 0, 100, width, 0.1) - whole).min(1).max() > 1e-3
        assert np.abs(initial_rows(4, 0, 0, 100, width, 0.1) - whole).min(1).max() > 1e-3
        assert len(np.unique(whole, axis=0)) == 100
    many = initial_rows(0, 0, 0, 20_000, 16, 0.1)
    assert abs(many.mean()) < 0.001 and abs(many.std() - 0.1) < 0.001
    assert abs(np.corrcoef(many[:-1, 0], many[1:, 0])[0, 1]) < 0.03


def test_a_warm_training_goes_on_where_the_earlier_ended(tmp_path: Path) -> None:
    log = log_of()
    before = train_long_term(of_users(log, 25), TINY, seed=5)
    warm = train_long_term(log, TINY, seed=5, before=before)
    assert len(before.losses) == 3 and len(warm.losses) == 2
    assert warm.axes == before.axes
    first, second = (Counters(*state.training["counters"]) for state in (before, warm))
    assert (first.seed, first.epochs, second.epochs) == (5, 3, 5)
    assert second.row_steps > first.row_steps and second.dense_steps > first.dense_steps
    # The same from disk, and the same again.
    before.save(tmp_path / "state")
    loaded = train_long_term(log, TINY, seed=5, before=LongTermState.load(tmp_path / "state"))
    assert same(warm, loaded)


def test_a_warm_training_is_further_than_a_cold_one_of_as_many_epochs() -> None:
    clicks = Clicks.of(two_tastes())
    earlier = replace(clicks, user=clicks.user[:500], item=clicks.item[:500], time=clicks.time[:500])
    long = LongTermSettings(
        neighbours=8, epochs=12, warm_epochs=1, paths_per_step=50, learning_rate=0.01, negative_weight=1.0
    )
    before = train_long_term(earlier, long, seed=5)
    warm = train_long_term(clicks, long, seed=5, before=before)
    cold = train_long_term(clicks, long.model_copy(update={"epochs": 1}), seed=5)
    assert warm.losses[0] < cold.losses[0] - 0.02


def test_new_nodes_start_at_their_own_rows_and_known_ones_where_they_were() -> None:
    log, still = log_of(), TINY.model_copy(update={"learning_rate": 1e-30})
    before = train_long_term(of_users(log, 25), still, seed=5)
    moved = before.training["user_table"] + np.float32(1)
    before = replace(before, training={**before.training, "user_table": moved})
    warm = train_long_term(log, still, seed=5, before=before)
    np.testing.assert_allclose(warm.training["user_table"][:25], moved, atol=1e-6)
    expected = initial_rows(5, 0, 25, 40, 16, still.initial_std)
    np.testing.assert_allclose(warm.training["user_table"][25:], expected, atol=1e-6)
    assert (warm.training["user_squares"][:25] > 0).any()


def test_after_a_morning_without_clicks_training_is_as_from_scratch() -> None:
    log = log_of()
    empty = train_long_term(log.between(0, 0), TINY, seed=5)
    assert not empty.user_vectors.any()
    warm, cold = train_long_term(log, TINY, seed=5, before=empty), train_long_term(log, TINY, seed=5)
    assert np.array_equal(warm.user_vectors, cold.user_vectors)


@pytest.mark.parametrize(
    ("changed", "seed", "reason"),
    [({"negatives": 3}, 5, "other settings"), ({}, 6, "another seed")],
)
def test_other_settings_or_seeds_do_not_mix(changed: dict[str, int], seed: int, reason: str) -> None:
    log = log_of(1)
    before = train_long_term(log, TINY, seed=5)
    other = TINY.model_copy(update=changed)
    assert why_cold(before, other, seed) == reason
    assert why_cold(before, TINY, 5) == ""
    assert why_cold(None, TINY, 5) == "no earlier day"
    with pytest.raises(ValueError, match=f"{reason}: train it anew"):
        train_long_term(log, other, seed=seed, before=before)


def test_only_the_clicks_of_the_window_are_edges() -> None:
    log = log_of(3)
    last = train_long_term(log, TINY.model_copy(update={"click_days": 1}), seed=5)
    alone = train_long_term(log.between(2 * DAY_MS, 3 * DAY_MS), TINY, seed=5)
    assert np.array_equal(last.user_known, alone.user_known)
    assert np.array_equal(last.user_vectors, alone.user_vectors)
    whole = train_long_term(log, TINY.model_copy(update={"click_days": None}), seed=5)
    assert last.user_known.sum() < whole.user_known.sum()


def test_a_killed_warm_training_goes_on_from_its_own_last_epoch(tmp_path: Path) -> None:
    log, file = log_of(), tmp_path / "checkpoint"
    before = train_long_term(log.between(0, DAY_MS), TINY, seed=5)
    other = train_long_term(log.between(0, 2 * DAY_MS), TINY, seed=5)
    whole = train_long_term(log, TINY, seed=5, before=before, checkpoint=file)
    assert same(whole, train_long_term(log, TINY, seed=5, before=before, checkpoint=file))
    # A checkpoint of another beginning is not taken for this one's.
    again = train_long_term(log, TINY, seed=5, before=other, checkpoint=file)
    assert same(again, train_long_term(log, TINY, seed=5, before=other))
