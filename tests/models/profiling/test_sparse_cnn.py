"""The CNN from sparse cells equals the same layers on dense images: values, gradients, running moments."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from models.profiling.cnn import CellBatch, ImageCNN, _same
from models.profiling.data import DAYS, HOURS
from models.profiling.geometry import Geometry
from models.profiling.sparse_conv import first_level

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]
CHANNELS, WIDTHS = 3, (4, 5, 6, 7)


def random_cells(users: int, cells: int, seed: int, dtype: torch.dtype = torch.float64) -> CellBatch:
    """Cells anywhere, corners and repeats included, in order of nothing."""
    g = torch.Generator().manual_seed(seed)
    position = torch.randint(0, DAYS * HOURS, (cells,), generator=g)
    corners = torch.tensor([0, HOURS - 1, (DAYS - 1) * HOURS, DAYS * HOURS - 1])
    position = torch.where(torch.rand(cells, generator=g) < 0.2, corners[position % 4], position)
    return CellBatch(
        user=torch.randint(0, users, (cells,), generator=g),
        position=position,
        channel=torch.randint(0, CHANNELS, (cells,), generator=g),
        value=torch.randn(cells, generator=g, dtype=dtype),
        users=users,
    )


def random_cnn(seed: int) -> ImageCNN:
    """Some γ negative, all moments moved."""
    torch.manual_seed(seed)
    cnn = ImageCNN(CHANNELS, WIDTHS).double()
    for norm in cnn.norms:
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
        norm.bias.data += 0.5
        norm.running_mean.normal_(0, 0.1)
        norm.running_var.uniform_(0.02, 0.2)
    return cnn


def on(device: str, cells: CellBatch) -> CellBatch:
    return CellBatch(
        *(getattr(cells, n).to(device) for n in ("user", "position", "channel", "value")), cells.users
    )


def compare(cnn: ImageCNN, cells: CellBatch, tolerance: float) -> torch.Tensor:
    """Both ways through copies of `cnn`; returns the dense features."""
    sparse, dense = copy.deepcopy(cnn), copy.deepcopy(cnn)
    a, b = sparse(cells), dense.forward_dense(cells.dense(CHANNELS))
    torch.testing.assert_close(a, b, atol=tolerance, rtol=tolerance)
    weights = torch.linspace(-1, 2, b.numel(), dtype=b.dtype, device=b.device).view_as(b)
    (a * weights).sum().backward()
    (b * weights).sum().backward()
    for (name, p), (_, q) in zip(sparse.named_parameters(), dense.named_parameters(), strict=True):
        # In training mode batch norm takes biases off: their gradient is rounding errors, or none.
        found = torch.zeros_like(p) if p.grad is None else p.grad
        torch.testing.assert_close(
            found, q.grad, atol=tolerance, rtol=tolerance, msg=lambda m, n=name: f"{n}: {m}"
        )
    for (name, p), (_, q) in zip(sparse.named_buffers(), dense.named_buffers(), strict=True):
        torch.testing.assert_close(p, q, atol=tolerance, rtol=tolerance, msg=lambda m, n=name: f"{n}: {m}")
    return b.detach()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("training", [True, False])
def test_equals_the_dense_network(training: bool, device: str) -> None:
    cnn = random_cnn(0).train(training).to(device)
    features = compare(cnn, on(device, random_cells(3, 300, 1)), 1e-9)
    assert (features.abs() > 0).float().mean() > 0.3, "ReLU has silenced what is compared"
    assert features.std(0).max() > 1e-2, "all users alike: nothing is compared"


@settings(max_examples=6, deadline=None)
@given(users=st.integers(1, 3), cells=st.integers(0, 40), seed=st.integers(0, 999), training=st.booleans())
def test_equals_the_dense_network_on_any_cells(users: int, cells: int, seed: int, training: bool) -> None:
    compare(random_cnn(seed).train(training), random_cells(users, cells, seed), 1e-9)


def test_float32_within_the_promise() -> None:
    cnn, cells = random_cnn(3), random_cells(4, 600, 4)
    single = CellBatch(cells.user, cells.position, cells.channel, cells.value.float(), cells.users)
    found = copy.deepcopy(cnn).float()(single)
    wanted = cnn.forward_dense(cells.dense(CHANNELS))
    torch.testing.assert_close(found.double(), wanted, atol=1e-4, rtol=1e-4)


def test_users_without_cells_and_cells_of_zero() -> None:
    cells = random_cells(2, 60, 5)
    value = cells.value.clone()
    value[::3] = 0.0
    compare(random_cnn(6), CellBatch(cells.user + 1, cells.position, cells.channel, value, 5), 1e-9)


def test_first_level_alone_with_negative_scales() -> None:
    """Where γ < 0 the pool takes the smallest convolution; inactive positions may win a window."""
    cells = random_cells(2, 80, 7)
    torch.manual_seed(1)
    conv, norm = torch.nn.Conv2d(CHANNELS, 6, (7, 2)).double(), torch.nn.BatchNorm2d(6).double()
    norm.weight.data = torch.tensor([1.0, -1.0, 2.0, -2.0, 0.1, -0.1]).double()
    geometry = Geometry((DAYS, HOURS), (7, 2), (7, 2))
    arrays = (cells.user, cells.position, cells.channel, cells.value)
    found = first_level(conv, norm, geometry, arrays, 2).dense((52, 12))
    convolved = F.conv2d(_same(cells.dense(CHANNELS), (7, 2)), conv.weight, conv.bias)
    wanted = F.max_pool2d(torch.relu(copy.deepcopy(norm)(convolved)), (7, 2))
    torch.testing.assert_close(found, wanted, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("kernel", [(7, 2), (4, 2), (3, 2), (1, 1), (2, 5)])
def test_same_padding_is_that_of_torch(kernel: tuple[int, int]) -> None:
    x, w = torch.randn(1, 2, 11, 9), torch.randn(3, 2, *kernel)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = F.conv2d(x, w, padding="same")
    torch.testing.assert_close(F.conv2d(_same(x, kernel), w), wanted)


@settings(max_examples=20, deadline=None)
@given(
    image=st.tuples(st.integers(4, 12), st.integers(3, 9)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 3)),
    pool=st.tuples(st.integers(1, 4), st.integers(1, 3)),
)
def test_every_output_is_numbered_once(
    image: tuple[int, int], kernel: tuple[int, int], pool: tuple[int, int]
) -> None:
    geometry = Geometry(image, kernel, pool)
    device = torch.device("cpu")
    slots, (edge, missing) = geometry.slots(device), geometry.missing(device)
    assert len(edge.unique()) == len(edge) == len(missing)
    assert int((slots >= 0).sum() + missing.sum()) == geometry.positions * geometry.taps
    reached = slots[slots >= 0].unique()
    assert len(reached) == geometry.positions
    assert (
        int((reached < geometry.whole_windows * geometry.places).sum())
        == geometry.whole_windows * geometry.places
    )
    for tap in slots.T:
        assert len(tap[tap >= 0].unique()) == int((tap >= 0).sum())


def test_deterministic() -> None:
    cnn, cells = random_cnn(8).float(), random_cells(4, 500, 9, torch.float32)
    gradients = []
    for _ in range(2):
        one = copy.deepcopy(cnn)
        one(cells).square().sum().backward()
        gradients.append([p.grad.clone() for p in one.parameters() if p.grad is not None])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))
