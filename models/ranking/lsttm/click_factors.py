"""The click graph factorised: a truncated singular value decomposition in the place of walks **(ours)**.

    A_ui = 1 / √((clicks of u + a) (clicks of i + b))   where u clicked i, in any application
    A ≈ U S Vᵀ,   user vectors U √S,   item vectors V √S

A product of random-walk vectors says next to nothing of a pair (docs/decisions, 0014); that of these vectors
does, and they cost seconds. Subspace iteration (Halko, Martinsson and Tropp 2011, algorithm 4.4) finds
them, starting from the day before: a day's graph is nearly that of the day before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field
from scipy import sparse
from torch import Tensor

from models.settings import Settings

OVERSAMPLED = 8  #: columns beyond the width that make the iteration converge in few rounds
ROWS_AT_ONCE = 2**16  #: of vectors that are turned in double precision, or copied, at a time


class FactorSettings(Settings):
    """The factorised click graph."""

    width: int = Field(default=48, ge=1)  #: of a vector
    user_shrinkage: float = Field(default=10.0, ge=0)  #: a: clicks added to every user's
    item_shrinkage: float = Field(default=30.0, ge=0)  #: b: clicks added to every item's
    rounds: int = Field(default=8, ge=1)  #: of subspace iteration, from a random start
    warm_rounds: int = Field(default=3, ge=1)  #: from the day before
    #: training days with vectors of their own, counted back from the end; earlier instances have none
    days: int = Field(default=14, ge=1)
    #: days before a morning whose clicks are its graph, so that a morning costs the same for ever; None: all
    click_days: int | None = Field(default=28, ge=1)


@dataclass(frozen=True)
class NodeVectors:
    """Vectors of those users, or items, that have one."""

    index: np.ndarray  #: int64 [N], ascending
    values: np.ndarray  #: float32 [N, width]

    @classmethod
    def none(cls, width: int) -> NodeVectors:
        """Of nobody."""
        return cls(np.empty(0, np.int64), np.empty((0, width), np.float32))

    def slots(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the vectors of `nodes` [...] stand, and whether they have one (else the slot means nothing).

        There must be a vector at all.
        """
        slots = np.minimum(np.searchsorted(self.index, nodes), len(self.index) - 1)
        return slots, self.index[slots] == nodes

    def of(self, nodes: np.ndarray) -> np.ndarray:
        """Vectors float32 [..., width] of `nodes` [...], zero where there is none."""
        if not len(self.index):
            return np.zeros((*nodes.shape, self.values.shape[1]), np.float32)
        slots, known = self.slots(nodes)
        return self.values[slots] * known[..., None]


@dataclass(frozen=True)
class Factors:
    """One graph's vectors; users and items without a click in it have none."""

    users: NodeVectors
    items: NodeVectors


def factorise(
    users: np.ndarray, items: np.ndarray, settings: FactorSettings, before: Factors | None
) -> Factors:
    """Factors of the graph whose edges are the distinct pairs among clicks.

    Memory and time follow the clicks and those who clicked, not the indices in use.

    Args:
        users, items: integers [C] of each click.
        before: the factors of the day before: where to start, and what to turn the axes towards, so that a
            model may be trained on several days' vectors. None, or nothing in common: start anew.
    """
    width = settings.width
    if not len(users):
        return Factors(NodeVectors.none(width), NodeVectors.none(width))
    user_index, user = _numbered(users)
    item_index, item = _numbered(items)
    graph = _graph(user, item, (len(user_index), len(item_index)), settings)
    start = None if before is None else torch.from_numpy(before.items.of(item_index))
    if start is not None and not start.any():
        start = None
    basis = _basis(graph, settings, start)
    image = torch.from_numpy(graph @ basis.numpy())
    values, axes = torch.linalg.eigh((image.T @ image).double())
    order = values.argsort(descending=True)[:width]
    singular = values[order].clamp_min(0).sqrt()
    axes = axes[:, order]
    inverse = torch.where(singular > 1e-6 * singular.max(), singular.clamp_min(1e-12).rsqrt(), 0.0)
    of_users, of_items = _turned(image, axes * inverse, width), _turned(basis, axes * singular.sqrt(), width)
    if start is not None:
        # The same products in the axes nearest to those of the day before (orthogonal Procrustes).
        first, _, second = torch.linalg.svd(of_items.T.double() @ start.double())
        turn = (first @ second).float()
        of_users, of_items = of_users @ turn, of_items @ turn
    return Factors(NodeVectors(user_index, of_users.numpy()), NodeVectors(item_index, of_items.numpy()))


def _basis(graph: sparse.csr_matrix, settings: FactorSettings, start: Tensor | None) -> Tensor:
    """An orthonormal basis float32 [I, columns] of nearly the leading item directions."""
    users, items = graph.shape
    columns = min(settings.width + OVERSAMPLED, users, items)
    basis = torch.randn(items, columns, generator=torch.Generator().manual_seed(0))
    if start is not None:
        used = start.norm(dim=0)[:columns] > 0
        basis[:, : len(used)][:, used] = start[:, :columns][:, used]
    back = graph.T
    for _ in range(settings.rounds if start is None else settings.warm_rounds):
        basis = torch.linalg.qr(torch.from_numpy(back @ (graph @ basis.numpy()))).Q.contiguous()
    return basis


def _graph(
    user: np.ndarray, item: np.ndarray, sizes: tuple[int, int], settings: FactorSettings
) -> sparse.csr_matrix:
    """The matrix A of the distinct pairs, float32 in compressed rows."""
    graph = sparse.csr_matrix((np.ones(len(user), np.float32), (user, item)), shape=sizes)
    of_user = np.diff(graph.indptr)
    of_item = np.bincount(graph.indices, minlength=sizes[1])
    weight = np.repeat((1 / np.sqrt(of_user + settings.user_shrinkage)).astype(np.float32), of_user)
    weight *= (1 / np.sqrt(of_item + settings.item_shrinkage)).astype(np.float32)[graph.indices]
    graph.data = weight
    return graph


def marked(nodes: np.ndarray) -> np.ndarray:
    """Bool [greatest node + 1]: which nodes occur. Linear where a sort for the distinct ones is not."""
    seen = np.zeros(int(nodes.max(initial=-1)) + 1, bool)
    seen[nodes] = True
    return seen


def _numbered(nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct nodes int64, ascending, and each node's number among them int32."""
    seen = marked(nodes)
    return np.flatnonzero(seen), (np.cumsum(seen, dtype=np.int32) - 1)[nodes]


def _turned(vectors: Tensor, turn: Tensor, width: int) -> Tensor:
    """`vectors @ turn`, by way of double precision, float32 [N, width]; columns that it lacks are zero."""
    parts = [(part.double() @ turn).float() for part in vectors.split(ROWS_AT_ONCE)]
    return torch.nn.functional.pad(torch.cat(parts), (0, width - turn.shape[1]))
