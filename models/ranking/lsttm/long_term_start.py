"""Where a long-term graph's training begins: at rows drawn from the seed, or where an earlier day's ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from scipy.special import ndtri

from models.layers.embedding import Rows
from models.ranking.lsttm.long_term_encoder import LongTermEncoder, LongTermSettings
from models.ranking.lsttm.long_term_state import SIDES, LongTermState
from models.ranking.training.optim import RowOptimizer

if TYPE_CHECKING:
    from torch import Tensor

NODES_PER_DRAW = 2**18
BLOCK = 4  #: numbers that Philox makes of one value of its counter


class Counters(NamedTuple):
    """How far a chain of trainings has come."""

    seed: int
    row_steps: int
    dense_steps: int
    epochs: int


def initial_rows(seed: int, side: int, first: int, last: int, width: int, std: float) -> np.ndarray:
    """ID embeddings of the nodes `[first, last)` of a side (0 users, 1 items), float32 [last - first, width].

    A node's row comes from (seed, side, node) alone, whoever else is drawn and whenever it appeared.
    """
    rows = np.empty((last - first, width), np.float32)
    blocks = -(-width // BLOCK)
    for begin in range(first, last, NODES_PER_DRAW):
        end = min(begin + NODES_PER_DRAW, last)
        key = np.array([seed % 2**64, side], np.uint64)
        draws = np.random.Generator(np.random.Philox(key=key, counter=begin * blocks))
        uniform = draws.random((end - begin, blocks * BLOCK))[:, :width]
        rows[begin - first : end - first] = ndtri(uniform + 2.0**-54) * std
    return rows


def why_cold(before: LongTermState | None, settings: LongTermSettings, seed: int) -> str:
    """Why training cannot go on from `before`; empty if it can."""
    if before is None:
        return "no earlier day"
    if before.settings != settings.model_dump_json():
        return "other settings"
    return "" if _counters(before.training).seed == seed else "another seed"


def begin(
    before: LongTermState | None,
    settings: LongTermSettings,
    seed: int,
    sizes: tuple[int, int],
    encoder: LongTermEncoder,
    dense: torch.optim.Optimizer,
    rows: RowOptimizer,
) -> tuple[Rows, Counters]:
    """The table [U + I, width] and the counters; encoder and optimisers are set where there is a `before`.

    Args:
        before: an earlier day's state, or None.
        sizes: numbers of users and items today, no fewer than before. New ones get rows drawn for them, and
            so do those without a click in the graph of `before`: after `click_days` a node is forgotten.
    """
    width, known = settings.width, {} if before is None else before.training
    table, squares = np.empty((sum(sizes), width), np.float32), np.zeros((sum(sizes), width), np.float32)
    offset = 0
    for side, (name, size) in enumerate(zip(SIDES, sizes, strict=True)):
        own = slice(offset, offset + size)
        table[own] = initial_rows(seed, side, 0, size, width, settings.initial_std)
        if before is not None and known:
            clicked = np.flatnonzero(getattr(before, f"{name}_known"))
            for whole, part in ((table, "table"), (squares, "squares")):
                stored = known[f"{name}_{part}"]
                # An earlier version stored everyone's rows.
                whole[own][clicked] = stored if len(stored) == len(clicked) else stored[clicked]
        offset += size
    rows.state = [Rows(torch.from_numpy(squares).to(rows.state[0].base.device))]
    counters = _counters(known) if known else Counters(seed, 0, 0, 0)
    rows.steps = counters.row_steps
    if known:
        _restore_dense(known, counters.dense_steps, encoder, dense)
    return Rows(torch.from_numpy(table).to(rows.state[0].base.device)), counters


def training_arrays(
    table: Rows,
    rows: RowOptimizer,
    encoder: LongTermEncoder,
    dense: torch.optim.Optimizer,
    clicked: tuple[Tensor, Tensor],
    seed: int,
    epochs: int,
) -> dict[str, np.ndarray]:
    """What `begin` reads on a later day, as `LongTermState.training`.

    Args:
        table, rows, encoder, dense: as training left them.
        clicked: rows of the table, int64 [K] each: users with a click, items with a click.
        seed: of the chain of trainings.
        epochs: how many it has had.
    """
    moments = [dense.state.get(parameter, {}) for parameter in encoder.parameters()]
    steps = int(moments[0]["step"]) if moments[0] else 0
    weights = torch.cat([parameter.detach().flatten() for parameter in encoder.parameters()])
    arrays = {"encoder": weights.cpu().numpy()}
    if steps:
        for name in ("exp_avg", "exp_avg_sq"):
            arrays[name] = torch.cat([part[name].flatten() for part in moments]).cpu().numpy()
    for name, matrix in (("table", table.base), ("squares", rows.state[0].base)):
        for side, own in zip(SIDES, clicked, strict=True):
            arrays[f"{side}_{name}"] = matrix[own].cpu().numpy()
    arrays["counters"] = np.array(Counters(seed, rows.steps, steps, epochs), np.int64)
    return arrays


def _counters(training: Mapping[str, np.ndarray]) -> Counters:
    return Counters(*(int(value) for value in training["counters"]))


def _restore_dense(
    known: Mapping[str, np.ndarray], steps: int, encoder: LongTermEncoder, dense: torch.optim.Optimizer
) -> None:
    parameters = list(encoder.parameters())

    def parts(name: str) -> list[Tensor]:
        flat = torch.from_numpy(np.array(known[name])).to(parameters[0].device)
        split = flat.split([parameter.numel() for parameter in parameters])
        return [part.view(own.shape).clone() for part, own in zip(split, parameters, strict=True)]

    with torch.no_grad():
        for parameter, value in zip(parameters, parts("encoder"), strict=True):
            parameter.copy_(value)
    if not steps:
        return
    state = {
        number: {"step": torch.tensor(float(steps)), "exp_avg": mean, "exp_avg_sq": square}
        for number, (mean, square) in enumerate(zip(parts("exp_avg"), parts("exp_avg_sq"), strict=True))
    }
    dense.load_state_dict(dense.state_dict() | {"state": state})
