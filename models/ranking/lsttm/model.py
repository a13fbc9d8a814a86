"""LSTTM's trainable part θ: short-term encoder, target item, gate and DeepFM (paper 3.2 and 3.4).

    [g_s, g_l] = softmax([w_s·[u^s ‖ d], w_l·[u^l ‖ d]])     u = g_s·u^s + g_l·u^l     p = DeepFM(u, d, c)

Where items have content vectors, d holds a projection of the item's too (ours): the ID row of an item that
nobody has met is that of all unknown.

The long-term vectors u^l come in with the batch as numbers: no gradient of the click loss reaches the graph
that made them.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from models.layers.embedding import gather
from models.layers.field_sums import FieldSums, fm_and_network
from models.layers.gate import FusionGate
from models.layers.mlp import Dense
from models.ranking.features.batch import Batch
from models.ranking.features.codes import Layout
from models.ranking.lsttm.graph_parts import GraphParts
from models.ranking.lsttm.numbers import Numbers, NumbersDeepFM
from models.ranking.systems.content import ContentFields
from models.ranking.systems.deepfm import DeepFM

Fusion = Literal["gate", "concat", "short_only"]


class RankerColumns:
    """Which columns of a layout LSTTM reads, and as what."""

    def __init__(self, layout: Layout, *, context_only: bool) -> None:
        """Args: context_only leaves out user, item and counts, as printed."""
        self.item = layout.columns("item_id")[0]
        self.item_fields = layout.columns("item_field")
        everything = [c for c in range(len(layout)) if c != self.item]
        #: c of Eq. 6
        self.context = layout.columns("context", "hour_of_day", "weekday") if context_only else everything


class LSTTM(nn.Module):
    """Logits [T, B] of a batch that carries `long_term` and the neighbours of its parts as `graph`."""

    def __init__(
        self,
        columns: RankerColumns,
        *,
        short_term: nn.Module,
        target: Dense | None,
        gate: FusionGate | None,
        ranker: DeepFM | NumbersDeepFM,
        concat: bool = False,
        numbers: Numbers | None = None,
        content: ContentFields | None = None,
    ) -> None:
        """Args: the parts, ready made.

        columns: what is read.
        short_term: an encoder's module (`models.ranking.lsttm.encoders`).
        target: projects the target item's fields, to be added to its ID embedding; None: the ID alone.
        gate: fuses u^s and u^l.
        ranker: reads u (or its two parts), d, c, then what an item side and lists of clicks add.
        concat: without a gate, whether u^s and u^l stand side by side; if not, u^s stands alone.
        numbers: counts and factors, for a ranker that reads them.
        content: reads content vectors, where there are any.
        """
        super().__init__()
        self.columns, self.concat = columns, concat
        self.numbers = numbers
        self.short_term = short_term
        self.target = target
        self.gate = gate
        self.ranker = ranker
        self.content = content

    def forward(self, rows: Tensor, batch: Batch) -> Tensor:
        """Logits [T, B]."""
        return self.score(rows, batch)[0]

    def details(self, rows: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`logits`, and (with a gate) `gate_short`, the short term's weight g_s; each [T, B]."""
        logits, weights = self.score(rows, batch)
        return {"logits": logits} | ({} if weights is None else {"gate_short": weights[..., 0]})

    def score(self, rows: Tensor, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Logits [T, B] and gate weights (g_s, g_l) [T, B, 2]; None without a gate."""
        columns = self.columns
        parts = batch.graph if isinstance(batch.graph, GraphParts) else GraphParts(batch.graph)
        item = gather(rows, batch.fields[..., columns.item])
        # `split`, not slices: the gradient is then one concatenation, not a sum of padded parts.
        target, first = item.split([item.shape[-1] - 1, 1], dim=-1)
        if self.target is not None:
            described = gather(rows, batch.fields[..., columns.item_fields])[..., :-1]
            target = target + self.target(described.flatten(-2))
        first, content = first.squeeze(-1), None
        if self.content is not None:
            assert batch.content is not None
            content, of_content = self.content(batch.content)
            first = first + of_content
            if self.content.item is not None:  # what an unseen item's row, that of all unknown, does not tell
                target = target + content[..., self.content.item_at, :]
        short, long, known, beside = self.sides(rows, batch, parts)
        weights = None
        if self.gate is not None:
            user, weights = self.gate(short, long, target, known)
            users = user.unsqueeze(-2)
        else:
            users = torch.stack([short, long] if self.concat else [short], dim=-2)
        if parts.clicks is not None:
            beside.append(parts.clicks.means(rows))
        if content is not None:
            beside.append(content)
        before = torch.cat([users, target.unsqueeze(-2)], dim=-2)
        after = torch.cat(beside, dim=-2) if beside else None
        return first + self.rank(rows, batch, parts, before, after), weights

    def sides(
        self, rows: Tensor, batch: Batch, parts: GraphParts
    ) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
        """u^s and u^l [T, B, D], whether each is known [T, B, 2], and the item's vector, if there is one."""
        short, known, *item = self.short_term(rows, parts.encoder)
        if known.dim() == 3:  # the encoder makes both sides
            return short[..., 0, :], short[..., 1, :], known, []
        long = torch.zeros_like(short) if batch.long_term is None else batch.long_term.detach()
        known = torch.stack([known, (long != 0).any(-1)], dim=-1)
        return short, long, known, [vector.unsqueeze(-2) for vector in item]

    def rank(
        self, rows: Tensor, batch: Batch, parts: GraphParts, before: Tensor, after: Tensor | None
    ) -> Tensor:
        """Logits [T, B] of c, and of vectors [T, B, P, D] before and after it (Eq. 6)."""
        fields = FieldSums.of(batch.fields[..., self.columns.context], len(rows), batch.task)
        if isinstance(self.ranker, DeepFM):
            return fm_and_network(self.ranker.mlp, rows, fields, before, after)
        assert self.numbers is not None and batch.codes is not None
        values = self.numbers(batch.codes, parts.factors)
        return self.ranker.rank(rows, fields, before, after, values, self.numbers)


def dense_group(name: str) -> str:
    """The parameter group (`models.ranking.training.rates.GROUPS`) of one of LSTTM's dense parameters."""
    return {"short_term": "graph", "gate": "gate"}.get(name.split(".", 1)[0], "ranker")
