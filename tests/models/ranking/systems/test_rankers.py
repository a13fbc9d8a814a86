"""Rankers over fields against their equations; which features each of them sees."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch

from models.ranking.features.batch import Batch
from models.ranking.features.features import FeatureSettings
from models.ranking.registry import SYSTEMS
from models.ranking.systems.autoint import AutoInt
from models.ranking.systems.deepfm import DeepFM
from models.ranking.systems.fm import FM
from models.ranking.systems.item_rate import FIELD
from models.ranking.systems.nfm import NFM
from models.ranking.training.loop import loss_and_gradients
from tests.models.ranking.toy import START, TRAIN_HOURS, hour_of, toy_log, train, trained

INTERNAL_ONLY = ("item_rate", "fm", "nfm", "deepfm", "autoint")
WITH_EXTERNAL = ("deepfm_external", "din_deepfm_external", "din_typed")


class Beside:
    """A vector of each instance that stands beside its fields, as a mean of clicks does."""

    def __init__(self, vectors: torch.Tensor) -> None:
        self.vectors = vectors

    def means(self, rows: torch.Tensor) -> torch.Tensor:
        return self.vectors


def inputs(seed: int = 0) -> tuple[torch.Tensor, Batch, torch.Tensor, torch.Tensor]:
    """Rows [R, D + 1] and a batch of them; vectors [T, B, F + 1, D], a pooled one last, and first orders."""
    g = torch.Generator().manual_seed(seed)
    rows = torch.randn(2 * 9, 5, generator=g)
    task = torch.arange(2).repeat_interleave(9)
    # Four fields of three values, three, two and one: some instances share all of them.
    starts, sizes = torch.tensor([0, 3, 6, 8]), torch.tensor([3, 3, 2, 1])
    fields = starts + (torch.rand(2, 30, 4, generator=g) * sizes).long() + 9 * task[::9, None, None]
    pooled = torch.randn(2, 30, 1, 4, generator=g)
    ones = torch.ones(2, 30)
    batch = Batch(torch.arange(18), fields, ones, ones, graph=Beside(pooled), task=task)
    return rows, batch, torch.cat([rows[fields][..., :-1], pooled], dim=2), rows[fields][..., -1]


def network(mlp: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
    for layer in mlp.layers[:-1]:
        x = torch.relu(x @ layer.weight + layer.bias)
    return (x @ mlp.layers[-1].weight + mlp.layers[-1].bias).squeeze(-1)


def test_fm_and_deepfm_sum_all_pairs() -> None:
    rows, batch, x, first = inputs()
    pairs = sum((x[..., f, :] * x[..., g, :]).sum(-1) for f, g in combinations(range(5), 2))
    fm, deep = FM(), DeepFM(4, (6,), torch.Generator().manual_seed(1), extra=1, width=4)
    torch.nn.init.constant_(fm.bias, 0.3)
    torch.testing.assert_close(fm(rows, batch), 0.3 + first.sum(-1) + pairs)
    expected = first.sum(-1) + pairs + network(deep.mlp, x.flatten(-2))
    torch.testing.assert_close(deep(rows, batch), expected, rtol=1e-5, atol=1e-5)


def test_nfm_puts_a_network_on_the_sum_of_products() -> None:
    rows, batch, x, first = inputs()
    nfm = NFM((6,), torch.Generator().manual_seed(1), width=4)
    products = sum(x[..., f, :] * x[..., g, :] for f, g in combinations(range(5), 2))
    torch.testing.assert_close(nfm(rows, batch), first.sum(-1) + network(nfm.mlp, products))


@pytest.mark.parametrize("hidden", [(), (6,)])
def test_autoint_reads_its_layers_out_beside_a_network(hidden: tuple[int, ...]) -> None:
    rows, batch, x, first = inputs()
    model = AutoInt(5, 2, 2, 3, hidden, torch.Generator().manual_seed(1), width=4)
    read = model.layers[1](model.layers[0](x)).flatten(-2)
    expected = first.sum(-1) + (read @ model.read_out.weight + model.read_out.bias).squeeze(-1)
    if hidden:
        expected = expected + network(model.mlp, x.flatten(-2))
    torch.testing.assert_close(model(rows, batch), expected)


def test_item_rate_scores_alike_what_has_the_same_rate() -> None:
    log = toy_log()
    ranker, hour = train("item_rate", log), hour_of(log, 30)
    column = [spec.name for spec in ranker.features.layout.specs].index(FIELD)
    bins = ranker.features.codes(hour.exposures, hour.users, hour.items).matrix()[:, column]
    scores = ranker.score(hour)
    by_bin = [set(scores[bins == value]) for value in set(bins)]
    assert len(by_bin) > 3 and all(len(scored) == 1 for scored in by_bin)


def test_item_rate_without_counts_says_what_to_do() -> None:
    settings = SYSTEMS["item_rate"].tiny.model_copy(update={"features": FeatureSettings(counts=False)})
    with pytest.raises(ValueError, match="leave item_rate out"):
        train("item_rate", toy_log(), settings=settings)


@pytest.mark.parametrize("system", [*INTERNAL_ONLY, *WITH_EXTERNAL])
def test_external_behaviours_move_only_systems_that_see_them(system: str) -> None:
    log = toy_log()
    without = log.external.__class__(*(getattr(log.external, name)[:0] for name in vars(log.external)))
    blind = log.__class__(**{**vars(log), "external": without})
    hour = hour_of(log, 30)
    same = (trained(system).score(hour) == train(system, blind).score(hour)).all()
    assert same == (system in INTERNAL_ONLY)


@pytest.mark.parametrize("system", [*INTERNAL_ONLY, *WITH_EXTERNAL])
def test_every_dense_parameter_learns(system: str) -> None:
    log = toy_log()
    ranker = trained(system)
    later = log.between(START + TRAIN_HOURS * 3_600_000, log.end_ms)
    learner, names = ranker.learner, [name for name, _ in ranker.learner.module.named_parameters()]
    batch = ranker.instances(later.exposures, later).batch(torch.arange(200).numpy()[None])
    loss, rows, dense = loss_and_gradients(learner, batch)
    assert torch.isfinite(torch.tensor(loss)) and torch.isfinite(rows).all()
    unseen = {"encoder.din.unit.rest.0.bias"}  # shifts every score alike, and a softmax does not see it
    for name, gradient in zip(names, dense, strict=True):
        assert torch.isfinite(gradient).all() and (gradient.abs().max() > 0 or name in unseen), name
