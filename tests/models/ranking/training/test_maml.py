"""The batched two-level step against plain training, a loop over tasks, and finite differences."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.func import functional_call

from models.ranking.features.batch import Batch
from models.ranking.training.maml import (
    MetaGradient,
    expand,
    join,
    meta_gradient,
    task_losses,
)
from models.ranking.training.rates import GROUPS, InnerRates, MetaSettings
from tests.models.ranking.training.toy import Toy, dense_group, draw, single, table_and_groups

ROWS = 30


def gradient(
    settings: MetaSettings,
    support: Batch,
    query: Batch,
    model: Toy | None = None,
    table: Tensor | None = None,
    rates: InnerRates | None = None,
) -> MetaGradient:
    drawn, groups = table_and_groups(ROWS, seed=5)
    joined = join(support, query)
    return meta_gradient(
        model or Toy(),
        (drawn if table is None else table)[joined.unique],
        joined,
        rates or InnerRates(settings).double(),
        settings,
        groups[joined.unique],
        dense_group,
    )


def plain(query: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    """Plain training: one set of dense parameters for all, one dense table, summed mean losses."""
    model = Toy()
    table, _ = table_and_groups(ROWS, seed=5)
    table.requires_grad_()
    loss = task_losses(model(table[query.unique], query), query).sum()
    dense = dict(model.named_parameters())
    gradients = torch.autograd.grad(loss, [table, *dense.values()])
    return gradients[0], dict(zip(dense, gradients[1:], strict=True))


def spread(result: MetaGradient) -> Tensor:
    """The row gradient as a dense one."""
    return torch.zeros(ROWS, result.row_gradient.shape[1], dtype=torch.float64).index_copy(
        0, result.rows, result.row_gradient
    )


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("tasks", [1, 8])
@pytest.mark.parametrize("item_row_step", ["batch_mean", "row_mean"])
def test_alpha_zero_is_plain_training(tasks, order, item_row_step):
    """Equal but for the order of additions: plain training multiplies one matrix, MAML a matrix a task."""
    support, query = draw(ROWS, tasks, 9, seed=1, padding=True), draw(ROWS, tasks, 9, seed=2, padding=True)
    settings = MetaSettings(order=order, inner_rate=0.0, item_row_step=item_row_step)
    result = gradient(settings, support, query)
    rows, dense = plain(query)
    torch.testing.assert_close(spread(result), rows, rtol=1e-13, atol=1e-14)
    for name, value in dense.items():
        torch.testing.assert_close(result.dense[name], value, rtol=1e-13, atol=1e-14)
    assert (result.support_loss > 0).all()


@pytest.mark.parametrize("order", [1, 2])
def test_alpha_zero_is_plain_training_bit_for_bit_with_the_same_order_of_operations(order):
    """With dense parameters that carry the task axis in plain training too, no bit differs."""
    support, query = draw(ROWS, 8, 9, seed=1), draw(ROWS, 8, 9, seed=2)
    result = gradient(MetaSettings(order=order, inner_rate=0.0), support, query)
    model, (table, _) = Toy(), table_and_groups(ROWS, seed=5)
    joined = join(support, query)
    rows = table[joined.unique].requires_grad_()
    dense = dict(model.named_parameters())
    logits = functional_call(model, expand(dense, 8), (rows[joined.query_at], query))
    gradients = torch.autograd.grad(task_losses(logits, query).sum(), [rows, *dense.values()])
    copies = torch.zeros_like(table).index_add_(0, joined.unique, gradients[0])
    assert torch.equal(spread(result), copies)
    for name, value in zip(dense, gradients[1:], strict=True):
        assert torch.equal(result.dense[name], value), name


def adapted_query_loss(
    model: Toy, table: Tensor, support: Batch, query: Batch, rates: Tensor, row_mean: bool
) -> Tensor:
    """The definition, task by task with whole tables: summed query losses after one inner step."""
    _, groups = table_and_groups(ROWS, seed=5)
    total = torch.zeros((), dtype=torch.float64)
    for t in range(len(query.labels)):
        s, q = single(support, t), single(query, t)
        leaf = table.detach().requires_grad_()
        params = {name: p.detach().requires_grad_() for name, p in model.named_parameters()}
        loss = task_losses(functional_call(model, params, (leaf[s.unique], s)), s).sum()
        gradients = torch.autograd.grad(loss, [leaf, *params.values()])
        step = rates[groups].unsqueeze(1).expand(ROWS, table.shape[1]).clone()
        if row_mean:
            items = s.unique[s.fields[..., 0]]
            for row in items.unique():
                count = s.weight[items == row].sum()
                if count > 0:
                    step[row] *= s.weight.sum() / count
        moved = {
            name: p - rates[GROUPS.index(dense_group(name))] * g
            for (name, p), g in zip(params.items(), gradients[1:], strict=True)
        }
        rows = (leaf - step * gradients[0])[q.unique]
        total = total + task_losses(functional_call(model, moved, (rows, q)), q).sum().detach()
    return total


@pytest.mark.parametrize("item_row_step", ["batch_mean", "row_mean"])
@pytest.mark.parametrize("inner_rates", ["fixed", "learned"])
def test_second_order_is_the_finite_difference_gradient_of_the_adapted_query_loss(inner_rates, item_row_step):
    support, query = draw(ROWS, 3, 6, seed=3, padding=True), draw(ROWS, 3, 6, seed=4, padding=True)
    settings = MetaSettings(
        order=2, inner_rate=0.3, inner_rates=inner_rates, item_row_step=item_row_step
    )  # a large α, so that the second-order part weighs
    model, (table, _) = Toy(), table_and_groups(ROWS, seed=5)
    rates = InnerRates(settings).double()
    result = gradient(settings, support, query, model, table, rates)

    def loss() -> Tensor:
        return adapted_query_loss(model, table, support, query, rates().detach(), item_row_step == "row_mean")

    def check(values: Tensor, found: Tensor, eps: float = 1e-5) -> None:
        flat = values.data.view(-1)
        numeric = torch.zeros_like(flat)
        for i in range(len(flat)):
            kept = flat[i].item()
            flat[i] = kept + eps
            up = loss()
            flat[i] = kept - eps
            numeric[i] = (up - loss()) / (2 * eps)
            flat[i] = kept
        error = (numeric - found.reshape(-1)).abs().max() / numeric.abs().max()
        assert error < 1e-6, error

    check(table, spread(result))
    for name, value in model.named_parameters():
        check(value, result.dense[name])
    if inner_rates == "learned":
        assert rates.logarithms is not None and result.rates is not None
        check(rates.logarithms, result.rates)
    # The test can fail: the first-order gradient is another one.
    first = gradient(settings.model_copy(update={"order": 1}), support, query, model, table, rates)
    assert (spread(first) - spread(result)).abs().max() > 1e-3


def loop_over_tasks(
    settings: MetaSettings, support: Batch, query: Batch
) -> tuple[Tensor, dict[str, Tensor], list[Tensor]]:
    """Reference: one task after another with ordinary autograd over the whole table."""
    model, (table, _) = Toy(), table_and_groups(ROWS, seed=5)
    table.requires_grad_()
    params = dict(model.named_parameters())
    losses = []
    for t in range(len(query.labels)):
        s, q = single(support, t), single(query, t)
        inner = task_losses(functional_call(model, params, (table[s.unique], s)), s).sum()
        gradients = torch.autograd.grad(inner, [table, *params.values()], create_graph=settings.order == 2)
        if settings.order == 1:
            gradients = tuple(g.detach() for g in gradients)
        adapted = {
            name: p - settings.inner_rate * g
            for (name, p), g in zip(params.items(), gradients[1:], strict=True)
        }
        rows = (table - settings.inner_rate * gradients[0])[q.unique]
        losses.append(task_losses(functional_call(model, adapted, (rows, q)), q).sum())
    outer = torch.autograd.grad(sum(losses[1:], losses[0]), [table, *params.values()])
    return outer[0], dict(zip(params, outer[1:], strict=True)), losses


@given(
    tasks=st.integers(1, 5),
    instances=st.integers(1, 7),
    seed=st.integers(0, 10_000),
    order=st.sampled_from([1, 2]),
    padding=st.booleans(),
)
def test_batched_tasks_equal_a_loop_over_tasks(tasks, instances, seed, order, padding):
    support = draw(ROWS, tasks, instances, seed, padding)
    query = draw(ROWS, tasks, instances, seed + 1, padding)
    settings = MetaSettings(order=order, inner_rate=0.2)
    result = gradient(settings, support, query)
    rows, dense, losses = loop_over_tasks(settings, support, query)
    torch.testing.assert_close(spread(result), rows, rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(result.query_loss, torch.stack(losses).detach(), rtol=1e-12, atol=1e-13)
    for name, value in dense.items():
        torch.testing.assert_close(result.dense[name], value, rtol=1e-11, atol=1e-13)


def test_rows_that_no_task_touched_are_absent_and_the_table_is_not_written():
    support, query = draw(ROWS, 2, 2, seed=1), draw(ROWS, 2, 2, seed=2)
    table, _ = table_and_groups(ROWS, seed=5)
    before = table.clone()
    result = gradient(MetaSettings(inner_rate=0.1), support, query, table=table)
    touched = set(support.unique.tolist()) | set(query.unique.tolist())
    assert set(result.rows.tolist()) == touched
    assert len(touched) < ROWS
    assert torch.equal(table, before)
    assert result.rows.tolist() == sorted(touched)


def test_the_cost_does_not_grow_with_the_table():
    """Nothing of the size of the table is allocated in a step."""
    small, _ = table_and_groups(ROWS, seed=5)
    table = torch.cat([small, torch.zeros(200_000, small.shape[1], dtype=torch.float64)])
    support, query = draw(ROWS, 2, 4, seed=1), draw(ROWS, 2, 4, seed=2)
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profiler:
        gradient(MetaSettings(inner_rate=0.1), support, query, table=table)
    largest = max(event.self_cpu_memory_usage for event in profiler.key_averages())
    assert largest < 200_000 * 8


def test_groups_outside_the_inner_step_do_not_move():
    support, query = draw(ROWS, 3, 6, seed=3), draw(ROWS, 3, 6, seed=4)
    only_items = MetaSettings(inner_rate=0.3, inner_groups=("item_rows",), order=1)
    every = MetaSettings(inner_rate=0.3, order=1)
    result, full = gradient(only_items, support, query), gradient(every, support, query)
    assert not torch.allclose(result.query_loss, full.query_loss)
    rates = torch.zeros(len(GROUPS), dtype=torch.float64)
    rates[0] = 0.3
    table, _ = table_and_groups(ROWS, seed=5)
    expected = adapted_query_loss(Toy(), table, support, query, rates, row_mean=False)
    torch.testing.assert_close(result.query_loss.sum(), expected)


def test_first_order_rates_learn_by_the_product_of_support_and_query_gradients():
    """dL_query/dα = −⟨∇L_query(θ'), ∇L_support(θ)⟩ holds for the first order too."""
    support, query = draw(ROWS, 2, 6, seed=3), draw(ROWS, 2, 6, seed=4)
    settings = MetaSettings(order=1, inner_rates="learned", inner_rate=0.1)
    rates = InnerRates(settings).double()
    result = gradient(settings, support, query, rates=rates)
    eps = 1e-5
    table, _ = table_and_groups(ROWS, seed=5)
    assert result.rates is not None
    for g in range(len(GROUPS)):
        moved = []
        for sign in (1, -1):
            changed = rates().detach().clone()
            changed[g] *= torch.exp(torch.tensor(sign * eps, dtype=torch.float64))
            moved.append(adapted_query_loss(Toy(), table, support, query, changed, row_mean=False))
        numeric = (moved[0] - moved[1]) / (2 * eps)
        torch.testing.assert_close(result.rates[g], numeric, rtol=1e-6, atol=1e-9)


def test_errors_name_the_value():
    with pytest.raises(ValueError, match="itemrows"):
        InnerRates(MetaSettings(inner_groups=("itemrows",)))
    with pytest.raises(ValueError, match="inner_rate"):
        InnerRates(MetaSettings(inner_rates="learned", inner_rate=0.0))
    batch = draw(ROWS, 2, 3, seed=1)
    unowned = Batch(batch.unique, batch.fields, batch.labels, batch.weight, graph=batch.graph)
    with pytest.raises(ValueError, match="2 tasks"):
        join(unowned, batch)
