"""The layers of the global long-term graph (paper 3.3) and its loss over random walks (3.5.2, Eq. 8).

    L_N = −Σ_paths Σ_{q_i ≠ q_j in path} [ log σ(q_i·q_j) + Σ_neg log σ(−q_i·q_neg) ]

The second sum in the bracket is **ours** (`negatives: 0` is the printed loss). Without it the loss is least
where all vectors point one way and grow, whatever the graph: `collapse` then goes to 1.

Two GAT layers as in the short-term graph, with weights per layer and per side, over neighbours drawn anew for
every step; layer 0 are trainable ID embeddings of users and of internal and external items alike. A step
visits the nodes of its paths, their neighbours and the neighbours' neighbours, and moves those rows only; it
reads few neighbours of each (`step_neighbours`), the vectors handed out read up to K.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from models.layers.bags import Edges
from models.layers.embedding import gather
from models.ranking.features.sampling import unique_nodes
from models.ranking.lsttm.random_walks import Neighbourhoods, Sample
from models.settings import Settings

if TYPE_CHECKING:
    from models.layers.gat import GATLayer


class LongTermSettings(Settings):
    """The long-term graph; values that the paper gives are its own, the rest is **ours**."""

    width: int = Field(default=16, ge=1)  #: of every vector
    neighbours: int = Field(default=30, ge=1)  #: K, of the vectors that are handed out
    #: as many a training step reads of each node, drawn anew for every step; at most K
    step_neighbours: int = Field(default=4, ge=1)
    #: how K neighbours are drawn
    neighbor_sampling: Literal["uniform", "recency", "frequency"] = "uniform"
    half_life_hours: float = Field(default=24.0, gt=0)  #: of `neighbor_sampling: recency`
    hops: int = Field(default=10, ge=1)  #: of a random walk: 10 hops, 11 nodes
    #: only pairs at most so many hops apart; None: all (printed)
    window: int | None = Field(default=None, ge=1)
    negatives: int = Field(default=5, ge=0)  #: per ordered positive pair; 0: printed
    #: What a pair's negatives weigh together. None: as many as they are, the plain sum. The best q·q' is then
    #: pointwise mutual information − log weight; vectors that serve both sides of the product cannot hold
    #: that shift, and the loss hardly leaves its value at zero vectors. With 1 there is no shift.
    negative_weight: float | None = Field(default=None, gt=0)
    #: Nodes a step from which its paths draw their negatives; None: every path has its own, of all nodes,
    #: which costs time with the square of the clicks.
    noise_nodes: int | None = Field(default=512, ge=1)
    noise_power: float = 0.75  #: negatives are drawn in proportion to degree^noise_power
    walks_per_node: int = Field(default=1, ge=1)  #: per epoch
    epochs: int = Field(default=5, ge=1)  #: passes over all walks, without an earlier day to start from
    warm_epochs: int = Field(default=1, ge=1)  #: from the graph of an earlier day on
    click_days: int | None = Field(default=28, ge=1)  #: days whose clicks are edges; None: all
    paths_per_step: int = Field(default=512, ge=1)  #: walks in one optimiser step
    learning_rate: float = Field(default=0.001, gt=0)  #: of Adam
    initial_std: float = Field(default=0.1, gt=0)  #: of the ID embeddings


@dataclass(frozen=True)
class Hop:
    """N target nodes and the M distinct nodes that one layer reads for them, users before items."""

    nodes: Tensor  #: int64 [M] node numbers: targets and their neighbours
    targets: Tensor  #: int64 [N] → M
    neighbours: Tensor  #: int64 [N, K] → M
    mask: Tensor  #: bool [N, K]
    users: int  #: how many of the targets are users; they stand first

    @classmethod
    def of(cls, targets: Tensor, around: Sample, users: int) -> Hop:
        """Args: targets int64 [N] ascending; their neighbours; users U."""
        present = torch.cat([torch.ones_like(targets, dtype=torch.bool), around.mask.flatten()])
        unique = unique_nodes(
            torch.cat([targets, around.neighbours.flatten()])[None], present[None], targets[:1]
        )
        own, rest = unique.positions[0].split([len(targets), around.mask.numel()])
        return cls(
            unique.values[0], own, rest.view(around.mask.shape), around.mask, int((targets < users).sum())
        )


class LongTermEncoder(nn.Module):
    """Two GAT layers of both sides, from ID embeddings to long-term vectors."""

    def __init__(self, width: int, *, generator: torch.Generator) -> None:
        from models.layers.gat import GATLayer  # it brings torch_geometric, which only this model needs

        super().__init__()
        self.users = nn.ModuleList(GATLayer(width, width, width, generator=generator) for _ in range(2))
        self.items = nn.ModuleList(GATLayer(width, width, width, generator=generator) for _ in range(2))

    def forward(self, rows: Tensor, first: Hop, second: Hop) -> Tensor:
        """Long-term vectors of the second hop's targets.

        Args:
            rows: float [M, width], ID embeddings of `first.nodes`.
            first: hop whose targets are `second.nodes`.
            second: hop whose targets are asked for.
        """
        for layer, hop in enumerate((first, second)):
            rows = self.layer(layer, rows, hop)
        return rows

    def layer(self, layer: int, rows: Tensor, hop: Hop) -> Tensor:
        """One layer's vectors of the hop's targets, float [N, width], from `rows` [M, width] of its nodes."""
        sides = []
        for side, part in ((self.users, slice(hop.users)), (self.items, slice(hop.users, None))):
            neighbours, mask, targets = (t[part][None] for t in (hop.neighbours, hop.mask, hop.targets))
            gat = cast("GATLayer", side[layer])
            if targets.numel():
                edges = Edges.of(neighbours, mask, len(rows))
                sides.append(gat.over_lists(rows[None], rows[None], neighbours, mask, targets, edges)[0][0])
        return torch.cat(sides)


def hops(
    nodes: Tensor, neighbourhoods: Neighbourhoods, k: int, users: int, generator: torch.Generator | None
) -> tuple[Hop, Hop]:
    """The first and second hop that `LongTermEncoder` needs for `nodes` int64 [N], ascending and distinct.

    Every node of both hops reads up to k neighbours, drawn here (`Neighbourhoods.draw`).
    """
    second = Hop.of(nodes, neighbourhoods.draw(nodes, k, generator), users)
    return Hop.of(second.nodes, neighbourhoods.draw(second.nodes, k, generator), users), second


def path_loss(
    vectors: Tensor,
    paths: Tensor,
    noise: Tensor,
    path_at: Tensor,
    noise_at: Tensor,
    *,
    own_noise: Tensor,
    window: int | None,
    negative_weight: float,
) -> Tensor:
    """L_N of a batch of paths, per ordered pair (Eq. 8): mean of pairs + weight · mean of negatives.

    Every node of a path has `hops` partners and shares the path's `negatives · hops` noise nodes, which makes
    `negatives` of them per ordered pair. Pairs of a node with itself, and noise that is the node itself,
    count not. Of noise they are counted as many as are expected, not as many as were drawn. So with q_n, the
    probability of drawing n, the expectation is

        weight · Σ_i Σ_{n ≠ i} q_n · (−log σ(−v_i·v_n)) / Σ_i (1 − q_i)        over all nodes i of all paths

    whatever the noise nodes have to do with each other, as long as each by itself is drawn from q: for paths
    that have their own and for paths that draw theirs from a pool of a step, itself drawn from q. A pool
    makes the estimate vary more, and bounds the nodes whose neighbourhoods a step has to visit.

    Args:
        vectors: float [N, D].
        paths: int64 [P, L] node numbers; path_at: int64 [P, L] → N.
        noise: int64 [P, S] node numbers, S may be 0; noise_at: int64 [P, S] → N.
        own_noise: float [P, L], the probability q_i that a noise node is the path's node itself.
        window: greatest distance of a pair within its path, or None.
        negative_weight: of all negatives of a pair together.
    """
    on_path = gather(vectors, path_at)  # its gradient is the same to the bit on any number of threads
    pairs = paths.unsqueeze(2) != paths.unsqueeze(1)
    if window is not None:
        step = torch.arange(paths.shape[1], device=paths.device)
        pairs = pairs & ((step.unsqueeze(0) - step.unsqueeze(1)).abs() <= window)
    attract = -F.logsigmoid(on_path @ on_path.transpose(1, 2))
    loss = (attract * pairs).sum() / pairs.sum().clamp_min(1)
    if noise.shape[1]:
        others = paths.unsqueeze(2) != noise.unsqueeze(1)
        repel = -F.logsigmoid(-(on_path @ gather(vectors, noise_at).transpose(1, 2)))
        expected = noise.shape[1] * (1 - own_noise).sum()
        loss = loss + negative_weight * (repel * others).sum() / expected
    return loss
