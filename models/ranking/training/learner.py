"""What learns: dense module, fused table and their optimisers. Shared by plain, meta- and hourly training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models.layers.embedding import Rows
from models.layers.former_names import in_present_order, moments_in_present_order
from models.ranking.features.batch import Batch
from models.ranking.features.vocabulary import ITEM_ROWS, Vocabulary
from models.ranking.training.optim import RowOptimizer, dense_optimizer


class Average:
    """Exponential moving average of all weights; a row's is brought up to date when the row is touched.

    Exact: an untouched row is constant, so k steps at once are one step with decay^k.
    """

    def __init__(self, decay: float, table: Rows, module: nn.Module) -> None:
        self.decay = decay
        self.step = 0
        self.rows = table.base.clone()
        self.at = torch.zeros(len(table), dtype=torch.int64, device=table.base.device)
        self.dense = [p.detach().clone() for p in module.parameters()]

    def before(self, table: Rows, index: Tensor) -> None:
        """Bring rows `index` [R] up to date with the steps that left them alone; call before they move."""
        self.rows[index] = self._caught_up(table.gather(index), index)

    def after(self, table: Rows, index: Tensor, module: nn.Module) -> None:
        """Take in the step that has just moved rows `index` and the dense weights."""
        self.step += 1
        self.rows[index] = torch.lerp(table.gather(index), self.rows[index], self.decay)
        self.at[index] = self.step
        self._follow_dense(list(module.parameters()))

    def follow(self, index: Tensor, old: Tensor, new: Tensor, dense: Sequence[Tensor]) -> None:
        """`before` and `after` at once: rows `index` went from `old` to `new` [R, W], `dense` has moved."""
        mean = torch.lerp(new, self._caught_up(old, index), self.decay)
        self.step += 1
        self.rows.index_copy_(0, index, mean)
        self.at.index_fill_(0, index, self.step)
        self._follow_dense(dense)

    def _caught_up(self, values: Tensor, index: Tensor) -> Tensor:
        share = (self.decay ** (self.step - self.at.index_select(0, index)).double()).to(self.rows)
        return torch.lerp(values, self.rows.index_select(0, index), share.unsqueeze(1))

    @torch.no_grad()
    def _follow_dense(self, dense: Sequence[Tensor]) -> None:
        if self.dense:
            torch._foreach_lerp_(self.dense, list(dense), 1 - self.decay)

    def install(self, table: Rows, module: nn.Module) -> None:
        """Replace the weights by their averages: the only step that visits the whole table."""
        self.before(table, torch.arange(len(table), device=self.at.device))
        table.base = self.rows
        with torch.no_grad():
            for mean, parameter in zip(self.dense, module.parameters(), strict=True):
                parameter.copy_(mean)

    def state(self) -> dict[str, Any]:
        """For checkpoints."""
        return {"step": self.step, "rows": self.rows, "at": self.at, "dense": self.dense}

    def restore(self, state: dict[str, Any]) -> None:
        """Take the state that `state` gave."""
        self.step, self.rows, self.at, self.dense = (state[name] for name in ("step", "rows", "at", "dense"))


class Learner:
    """Weights and their optimisers; every kind of step goes through `apply`."""

    def __init__(
        self,
        module: nn.Module,
        table: Rows,
        rows: RowOptimizer,
        dense: torch.optim.Optimizer,
        vocabulary: Vocabulary,
        average: Average | None = None,
    ) -> None:
        self.module, self.table, self.rows, self.dense = module, table, rows, dense
        self.vocabulary, self.average = vocabulary, average
        self.parameters = list(module.parameters())  #: the dense ones, in the module's order
        self._touched: list[Tensor] | None = None

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.table.base.device

    @property
    def finite(self) -> bool:
        """Whether every weight is a number; visits the whole table."""
        weights = [self.table.merged(), *self.module.parameters()]
        return all(bool(torch.isfinite(values).all()) for values in weights)

    def logits(self, batch: Batch) -> Tensor:
        """Logits [T, B] at the present weights, without gradients."""
        with torch.no_grad():
            return self.module(self.table.gather(batch.unique), batch)

    def details(self, batch: Batch) -> dict[str, Tensor]:
        """`logits`, and what else the module gives for an instance (its method `details`), each [T, B]."""
        with torch.no_grad():
            rows = self.table.gather(batch.unique)
            details = getattr(self.module, "details", None)
            return {"logits": self.module(rows, batch)} if details is None else details(rows, batch)

    def apply(
        self,
        unique: Tensor,
        row_gradient: Tensor,
        dense_gradients: Sequence[Tensor | None],
        scale: float = 1.0,
    ) -> None:
        """One step of both optimisers at `scale` times their rate.

        Args:
            unique: int64 [R] distinct table rows.
            row_gradient: [R, W].
            dense_gradients: in the order of `module.parameters()`; None leaves a parameter alone.
        """
        old = self.table.gather(unique)
        new = self.rows.moved(old, unique, row_gradient, scale)
        self.table.scatter(unique, new)
        self.touch(unique)
        for parameter, gradient in zip(self.parameters, dense_gradients, strict=True):
            if gradient is not None and gradient.stride() != parameter.stride():
                gradient = torch.empty_like(parameter).copy_(gradient)
            parameter.grad = gradient
        rates = [group["lr"] for group in self.dense.param_groups]
        for group, rate in zip(self.dense.param_groups, rates, strict=True):
            group["lr"] = rate * scale
        self.dense.step()
        for group, rate in zip(self.dense.param_groups, rates, strict=True):
            group["lr"] = rate
        for parameter in self.parameters:
            parameter.grad = None
        if self.average is not None:
            self.average.follow(unique, old, new, self.parameters)

    def row_groups(self, rows: Tensor) -> Tensor:
        """Group of table rows int64 [R]: `ITEM_ROWS`, `USER_ROWS` (their ID embeddings) or `FIELD_ROWS`."""
        return torch.from_numpy(self.vocabulary.row_groups(rows.cpu().numpy())).to(rows.device)

    def grow(self, column: int, ids: np.ndarray) -> np.ndarray:
        """Rows for users or items met for the first time, started at what their field's OOV row has learned.

        Returns:
            Those of `ids` int64 [n] that got a row, in the rows' order.
        """
        new = self.vocabulary.grow(column, ids)
        if len(new):
            oov = torch.tensor([self.vocabulary.oov_row(column)], device=self.device)
            self.touch(torch.arange(len(self.table), len(self.table) + len(new), device=self.device))
            self.table.append(self.table.gather(oov).expand(len(new), -1))
            self.rows.append(len(new))
        return new

    def reset_items(self) -> None:
        """Make every item's row what `grow` would give it now: the OOV row's values, and no moments."""
        rows = torch.arange(len(self.table), device=self.device)
        oov = self.vocabulary.oov_row(self.vocabulary.item_column)
        items = rows[(self.row_groups(rows) == ITEM_ROWS) & (rows != oov)]
        oov_row = torch.tensor([oov], device=self.device)
        if self.average is not None:
            self.average.before(self.table, items)
            self.average.before(self.table, oov_row)
            self.average.rows[items] = self.average.rows[oov_row]
            self.average.at[items] = self.average.at[oov_row] = self.average.step
        self.table.scatter(items, self.table.gather(oov_row).expand(len(items), -1))
        for part in self.rows.state:
            part.scatter(items, part.gather(items) * 0)

    def finish(self) -> None:
        """End of training: the averaged weights take over."""
        if self.average is not None:
            self.average.install(self.table, self.module)
            self.average = None

    def record(self) -> None:
        """From now on remember which rows move: they are what an hourly save holds."""
        self._touched = []

    def touch(self, rows: Tensor) -> None:
        """Remember that rows int64 [R] moved."""
        if self._touched is not None:
            self._touched.append(rows)

    def touched(self) -> Tensor:
        """Distinct rows int64 [n] that moved since `record`, ascending."""
        if not self._touched:
            return torch.empty(0, dtype=torch.int64, device=self.device)
        self._touched = [torch.unique(torch.cat(self._touched))]
        return self._touched[0]

    def dense_state(self) -> dict[str, Any]:
        """The dense weights and their moments."""
        return {"module": self.module.state_dict(), "dense": self.dense.state_dict()}

    def restore_dense(self, state: dict[str, Any]) -> None:
        """Take what `dense_state` gave."""
        self.module.load_state_dict(state["module"])
        saved = moments_in_present_order(state["dense"], list(state["module"]), self.module)
        # How an optimiser goes about it is today's, not that of the version that saved its moments.
        groups = [
            group | {"fused": now["fused"], "foreach": now["foreach"]}
            for group, now in zip(saved["param_groups"], self.dense.param_groups, strict=True)
        ]
        self.dense.load_state_dict(saved | {"param_groups": groups})

    def state(self) -> dict[str, Any]:
        """All weights and moments, in tensors; costs O(table)."""
        return self.dense_state() | {
            "table": self.table.merged(),
            "rows": [part.merged() for part in self.rows.state],
            "row_steps": self.rows.steps,
            "average": None if self.average is None else self.average.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take what `state` gave."""
        self.restore_dense(state)
        self.table = Rows(state["table"])
        self.rows.state = [Rows(part) for part in state["rows"]]
        self.rows.steps = state["row_steps"]
        if self.average is not None:
            self.average.restore(state["average"])
            self.average.dense = in_present_order(self.average.dense, list(state["module"]), self.module)


def make_learner(
    module: nn.Module, table: Tensor, vocabulary: Vocabulary, kind: Any, rate: float, decay: float | None
) -> Learner:
    """A learner at the start of training; `table` [V, W] initial rows, on the module's device."""
    rows = Rows(table)
    optimizer = RowOptimizer(kind, rate, len(table), table.shape[1], table.device)
    average = None if decay is None else Average(decay, rows, module)
    return Learner(module, rows, optimizer, dense_optimizer(kind, rate, module), vocabulary, average)
