"""Must hold 5: L_N without negatives collapses and says so; with five it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.ranking.features.event_log import Entities, EventLog, Exposures
from models.ranking.lsttm.long_term_encoder import LongTermEncoder, LongTermSettings, hops, path_loss
from models.ranking.lsttm.long_term_graph import train_long_term
from models.ranking.lsttm.long_term_state import ARRAYS, LongTermState, mean_pairwise_cosine
from models.ranking.lsttm.random_walks import ClickGraph, draw_neighbours
from tests.models.ranking.lsttm.logs import entities, random_log

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]
TINY = LongTermSettings(neighbours=5, epochs=3, paths_per_step=64)


def two_tastes(users: int = 60, items: int = 40, clicks: int = 600) -> EventLog:
    """Users and items of two kinds; a click stays within its kind (seven clicks of eight)."""
    g = np.random.default_rng(0)
    user, item = g.integers(0, users, clicks), g.integers(0, items, clicks)
    item = np.where(g.random(clicks) < 0.75, item // 2 * 2 + user % 2, item)
    log = random_log(0, external=0)
    none = np.full(clicks, np.nan, np.float32)
    exposures = Exposures(
        user, item, np.arange(clicks), np.ones(clicks, bool), none, np.zeros((clicks, 0), np.int64)
    )
    return replace(log, exposures=exposures, users=entities(users), items=entities(items))


@pytest.mark.parametrize("device", DEVICES)
def test_collapse_without_negatives_is_reported_and_with_negatives_does_not_happen(device: str) -> None:
    log = two_tastes()
    settings = LongTermSettings(neighbours=8, epochs=12, paths_per_step=50)
    printed = train_long_term(log, settings.model_copy(update={"negatives": 0}), seed=1, device=device)
    ours = train_long_term(log, settings, seed=1, device=device)
    assert printed.collapse > 0.95
    assert ours.collapse < 0.5
    cosine = mean_pairwise_cosine(printed.user_vectors[printed.user_known])
    assert cosine == pytest.approx(printed.collapse, abs=0.02)
    # What is left of collapse is structure: users of a kind are alike, users of different kinds are not.
    kinds = [
        ours.user_vectors[k::2] / np.linalg.norm(ours.user_vectors[k::2], axis=1, keepdims=True)
        for k in (0, 1)
    ]
    alike = np.mean([mean_pairwise_cosine(kind) for kind in kinds])
    assert alike > (kinds[0] @ kinds[1].T).mean() + 0.3


def test_loss_equals_the_equation_pair_by_pair() -> None:
    g = torch.Generator().manual_seed(0)
    vectors = torch.randn(6, 3, generator=g)
    paths = torch.tensor([[0, 1, 0, 2], [3, 4, 5, 4]])
    noise = torch.tensor([[5, 0], [1, 4]])
    for window in (None, 1):
        attract, repel = [], []
        for path, negatives in zip(paths.tolist(), noise.tolist(), strict=True):
            for i, a in enumerate(path):
                for j, b in enumerate(path):
                    if a != b and (window is None or abs(i - j) <= window):
                        attract.append(-torch.log(torch.sigmoid(vectors[a] @ vectors[b])))
                repel += [-torch.log(torch.sigmoid(-vectors[a] @ vectors[n])) for n in negatives if n != a]
        expected = torch.stack(attract).mean() + 3 * torch.stack(repel).mean()
        loss = path_loss(vectors, paths, noise, paths, noise, window=window, negative_weight=3)
        torch.testing.assert_close(loss, expected)
        none = noise[:, :0]
        printed = path_loss(vectors, paths, none, paths, none, window=window, negative_weight=3)
        torch.testing.assert_close(printed, torch.stack(attract).mean())


def test_gradients_of_the_path_loss_are_the_same_to_the_bit_on_several_threads() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(300, 16, generator=generator, requires_grad=True)
    paths, noise = (torch.randint(300, (2048, n), generator=generator) for n in (11, 50))
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        loss = (
            path_loss(vectors, paths, noise, paths, noise, window=None, negative_weight=5) for _ in range(5)
        )
        first, *others = (torch.autograd.grad(one, vectors)[0] for one in loss)
    finally:
        torch.set_num_threads(threads)
    assert first.abs().max() > 0
    assert all(torch.equal(first, other) for other in others)


def test_visiting_some_nodes_equals_visiting_all() -> None:
    log = random_log(3)
    graph = ClickGraph.of(log)
    neighbours, mask = draw_neighbours(graph, 4, "uniform", torch.Generator().manual_seed(0))
    encoder = LongTermEncoder(4, generator=torch.Generator().manual_seed(1))
    table = torch.randn(27, 4, generator=torch.Generator().manual_seed(2))

    def encode(nodes: torch.Tensor) -> torch.Tensor:
        first, second = hops(nodes, neighbours, mask, graph.users)
        return encoder(table[first.nodes], first, second)

    whole = encode(torch.arange(27))
    for some in ([0], [26], [3, 4, 20], [11, 12], [12, 13]):
        torch.testing.assert_close(encode(torch.tensor(some)), whole[some])


def test_who_never_clicked_has_the_zero_vector() -> None:
    log = random_log(1, users=14)
    e = log.exposures
    keep = (e.user != 13) & (log.exposures.item != 0)
    clicked = e.clicked & keep
    external = replace(log.external, user=log.external.user % 13, item=log.external.item % 14 + 1)
    log = replace(log, exposures=replace(e, clicked=clicked), external=external)
    state = train_long_term(log, TINY, seed=0)
    assert (state.user_vectors[13] == 0).all()
    assert not state.user_known[13]
    assert (state.item_vectors[0] == 0).all()
    assert not state.item_known[0]
    assert (state.user_vectors[state.user_known] != 0).any(axis=1).all()
    assert state.user_vectors.dtype == np.float32


def test_a_log_without_clicks_gives_zero_vectors() -> None:
    state = train_long_term(random_log(0).between(0, 0), TINY, seed=0)
    assert state.user_vectors.shape == (12, 16)
    assert (state.user_vectors == 0).all()
    assert np.isnan(state.collapse)


def test_same_seed_same_vectors_and_only_what_was_received_counts() -> None:
    log = random_log(2)
    state = train_long_term(log, TINY, seed=5)
    again = train_long_term(log, TINY, seed=5)
    other = train_long_term(log, TINY, seed=6)
    assert np.array_equal(state.user_vectors, again.user_vectors)
    assert state.losses == again.losses
    assert not np.array_equal(state.user_vectors, other.user_vectors)


class Killed(Exception):
    pass


def test_a_killed_training_goes_on_from_its_last_epoch(tmp_path: Path) -> None:
    log, file = random_log(2), tmp_path / "long_term.ckpt"
    whole = train_long_term(log, TINY, seed=5)
    seen: list[tuple[str, int, int]] = []

    def die_in_the_last_epoch(*told) -> None:
        seen.append(told)
        if told[1] > told[2] * 2 // 3:
            raise Killed

    with pytest.raises(Killed):
        train_long_term(log, TINY, seed=5, checkpoint=file, progress=die_in_the_last_epoch)
    seen.clear()
    resumed = train_long_term(log, TINY, seed=5, checkpoint=file, progress=lambda *told: seen.append(told))
    assert min(done for _, done, _ in seen) > seen[0][2] * 2 // 3  # two epochs were not trained again
    assert np.array_equal(whole.user_vectors, resumed.user_vectors)
    assert whole.losses == resumed.losses
    # A checkpoint of another seed is not taken for this one's.
    other = train_long_term(log, TINY, seed=6, checkpoint=file)
    assert np.array_equal(other.user_vectors, train_long_term(log, TINY, seed=6).user_vectors)


def test_saved_and_loaded_again(tmp_path: Path) -> None:
    state = train_long_term(random_log(2), TINY, seed=5)
    state.save(tmp_path / "day" / "ranker")
    loaded = LongTermState.load(tmp_path / "day" / "ranker")
    for name in ARRAYS:
        assert np.array_equal(getattr(loaded, name), getattr(state, name))
    for name in ("losses", "collapses", "settings", "axes"):
        assert getattr(loaded, name) == getattr(state, name)
    assert loaded.training.keys() == state.training.keys()
    for name, array in state.training.items():
        assert np.array_equal(loaded.training[name], array)
    assert isinstance(loaded.user_vectors, np.memmap)
    assert [path.name for path in (tmp_path / "day").iterdir()] == ["ranker"]
    with pytest.raises(FileNotFoundError, match="materialise long_term_graph"):
        LongTermState.load(tmp_path / "nothing")
    (tmp_path / "old").write_bytes(b"a file of an earlier version")
    with pytest.raises(ValueError, match=r"old was written by an earlier version.*materialise"):
        LongTermState.load(tmp_path / "old")


def test_entities_that_clicked_without_a_profile_have_a_vector() -> None:
    log = replace(random_log(2), users=Entities(np.arange(3), np.zeros((3, 2), np.int64), np.full(3, -1)))
    assert len(train_long_term(log, TINY, seed=5).user_vectors) == 12
