"""LSTTM's trainable part θ: short-term graph, target item, gate and DeepFM (paper 3.2 and 3.4).

    [g_s, g_l] = softmax([w_s·[u^s ‖ d], w_l·[u^l ‖ d]])     u = g_s·u^s + g_l·u^l     p = DeepFM(u, d, c)

The long-term vectors u^l come in with the batch as numbers: no gradient of the click loss reaches the graph
that made them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from models.layers.embedding import gather
from models.layers.gate import FusionGate
from models.layers.mlp import Dense
from models.ranking.features.batch import Batch
from models.ranking.features.features import Layout
from models.ranking.systems.deepfm import DeepFM


class LSTTM(nn.Module):
    """Logits [T, B] of a batch that carries `long_term` and a short-term `graph`."""

    def __init__(
        self,
        layout: Layout,
        short_term: nn.Module,
        hidden: Sequence[int],
        *,
        width: int,
        item_fields_in_target: bool,
        context_only: bool,
        see_missing: bool,
        fusion: Literal["gate", "concat", "short_only"] = "gate",
        generator: torch.Generator,
    ) -> None:
        """Args: see `models.ranking.lsttm.system.LSTTMSettings`.

        short_term: `short_term(rows, batch.graph) -> (u^s [T, B, width], whether it is known [T, B])`.
        width: of every embedding.
        """
        super().__init__()
        self.item_column = layout.columns("item_id")[0]
        self.item_fields = layout.columns("item_field")
        everything = [c for c in range(len(layout)) if c != self.item_column]
        self.kept = layout.columns("context", "hour_of_day", "weekday") if context_only else everything
        self.read = [self.item_column, *self.kept]
        items = len(self.item_fields) * width
        self.short_term = short_term
        self.target = Dense(items, width, generator) if item_fields_in_target and items else None
        self.fusion = fusion
        self.gate: FusionGate | None = None
        if fusion == "gate":
            self.gate = FusionGate(width, generator=generator, see_missing=see_missing)
        # Beside the kept fields stand u (or its two parts) and d, which takes the place of the item ID's own.
        users = 2 if fusion == "concat" else 1
        self.ranker = DeepFM(len(self.kept), hidden, generator, extra=users + 1, width=width)

    def forward(self, rows: Tensor, batch: Batch) -> Tensor:
        """Logits [T, B]."""
        return self.score(rows, batch)[0]

    def details(self, rows: Tensor, batch: Batch) -> dict[str, Tensor]:
        """`logits`, and (with a gate) `gate_short`, the short term's weight g_s; each [T, B]."""
        logits, weights = self.score(rows, batch)
        return {"logits": logits} | ({} if weights is None else {"gate_short": weights[..., 0]})

    def score(self, rows: Tensor, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Logits [T, B] and gate weights (g_s, g_l) [T, B, 2]; None without a gate."""
        # Columns are picked before the gather; picking afterwards costs a scatter on the way back.
        gathered = gather(rows, batch.fields[..., self.read])
        # `split`, not slices: the gradient is then one concatenation, not a sum of padded parts.
        values, first = gathered.split([gathered.shape[-1] - 1, 1], dim=-1)
        item, others = values.split([1, len(self.kept)], dim=-2)
        target = item.squeeze(-2)
        if self.target is not None:
            described = gather(rows, batch.fields[..., self.item_fields])[..., :-1]
            target = target + self.target(described.flatten(-2))
        short, long, known = self.sides(rows, batch)
        weights = None
        if self.gate is not None:
            user, weights = self.gate(short, long, target, known)
            users = user.unsqueeze(-2)
        else:
            users = torch.stack([short, long] if self.fusion == "concat" else [short], dim=-2)
        parts = [users, target.unsqueeze(-2), others]
        if (more := self.beside(rows, batch)) is not None:
            parts.append(more)
        vectors = torch.cat(parts, dim=-2)
        return self.rank(vectors, first.squeeze(-1), batch), weights

    def rank(self, vectors: Tensor, first: Tensor, batch: Batch) -> Tensor:  # noqa: ARG002
        """Logits [T, B] of user, target and kept fields' vectors [T, B, 1 or 2 + 1 + F, width] (Eq. 6)."""
        return self.ranker.rank(vectors, first)

    def beside(self, rows: Tensor, batch: Batch) -> Tensor | None:  # noqa: ARG002
        """Vectors [T, B, P, width] that stand behind the kept fields'; None without any."""
        return None

    def sides(self, rows: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """u^s and u^l [T, B, width], and whether each of them is known [T, B, 2]."""
        short, present = self.short_term(rows, batch.graph)
        long = torch.zeros_like(short) if batch.long_term is None else batch.long_term.detach()
        return short, long, torch.stack([present, (long != 0).any(-1)], dim=-1)


def dense_group(name: str) -> str:
    """The parameter group (`models.ranking.training.rates.GROUPS`) of one of LSTTM's dense parameters."""
    return {"short_term": "graph", "gate": "gate"}.get(name.split(".", 1)[0], "ranker")
