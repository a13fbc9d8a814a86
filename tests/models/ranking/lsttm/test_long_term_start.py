"""A day's graph goes on from an earlier one: known nodes keep what was learned, new ones depend on nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.ranking.features.event_log import DAY_MS, EventLog
from models.ranking.lsttm import long_term_start
from models.ranking.lsttm.long_term_encoder import LongTermSettings
from models.ranking.lsttm.long_term_graph import train_long_term
from models.ranking.lsttm.long_term_start import Counters, initial_rows, why_cold
from models.ranking.lsttm.long_term_state import LongTermState, open_user_vectors
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
    clicked = np.flatnonzero(warm.user_known)
    known = np.flatnonzero(before.user_known)
    expected = initial_rows(5, 0, 0, 40, 16, still.initial_std)
    expected[known] = moved
    assert known.max() < 25 <= clicked.max() and len(known) == len(moved)
    np.testing.assert_allclose(warm.training["user_table"], expected[clicked], atol=1e-6)
    assert (warm.training["user_squares"][np.isin(clicked, known)] > 0).any()


def test_who_did_not_click_for_the_window_is_forgotten_and_begins_anew() -> None:
    still = TINY.model_copy(update={"learning_rate": 1e-30, "click_days": 1})
    log = log_of(3, users=300)
    first = train_long_term(log.between(0, DAY_MS), still, seed=5)
    moved = first.training["user_table"] + np.float32(1)
    first = replace(first, training={**first.training, "user_table": moved})
    second = train_long_term(log.between(0, 2 * DAY_MS), still, seed=5, before=first)
    third = train_long_term(log, still, seed=5, before=second)
    on_first, on_second, on_third = (state.user_known[:250] for state in (first, second, third))

    def rows_of(state: LongTermState, users: np.ndarray) -> np.ndarray:
        at = np.searchsorted(np.flatnonzero(state.user_known), users)
        return np.asarray(state.training["user_table"][at])

    away = np.flatnonzero(on_first & ~on_second & on_third)
    stayed = np.flatnonzero(on_first & on_second & on_third)
    assert len(away) > 3 and len(stayed) > 3
    anew = initial_rows(5, 0, 0, 300, 16, still.initial_std)[away]
    np.testing.assert_allclose(rows_of(third, away), anew, atol=1e-6)
    np.testing.assert_allclose(rows_of(third, stayed), rows_of(first, stayed), atol=1e-6)


def test_a_state_weighs_what_its_clicks_make_it_weigh(tmp_path: Path) -> None:
    clicks = Clicks.of(log_of())
    for users in (40, 4_000_000 // 64):
        train_long_term(replace(clicks, users=users), TINY, seed=5).save(tmp_path / str(users))
    few, many = (
        {str(file.relative_to(folder)): file.stat().st_size for file in folder.rglob("*.npy")}
        for folder in sorted(tmp_path.iterdir())
    )
    assert few == many and len(few) > 8
    loaded = LongTermState.load(tmp_path / "62500")
    assert loaded.user_vectors.shape == (62_500, 16) and not loaded.user_known[40:].any()


def test_a_state_of_an_earlier_version_with_rows_of_everyone_is_gone_on_from(tmp_path: Path) -> None:
    log = log_of(1, users=600)
    before = train_long_term(of_users(log, 500), TINY, seed=5)
    assert not before.user_known.all()
    before.save(tmp_path / "new")
    before.save(tmp_path / "old")
    for number, side in enumerate(("user", "item")):
        (tmp_path / "old" / f"{side}_clicked.npy").unlink()
        known = getattr(before, f"{side}_known")
        np.save(tmp_path / "old" / f"{side}_known.npy", known)
        np.save(tmp_path / "old" / f"{side}_vectors.npy", getattr(before, f"{side}_vectors"))
        for part in ("table", "squares"):
            whole = initial_rows(5, number, 0, len(known), 16, 1.0)
            whole[known] = before.training[f"{side}_{part}"]
            np.save(tmp_path / "old" / "training" / f"{side}_{part}.npy", whole)
    about = json.loads((tmp_path / "old" / "state.json").read_text())
    del about["users"], about["items"]
    (tmp_path / "old" / "state.json").write_text(json.dumps(about))
    old, new = (LongTermState.load(tmp_path / name) for name in ("old", "new"))
    for name in ("user_vectors", "item_vectors", "user_known", "item_known"):
        assert np.array_equal(getattr(old, name), getattr(before, name)), name
    one, other = (train_long_term(log, TINY, seed=5, before=state) for state in (old, new))
    assert same(one, other)
    vectors, axes = open_user_vectors(tmp_path / "old")
    assert axes == before.axes and np.array_equal(vectors.of(np.arange(500)), before.user_vectors)


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
