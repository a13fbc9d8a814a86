"""The fusion gate looked at: what it decides, how hard the loss pulls at it, what fixed shares would give."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from models.ranking.features.batch import Batch
from models.ranking.features.event_log import EventLog
from models.ranking.lsttm.model import LSTTM
from models.ranking.ranker import Ranker

CHUNK = 512
FIXED_SHARES = (0.0, 0.5, 1.0)  #: of the short term, in place of the gate's own


def gate_columns(ranker: Ranker, hour: EventLog) -> dict[str, np.ndarray]:
    """Of the hour's exposures, at the ranker's present weights; nothing for systems without a gate.

    `gate_short`, the short term's share; `gate_pull`, the loss's slope in the gate's score difference (so the
    gate's parameters get it times their inputs); `share_…`, the scores with the gate held at that share.
    """
    module = ranker.learner.module
    if not isinstance(module, LSTTM) or module.gate is None:
        return {}
    data = ranker.instances(hour.exposures, hour)
    names = ["gate_short", "gate_pull", *(f"share_{fixed:g}" for fixed in FIXED_SHARES)]
    parts: dict[str, list[Tensor]] = {name: [torch.empty(0, dtype=torch.float64)] for name in names}
    for index in np.split(np.arange(len(data)), range(CHUNK, len(data), CHUNK)) if len(data) else []:
        batch = data.batch(index[None]).to(ranker.learner.device)
        rows = ranker.learner.table.gather(batch.unique)
        logits, weights, slope = _gate_slope(module, rows, batch)
        share = weights[0, :, 0]
        error = torch.sigmoid(logits[0]) - batch.labels[0]
        columns = {"gate_short": share, "gate_pull": error * slope[0]}
        for fixed in FIXED_SHARES:
            with _gate_at(module, fixed), torch.no_grad():
                columns[f"share_{fixed:g}"] = torch.sigmoid(module(rows, batch)[0])
        for name, values in columns.items():
            parts[name].append(values.double().cpu())
    return {name: torch.cat(values).numpy() for name, values in parts.items()}


def _gate_slope(module: LSTTM, rows: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
    """Logits [T, B], gate weights [T, B, 2], and ∂logit/∂(s_short − s_long) [T, B] through the gate."""
    gate = module.gate
    if gate is None:
        raise ValueError("the module has no gate")
    own, caught = gate, list[Tensor]()

    class Watched(nn.Module):
        def forward(
            self, short: Tensor, long: Tensor, target: Tensor, present: Tensor | None = None
        ) -> tuple[Tensor, Tensor]:
            weights = own(short, long, target, present)[1].detach().requires_grad_()
            caught.append(weights)
            return weights[..., :1] * short + weights[..., 1:] * long, weights

    module.gate = Watched()  # type: ignore[assignment]
    try:
        logits = module(rows, batch)
    finally:
        module.gate = own
    (slope,) = torch.autograd.grad(logits.sum(), caught[0])
    short, long = caught[0].detach().unbind(-1)
    return logits.detach(), caught[0].detach(), short * long * (slope[..., 0] - slope[..., 1])


@contextmanager
def _gate_at(module: LSTTM, share: float) -> Iterator[None]:
    """The gate held at a share of the short term, for everybody."""
    gate = module.gate

    class Fixed(nn.Module):
        def forward(
            self,
            short: Tensor,
            long: Tensor,
            target: Tensor,  # noqa: ARG002
            present: Tensor | None = None,  # noqa: ARG002
        ) -> tuple[Tensor, Tensor]:
            weights = short.new_tensor([share, 1 - share]).expand(*short.shape[:-1], 2)
            return share * short + (1 - share) * long, weights

    module.gate = Fixed()  # type: ignore[assignment]
    try:
        yield
    finally:
        module.gate = gate
