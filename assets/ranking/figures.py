"""The figures of a system's scores, the same for an hour and for a day, and how the warehouse stores them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from models.metrics import Figure
    from warehouse.store.results import Metric

Figures = dict[str, float | None]  #: figure → value; None where only one class occurs
REQUESTS = "requests"  #: the figure that says how many lists were shown; 0: no exposure has a request
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


def in_columns(figures: Mapping[str, Figures]) -> list[dict[str, str]]:
    """The figures of systems as the rows of a table, by heading; without columns that nobody has.

    The number of lists is the same for all, and left out.
    """
    from models.metrics import FIGURES

    values_of = {
        name: [values.get(name) for values in figures.values()] for name in FIGURES if name != REQUESTS
    }
    known = [name for name, values in values_of.items() if any(value is not None for value in values)]
    return [
        {"system": system} | {FIGURES[name].label: _shown(FIGURES[name], values.get(name)) for name in known}
        for system, values in figures.items()
    ]


def _shown(figure: Figure, value: float | None) -> str:
    return "" if value is None else format(value, f"{'+' * figure.signed},.{figure.digits}f")


def lists_in_words(figures: Mapping[str, Figures]) -> str:
    """How many lists were shown, which is the same for all systems."""
    known = max((values.get(REQUESTS) or 0 for values in figures.values()), default=0)
    return f"{known:,.0f}" if known else "no requests in these logs"


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
