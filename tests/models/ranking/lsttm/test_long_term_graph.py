"""Must hold 5: L_N without negatives collapses and says so; with five it does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.ranking.features.event_log import Entities, EventLog, Exposures
from models.ranking.lsttm import long_term_training
from models.ranking.lsttm.long_term_encoder import LongTermEncoder, LongTermSettings, hops, path_loss
from models.ranking.lsttm.long_term_graph import train_long_term
from models.ranking.lsttm.long_term_start import begin
from models.ranking.lsttm.long_term_state import LongTermState, mean_pairwise_cosine
from models.ranking.lsttm.random_walks import (
    ClickGraph,
    Clicks,
    Neighbourhoods,
    NoiseDistribution,
    StepNoise,
)
from models.ranking.training.optim import RowOptimizer, dense_optimizer
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
    own_noise = torch.rand(2, 4, generator=g) / 2
    for window in (None, 1):
        attract, repel = [], []
        for path, negatives in zip(paths.tolist(), noise.tolist(), strict=True):
            for i, a in enumerate(path):
                for j, b in enumerate(path):
                    if a != b and (window is None or abs(i - j) <= window):
                        attract.append(-torch.log(torch.sigmoid(vectors[a] @ vectors[b])))
                repel += [-torch.log(torch.sigmoid(-vectors[a] @ vectors[n])) for n in negatives if n != a]
        expected = torch.stack(attract).mean() + 3 * torch.stack(repel).sum() / (2 * (1 - own_noise).sum())
        options = {"own_noise": own_noise, "window": window, "negative_weight": 3}
        torch.testing.assert_close(path_loss(vectors, paths, noise, paths, noise, **options), expected)
        none = noise[:, :0]
        printed = path_loss(vectors, paths, none, paths, none, **options)
        torch.testing.assert_close(printed, torch.stack(attract).mean())


def drawings(nodes: int, n: int) -> torch.Tensor:
    """Every way to draw n of some nodes with replacement, int64 [nodes^n, n]."""
    return torch.cartesian_prod(*[torch.arange(nodes)] * n).view(-1, n)


def test_noise_from_a_pool_of_the_step_has_the_expectation_of_noise_of_each_path() -> None:
    """By enumeration: two paths with two noise nodes each, of four nodes; pools of one to four nodes."""
    distribution = NoiseDistribution(torch.tensor([16, 1, 81, 5]))
    vectors = torch.randn(4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    paths = torch.tensor([[0, 2, 1], [3, 2, 3]])
    q = distribution.probability(torch.arange(4))
    assert q.sum() == pytest.approx(1)

    def loss(noise: torch.Tensor) -> torch.Tensor:
        own = distribution.probability(paths)
        return path_loss(
            vectors, paths, noise, paths, noise, own_noise=own, window=None, negative_weight=5
        ) - path_loss(
            vectors, paths, noise[:, :0], paths, noise[:, :0], own_noise=own, window=None, negative_weight=5
        )

    repel = -torch.nn.functional.logsigmoid(-(vectors @ vectors.T)) * (1 - torch.eye(4))
    on_paths = paths.flatten()
    exact = 5 * (repel[on_paths] @ q).sum() / (1 - q[on_paths]).sum()
    own_each = sum(q[drawn].prod() * loss(drawn.view(2, 2)) for drawn in drawings(4, 4))
    torch.testing.assert_close(own_each, exact)
    spread = []
    for size in (1, 2, 3):
        choices = drawings(size, 4).view(-1, 2, 2)
        values = torch.stack([loss(pool[chosen]) for pool in drawings(4, size) for chosen in choices])
        weights = torch.stack([q[pool].prod() / len(choices) for pool in drawings(4, size) for _ in choices])
        torch.testing.assert_close((weights * values).sum(), exact)
        spread.append(float((weights * (values - exact).square()).sum()))
    assert spread[0] > spread[1] > spread[2]  # what sharing costs


def test_a_step_draws_its_noise_from_its_pool() -> None:
    distribution, generator = NoiseDistribution(torch.arange(1, 1001)), torch.Generator().manual_seed(0)
    shared = StepNoise.draw(distribution, 300, 50, 64, generator)
    assert shared.pool.shape == (64,) and shared.drawn.shape == (300, 50)
    assert shared.drawn.unique().tolist() == list(range(64))
    for pool in (None, 10**6):
        own = StepNoise.draw(distribution, 300, 50, pool, generator)
        assert len(own.pool) == 300 * 50 == len(own.drawn.unique())
    nothing = StepNoise.draw(distribution, 300, 0, 64, generator)
    assert nothing.drawn.shape == (300, 0) and not len(nothing.pool)


def test_gradients_of_the_path_loss_are_the_same_to_the_bit_on_several_threads() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(300, 16, generator=generator, requires_grad=True)
    paths, noise = (torch.randint(300, (2048, n), generator=generator) for n in (11, 50))
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        loss = (
            path_loss(
                vectors,
                paths,
                noise,
                paths,
                noise,
                own_noise=torch.zeros(2048, 11),
                window=None,
                negative_weight=5,
            )
            for _ in range(5)
        )
        first, *others = (torch.autograd.grad(one, vectors)[0] for one in loss)
    finally:
        torch.set_num_threads(threads)
    assert first.abs().max() > 0
    assert all(torch.equal(first, other) for other in others)


def test_visiting_some_nodes_equals_visiting_all() -> None:
    graph = ClickGraph.of(Clicks.of(random_log(3)))
    around = Neighbourhoods.of(graph, "uniform", torch.Generator().manual_seed(0))
    encoder = LongTermEncoder(4, generator=torch.Generator().manual_seed(1))
    table = torch.randn(27, 4, generator=torch.Generator().manual_seed(2))

    def encode(nodes: torch.Tensor) -> torch.Tensor:
        first, second = hops(nodes, around, 4, graph.users, None)
        return encoder(table[first.nodes], first, second)

    whole = encode(torch.arange(27))
    for some in ([0], [26], [3, 4, 20], [11, 12], [12, 13]):
        torch.testing.assert_close(encode(torch.tensor(some)), whole[some])


def test_vectors_are_those_of_two_hops_whatever_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    state = train_long_term(random_log(3), TINY, seed=0)
    for size in (1, 5):
        monkeypatch.setattr(long_term_training, "NODES_PER_CHUNK", size)
        again = train_long_term(random_log(3), TINY, seed=0)
        np.testing.assert_allclose(again.user_vectors, state.user_vectors, atol=1e-6)
        np.testing.assert_allclose(again.item_vectors, state.item_vectors, atol=1e-6)
    graph = ClickGraph.of(Clicks.of(random_log(3)))
    all_of_them = torch.from_numpy(np.flatnonzero(np.concatenate([state.user_known, state.item_known])))
    first, second = hops(all_of_them, order_of(graph), TINY.neighbours, graph.users, None)
    encoder = LongTermEncoder(16, generator=torch.Generator())
    dense = dense_optimizer("adam", 1, encoder)
    rows = RowOptimizer("adam", 1, 0, 16)
    table, _ = begin(state, TINY, 0, (graph.users, graph.items), encoder, dense, rows)
    whole = encoder(table.gather(first.nodes), first, second).detach().numpy()
    np.testing.assert_allclose(
        whole[state.user_known[: graph.users].sum() :], state.item_vectors[state.item_known], atol=1e-6
    )
    assert rows.steps > 0 and len(dense.state) == len(list(encoder.parameters()))


def order_of(graph: ClickGraph) -> Neighbourhoods:
    """The order of neighbours that a training with seed 0 draws."""
    return Neighbourhoods.of(graph, "uniform", torch.Generator().manual_seed(0))


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
    for name in ("user_vectors", "item_vectors", "user_known", "item_known"):
        assert np.array_equal(getattr(loaded, name), getattr(state, name))
    for name in ("losses", "collapses", "settings", "axes"):
        assert getattr(loaded, name) == getattr(state, name)
    assert loaded.training.keys() == state.training.keys()
    for name, array in state.training.items():
        assert np.array_equal(loaded.training[name], array)
    assert isinstance(loaded.training["user_table"], np.memmap)
    assert [path.name for path in (tmp_path / "day").iterdir()] == ["ranker"]
    with pytest.raises(FileNotFoundError, match="materialise long_term_graph"):
        LongTermState.load(tmp_path / "nothing")
    (tmp_path / "old").write_bytes(b"a file of an earlier version")
    with pytest.raises(ValueError, match=r"old was written by an earlier version.*materialise"):
        LongTermState.load(tmp_path / "old")


def test_entities_that_clicked_without_a_profile_have_a_vector() -> None:
    log = replace(random_log(2), users=Entities(np.arange(3), np.zeros((3, 2), np.int64), np.full(3, -1)))
    assert len(train_long_term(log, TINY, seed=5).user_vectors) == 12
