import pytest
import torch
from torch import nn

from models.ranking.features.batch import Batch, localise_tasks
from models.ranking.features.vocabulary import FIELD_ROWS, ITEM_ROWS, USER_ROWS
from models.ranking.sml.factorisation import MatrixFactorisation
from models.ranking.sml.transfer import DenseTransfer, RowTransfer, Transferred, TransferSettings
from models.ranking.training.loop import cross_entropy

PRINTED = TransferSettings(hidden=7, channels=(4, 3), output="row")
OURS = TransferSettings(hidden=7, channels=(4, 3))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pair(rows, width=17, dtype=torch.float32):
    return torch.randn(2, rows, width, generator=seeded(3), dtype=dtype)


def row_by_row(transfer, old, fresh):
    """The paper's form: a picture of three rows, Conv2d (3, 1), Conv2d (1, 1), two linear layers."""
    first, second = transfer.across_stack, transfer.across_channels
    conv1 = nn.Conv2d(1, first.weight.shape[1], (3, 1))
    conv2 = nn.Conv2d(first.weight.shape[1], second.weight.shape[1], (1, 1))
    conv1.weight.data = first.weight.detach().T.reshape(conv1.weight.shape)
    conv1.bias.data = first.bias.detach().reshape(-1)
    conv2.weight.data = second.weight.detach().T.reshape(conv2.weight.shape)
    conv2.bias.data = second.bias.detach().reshape(-1)
    out = []
    for w, fresh_w in zip(old, fresh, strict=True):
        picture = torch.stack([w, fresh_w, w * fresh_w / w.norm()]).reshape(1, 1, 3, -1)
        x = nn.functional.gelu(conv2(nn.functional.gelu(conv1(picture))))
        x = x[0, :, 0].T.reshape(-1)  # a dimension's channels side by side
        x = nn.functional.gelu(x @ transfer.hidden.weight + transfer.hidden.bias[0])
        out.append(x @ transfer.out.weight + transfer.out.bias[0])
    return torch.stack(out)


def test_all_rows_at_once_are_the_convolutions_row_by_row():
    transfer = RowTransfer(17, PRINTED, seeded())
    for parameter in transfer.parameters():  # biases too
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=seeded(1))
    old, fresh = pair(9)
    torch.testing.assert_close(transfer(old, fresh), row_by_row(transfer, old, fresh), rtol=1e-5, atol=1e-6)


def test_the_gate_goes_part_of_the_way_that_the_network_tells():
    transfer = RowTransfer(17, OURS, seeded())
    nn.init.normal_(transfer.out.weight, generator=seeded(2))
    old, fresh = pair(6)
    gate = 2 / (1 + torch.exp(-row_by_row(transfer, old, fresh)))
    torch.testing.assert_close(transfer(old, fresh), old + gate * (fresh - old), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(transfer(old, old), old)  # nothing was fitted: nothing moves, however often


def test_it_starts_by_taking_the_fresh_values():
    old, fresh = pair(5)
    torch.testing.assert_close(RowTransfer(17, OURS, seeded())(old, fresh), fresh)
    assert not torch.allclose(RowTransfer(17, PRINTED, seeded())(old, fresh), fresh, atol=0.1)
    weights = {"a": torch.ones(2, 3), "b": torch.zeros(1, 1)}
    dense = DenseTransfer(2)
    for name, value in dense([torch.zeros(2, 3), torch.ones(1, 1)], weights).items():
        torch.testing.assert_close(value, weights[name])
    dense.gates.data = torch.tensor([-30.0, 30.0])
    first, second = dense([torch.zeros(2, 3), torch.ones(1, 1)], weights).values()
    torch.testing.assert_close((first, second), (torch.zeros(2, 3), -torch.ones(1, 1)))  # stay; twice the way


def test_a_row_of_zeros_has_a_transfer():
    for settings in (OURS, PRINTED):
        out = RowTransfer(17, settings, seeded())(torch.zeros(2, 17), torch.randn(2, 17))
        assert torch.isfinite(out).all()


def test_each_group_has_its_own_transfer_and_other_rows_are_left_alone():
    module = Transferred(MatrixFactorisation(0, 1), 2, 17, PRINTED, seeded())
    old, fresh = pair(6)
    groups = torch.tensor([ITEM_ROWS, USER_ROWS, FIELD_ROWS, USER_ROWS, FIELD_ROWS, ITEM_ROWS])
    out = module.rows(groups, old, fresh)
    for group in (ITEM_ROWS, USER_ROWS):
        at = groups == group
        torch.testing.assert_close(out[at], module.transfers[group](old[at], fresh[at]))
    assert torch.equal(out[groups == FIELD_ROWS], fresh[groups == FIELD_ROWS])
    assert module.moving(groups).tolist() == [True, True, False, True, False, True]


@pytest.mark.parametrize("settings", [OURS, PRINTED])
def test_gradient_of_theta_is_the_finite_difference(settings):
    module = Transferred(MatrixFactorisation(0, 1), 2, 5, settings, seeded()).double()
    theta = module.theta()
    for parameter in theta:
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=seeded(1), dtype=torch.float64)
    unique, _, (fields,) = localise_tasks([torch.tensor([[[0, 4], [1, 5], [0, 5], [2, 6]]])])
    labels = torch.tensor([[1.0, 0, 0, 1]], dtype=torch.float64)
    batch = Batch(unique, fields, labels, torch.ones_like(labels))
    groups = torch.where(unique < 3, USER_ROWS, ITEM_ROWS)
    old, fresh = pair(len(unique), 5, torch.float64)
    before, after = (torch.full((1, 1), value, dtype=torch.float64) for value in (0.3, -0.4))

    def loss():
        dense = module.dense([before], {"intercept": after})
        return cross_entropy(module.logits(module.rows(groups, old, fresh), dense, batch), batch)

    slopes = torch.autograd.grad(loss(), theta)
    assert all(slope.abs().max() > 1e-6 for slope in slopes)  # every part of Θ is reached
    directions = [torch.randn(p.shape, generator=seeded(4), dtype=p.dtype) for p in theta]
    expected = sum((way * slope).sum() for way, slope in zip(directions, slopes, strict=True))

    def moved(step):
        with torch.no_grad():
            for parameter, way in zip(theta, directions, strict=True):
                parameter += step * way
            value = loss()
            for parameter, way in zip(theta, directions, strict=True):
                parameter -= step * way
        return value

    slope = (moved(1e-6) - moved(-1e-6)) / 2e-6
    torch.testing.assert_close(slope, expected, rtol=1e-6, atol=1e-9)
