"""The figures of a system's scores, the same for an hour and for a day, and how the warehouse stores them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from warehouse.store.results import Metric

Figures = dict[str, float | None]  #: figure → value; None where only one class occurs
FAILED = "failed"  #: the metric that says whether a system failed in a partition; its extra has the reason


def figures_of(
    clicked: np.ndarray,
    user: np.ndarray,
    scores: np.ndarray,
    request: np.ndarray,
    hour: np.ndarray | None = None,
) -> Figures:
    """auc, auc_se, aupr, log_loss, gauc, the numbers of exposures and of lists; every array is [E].

    Where requests are known, also the figures within lists: gauc_request, request_auc, request_mrr,
    request_ndcg5, request_ndcg10. With an `hour` of the day, also gauc_hour; an hour's own gauc is that.

    Raises:
        NotFinite: some scores are NaN or infinite.
    """
    from models.metrics import ranking_figures

    return ranking_figures(clicked, scores, user, hour, request) | {"exposures": float(len(scores))}


def metrics_of(figures: Mapping[str, Figures], partition: str) -> list[Metric]:
    """The figures of systems, by name, as rows of the table `metrics`."""
    from warehouse.store.results import Metric

    return [
        Metric(name, system, partition, value)
        for system, values in figures.items()
        for name, value in values.items()
    ]


def verdicts_of(systems: Iterable[str], failed: Mapping[str, str], partition: str) -> list[Metric]:
    """Whether each system failed in a partition, and why, as rows of the table `metrics`."""
    from warehouse.store.results import Metric

    return [
        Metric(FAILED, system, partition, float(system in failed), {"reason": failed.get(system, "")})
        for system in systems
    ]


def static_name(system: str) -> str:
    """Under which name the scores of a system's daily model are stored that was left as it was trained."""
    return f"{system} (static)"
