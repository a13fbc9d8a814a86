"""What one inner step on an hour's support set does to a later hour's loss, by rate and by what it moves.

A step that helps the next hour as much as one twelve hours on has learned what all hours share, which plain
training learns too; adaptation is what it does for the near hour beyond that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from models.ranking.features.batch import Batch
from models.ranking.features.event_log import EventLog, Exposures
from models.ranking.lsttm.model import dense_group
from models.ranking.ranker import Ranker
from models.ranking.training.learner import Learner
from models.ranking.training.maml import expand, inner_step, join, task_losses
from models.ranking.training.rates import InnerRates, MetaSettings


def inner_curve(
    ranker: Ranker,
    hours: Sequence[EventLog],
    forms: Mapping[str, MetaSettings],
    *,
    instances: int = 128,
    draws: int = 4,
    seed: int = 0,
    backs: Sequence[int] = (1,),
) -> list[dict[str, float | str]]:
    """Mean change of loss by one inner step, on the support set itself and on a later hour's query set.

    Args:
        ranker: a daily model at the day's start; it receives the hours without learning from them.
        hours: in order.
        forms: kinds of inner step by name (rate, groups, row mean); a rate of 0 changes nothing.
        instances: of a support and of a query set.
        draws: of both sets for each pair of hours.
        seed: of the draws.
        backs: by how many hours the support set lies before the query set.

    Returns:
        For each form and distance (`hours_before`) the mean change of support and query loss and the query
        change's standard error over pairs of sets; nothing for a model without gradients (trees), or without
        two hours to compare.
    """
    generator = np.random.default_rng(seed)
    keys = [(name, back) for name in forms for back in backs]
    changes: dict[tuple[str, int], list[tuple[float, float]]] = {key: [] for key in keys}
    supports: list[list[Batch]] = []  # of every hour so far
    for hour in hours:
        e = hour.exposures
        data = ranker.instances(e, hour)
        size = min(instances, len(e))
        sets = [
            np.sort(generator.choice(len(e), size, replace=False))[None] for _ in range(draws if size else 0)
        ]
        if any(not _has_gradients(ranker.learner, support) for support in (supports or [[]])[-1][:1]):
            return []
        queries = [data.batch(index).to(ranker.learner.device) for index in sets]
        for (name, back), pairs in changes.items():
            earlier = supports[-back] if back <= len(supports) else []
            for support, query in zip(earlier, queries, strict=False):
                pairs.append(_step_change(ranker.learner, support, query, forms[name]))
        _grow(ranker, e)
        data = ranker.instances(e, hour)
        supports.append([data.batch(index).to(ranker.learner.device) for index in sets])
        ranker.receive(hour)
    return [_curve_point(*key, np.array(pairs)) for key, pairs in changes.items() if pairs]


def _grow(ranker: Ranker, e: Exposures) -> None:
    """As `adapt` does; rows start at the OOV row, so no score moves."""
    vocabulary = ranker.learner.vocabulary
    ranker.grow(vocabulary.user_column, e.user)
    ranker.grow(vocabulary.item_column, e.item)


def _curve_point(form: str, back: int, changes: np.ndarray) -> dict[str, float | str]:
    """Means of support and query change over pairs of sets [P, 2], and the query change's standard error."""
    support, query = changes.mean(axis=0).tolist()
    error = changes[:, 1].std(ddof=1) / np.sqrt(len(changes))
    return {"form": form, "hours_before": back, "support": support, "query": query, "error": float(error)}


def _has_gradients(learner: Learner, batch: Batch) -> bool:
    rows = learner.table.gather(batch.unique).requires_grad_()
    return bool(learner.module(rows, batch).requires_grad)


def _step_change(
    learner: Learner, support: Batch, query: Batch, settings: MetaSettings
) -> tuple[float, float]:
    """Change of support and query loss by one inner step at the present weights."""
    joined = join(support, query)
    rows = learner.table.gather(joined.unique).requires_grad_()
    dense = dict(learner.module.named_parameters())
    module = learner.module
    adapted_rows, adapted, before = inner_step(
        module,
        rows,
        expand(dense, 1),
        joined,
        InnerRates(settings).to(learner.device)(),
        settings.model_copy(update={"order": 1}),
        learner.row_groups(joined.unique),
        dense_group,
    )

    def loss(values: Tensor, parameters: dict[str, Tensor], at: Tensor, batch: Batch) -> float:
        logits = torch.func.functional_call(module, parameters, (values[at], batch))
        return float(task_losses(logits, batch)[0])

    with torch.no_grad():
        after = loss(adapted_rows, adapted, joined.support_at, joined.support)
        query_before = loss(rows, expand(dense, 1), joined.query_at, joined.query)
        query_after = loss(adapted_rows, adapted, joined.query_at, joined.query)
    return after - float(before[0].detach()), query_after - query_before
