"""The peer of training_step.py: LSTTM as one would write it from off-the-shelf parts.

GATConv of torch_geometric on edge lists, dense `nn.Embedding` tables, `higher` for the inner loop, a loop
over the tasks, dense Adagrad. It starts from the same weights and gets the same instances and the same
sampled neighbours, already in its own form (edge lists of nodes that occur once a set), so that only the step
itself is compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.conv import GATConv

from models.ranking.features.batch import Batch
from models.ranking.lsttm.model import LSTTM


@dataclass(frozen=True)
class TaskSet:
    """The support or the query of one task."""

    fields: Tensor  #: int64 [B, F] rows of the embedding table
    user_fields: Tensor  #: int64 [U, F_user] of the sub-graph's users; the instances' users stand among them
    item_fields: Tensor  #: int64 [I, F_item] of the sub-graph's items
    targets: Tensor  #: int64 [P] the instances' distinct users, as positions in U
    hops: Tensor  #: int64 [Q] the items that a target clicked, as positions in I
    first_edges: Tensor  #: int64 [2, E] item (in I) → target (in P)
    item_edges: Tensor  #: int64 [2, E] user (in U) → item (in Q)
    second_edges: Tensor  #: int64 [2, E] item (in Q) → target (in P)
    instance_target: Tensor  #: int64 [B] → P
    long_term: Tensor  #: float [B, 16]
    labels: Tensor  #: float [B]


def task_sets(batch: Batch) -> list[TaskSet]:
    """Every task of a batch (without padded instances) in the form of edge lists."""
    g = batch.graph
    assert batch.long_term is not None, "LSTTM's batches carry long-term vectors"
    sets = []
    for t in range(len(batch.labels)):
        real = batch.weight[t] > 0
        instance_target = g.instance_pair[t][real]
        targets = int(instance_target.max()) + 1
        mask = g.user_mask[t][:targets]
        hops = int(g.user_item_pairs[t][:targets][mask].max()) + 1
        item_mask = g.item_mask[t][:hops]
        target, slot = mask.nonzero().unbind(1)
        hop, place = item_mask.nonzero().unbind(1)
        sets.append(
            TaskSet(
                fields=batch.unique[batch.fields[t]][real],
                user_fields=batch.unique[g.user_fields[t]],
                item_fields=batch.unique[g.item_fields[t]],
                targets=g.pair_user[t][:targets],
                hops=g.pair_item[t][:hops],
                first_edges=torch.stack([g.user_items[t][target, slot], target]),
                item_edges=torch.stack([g.item_users[t][hop, place], hop]),
                second_edges=torch.stack([g.user_item_pairs[t][target, slot], target]),
                instance_target=instance_target,
                long_term=batch.long_term[t][real],
                labels=batch.labels[t][real],
            )
        )
    return sets


class EdgeListLSTTM(nn.Module):
    """LSTTM over ordinary PyTorch modules."""

    def __init__(self, ours: LSTTM, table: Tensor) -> None:
        """Take over the weights of `ours` and of its fused table [V, 17]."""
        super().__init__()
        self.item_column, self.item_fields, self.context = (
            ours.columns.item,
            ours.columns.item_fields,
            ours.columns.context,
        )
        self.embedding = nn.Embedding.from_pretrained(table[:, :-1].clone(), freeze=False)
        self.first_order = nn.Embedding.from_pretrained(table[:, -1:].clone(), freeze=False)

        def conv(name: str) -> nn.Module:
            layer = getattr(ours.short_term, name)
            made = GATConv(layer.in_channels, layer.out_channels, add_self_loops=False, bias=False)
            made.load_state_dict(layer.state_dict())
            return made

        def linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
            made = nn.Linear(*weight.shape, bias=bias is not None)
            with torch.no_grad():
                made.weight.copy_(weight.T)
                if bias is not None:
                    made.bias.copy_(bias[0])
            return made

        self.users_first, self.items_first = conv("users_first"), conv("items_first")
        self.users_second = conv("users_second")
        assert ours.target is not None and ours.gate.missing is not None, "the peer is LSTTM as configured"
        self.target = linear(ours.target.weight, ours.target.bias)
        self.gate_short = linear(ours.gate.short_weight, None)
        self.gate_long = linear(ours.gate.long_weight, None)
        self.missing = nn.Parameter(ours.gate.missing.detach().clone()[0])
        layers: list[nn.Module] = []
        for layer in ours.ranker.mlp.layers:
            layers += [linear(layer.weight, layer.bias), nn.ReLU()]
        self.mlp = nn.Sequential(*layers[:-1])

    def forward(self, s: TaskSet) -> Tensor:
        """Logits [B]."""
        users, items = self.embedding(s.user_fields).flatten(1), self.embedding(s.item_fields).flatten(1)
        target_users, hop_items = users[s.targets], items[s.hops]
        first = F.elu(self.users_first((items, target_users), s.first_edges))
        hidden = F.elu(self.items_first((users, hop_items), s.item_edges))
        short = F.elu(self.users_second((hidden, first), s.second_edges))[s.instance_target]
        clicks = torch.bincount(s.second_edges[1], minlength=len(s.targets))[s.instance_target]
        x = self.embedding(s.fields)
        item = x[:, self.item_column] + self.target(x[:, self.item_fields].flatten(1))
        unknown = torch.stack([clicks == 0, (s.long_term == 0).all(1)], dim=1)
        scores = torch.cat(
            [self.gate_short(torch.cat([short, item], 1)), self.gate_long(torch.cat([s.long_term, item], 1))],
            1,
        )
        weights = torch.softmax(scores + self.missing * unknown, dim=1)
        user = weights[:, :1] * short + weights[:, 1:] * s.long_term
        vectors = torch.cat([user.unsqueeze(1), item.unsqueeze(1), x[:, self.context]], dim=1)
        pairs = 0.5 * (vectors.sum(1).square() - vectors.square().sum(1)).sum(1)
        return self.first_order(s.fields).sum((1, 2)) + pairs + self.mlp(vectors.flatten(1)).squeeze(1)


def meta_step(
    model: EdgeListLSTTM,
    outer: torch.optim.Optimizer,
    inner: torch.optim.Optimizer,
    supports: list[TaskSet],
    queries: list[TaskSet],
    order: int,
) -> list[float]:
    """One step of Algorithm 1, task by task; returns the query losses."""
    import higher

    outer.zero_grad()
    losses = []
    for support, query in zip(supports, queries, strict=True):
        with higher.innerloop_ctx(
            model, inner, copy_initial_weights=False, track_higher_grads=order == 2
        ) as (adapted, step):
            step.step(F.binary_cross_entropy_with_logits(adapted(support), support.labels))
            loss = F.binary_cross_entropy_with_logits(adapted(query), query.labels)
            if order == 2:
                loss.backward()
            else:
                gradients = torch.autograd.grad(loss, list(adapted.parameters()), allow_unused=True)
                for parameter, gradient in zip(model.parameters(), gradients, strict=True):
                    if gradient is not None:
                        parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient
        losses.append(loss.item())
    outer.step()
    return losses
