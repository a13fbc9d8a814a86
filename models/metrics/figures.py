"""Every figure by the name that results, the warehouse and MLflow know it by. Formulas: docs/metrics.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.metrics.areas import Ordered, auc, auc_of, average_precision, gauc_of
from models.metrics.delong import standard_error
from models.metrics.lists import LIST_FIGURES, JudgedLists, list_figures
from models.metrics.pairs import user_hours
from models.metrics.probabilities import log_loss


@dataclass(frozen=True)
class Figure:
    """How a figure is shown."""

    label: str  #: in headings
    meaning: str  #: in a few words
    digits: int = 4
    signed: bool = False  #: a difference: its sign says something
    higher_is_better: bool | None = True  #: None where neither is


#: hours of a day whose AUCs are averaged, as in the paper: one of 59 exposures counts as one of 5,000
PERIODS = {"period1": range(8), "period2": range(8, 16), "period3": range(16, 24)}
#: the same hours, their exposures pooled
POOLED = {"pooled1": range(8), "pooled2": range(8, 16), "pooled3": range(16, 24)}

FIGURES: dict[str, Figure] = {
    "pooled1": Figure("0–8 h", "AUC of the exposures of hours 0 to 7"),
    "pooled2": Figure("8–16 h", "AUC of the exposures of hours 8 to 15"),
    "pooled3": Figure("16–24 h", "AUC of the exposures of hours 16 to 23"),
    "period1": Figure("mean 0–8 h", "mean AUC of the hours 0 to 7"),
    "period2": Figure("mean 8–16 h", "mean AUC of the hours 8 to 15"),
    "period3": Figure("mean 16–24 h", "mean AUC of the hours 16 to 23"),
    "gain1": Figure("gain 0–8 h", "AUC less static AUC of hours 0 to 7, pooled", signed=True),
    "gain2": Figure("gain 8–16 h", "AUC less static AUC of hours 8 to 15, pooled", signed=True),
    "gain3": Figure("gain 16–24 h", "AUC less static AUC of hours 16 to 23, pooled", signed=True),
    "auc": Figure("AUC", "a click is ranked above a skip"),
    "auc_static": Figure("static", "AUC without hourly updates"),
    "gain": Figure("gain", "AUC less static AUC", signed=True),
    "gain_error": Figure("± gain", "paired standard error of the gain, over users", higher_is_better=None),
    "auc_error": Figure("± error", "DeLong's standard error of AUC", higher_is_better=None),
    "auc_std": Figure("± seeds", "standard deviation of AUC over seeds", higher_is_better=None),
    "log_loss": Figure("log-loss", "mean negative logarithm of the likelihood", higher_is_better=False),
    "gauc": Figure("GAUC", "AUC within a user, weighted by exposures"),
    "gauc_hour": Figure("GAUC hour", "AUC within a user's hour, weighted by exposures"),
    "gauc_request": Figure("GAUC list", "AUC within a list, weighted by exposures"),
    "request_auc": Figure("AUC list", "AUC within a list, mean over lists"),
    "request_mrr": Figure("MRR", "1 / place of a click in its list, mean over lists"),
    "request_ndcg5": Figure("nDCG@5", "discounted gain of the first 5 of a list, mean over lists"),
    "request_ndcg10": Figure("nDCG@10", "discounted gain of the first 10 of a list, mean over lists"),
    "requests": Figure("lists", "lists that were shown, as far as known", digits=0, higher_is_better=None),
    "ece": Figure("ECE", "expected calibration error", higher_is_better=False),
    "gate_short": Figure("gate", "weight of the short-term representation", higher_is_better=None),
    "ctr": Figure("CTR", "click rate"),
    "acn": Figure("ACN", "clicks a user", digits=3),
    "hcr": Figure("HCR", "users who clicked"),
    "dt": Figure("DT", "seconds a user", digits=1),
    "aupr": Figure("AUPR", "average precision"),
    "auroc": Figure("AUROC", "a newcomer is ranked above another user"),
    "accuracy": Figure("accuracy", "the likeliest of nine ways is the user's"),
    "within_quintiles": Figure("within activity quintiles", "AUROC among users of like activity"),
    "top_lift": Figure("top lift", "share of newcomers among the first, over the base rate", digits=2),
    "base_rate": Figure("base rate", "share of newcomers", higher_is_better=None),
}


def auc_by_period(
    clicked: np.ndarray, scores: np.ndarray, hour: np.ndarray, static: np.ndarray | None = None
) -> dict[str, float | None]:
    """`pooled1` to `pooled3`, AUC of each third of the day, its exposures pooled; `gain1` to `gain3`.

    Args:
        clicked: bool [E]; a period with one class only has None.
        scores: float [E].
        hour: int [E], hour of day.
        static: float [E], scores of the same daily model without hourly updates, for the gains.
    """
    figures: dict[str, float | None] = {}
    gains: dict[str, float | None] = {}
    for number, (name, hours) in enumerate(POOLED.items(), start=1):
        inside = np.isin(hour, list(hours))
        area = figures[name] = auc(clicked[inside], scores[inside])
        still = None if static is None else auc(clicked[inside], static[inside])
        gains[f"gain{number}"] = None if still is None or area is None else area - still
    return figures | gains


#: of the lists that were shown; absent where no exposure has a request
REQUEST_FIGURES = ("gauc_request", *LIST_FIGURES)


def ranking_figures(
    clicked: np.ndarray,
    scores: np.ndarray,
    users: np.ndarray,
    hour: np.ndarray | None = None,
    request: np.ndarray | None = None,
) -> dict[str, float | None]:
    """`auc`, `auc_se` (DeLong's standard error), `aupr`, `log_loss`, `gauc`, and those of hours and lists.

    Args:
        clicked: bool [E]; with one class only there is no AUC and no error, without a click no AUPR: None.
        scores: float [E], click probabilities.
        users: int64 [E], within whom GAUC is taken.
        hour: int [E], of the day, for `gauc_hour`; None: all are of one hour, and `gauc` is that.
        request: int64 [E], number of the list, below 0 where unknown, for `REQUEST_FIGURES`; None: unknown.

    Raises:
        NotFinite: some scores are NaN or infinite.
    """
    ordered = Ordered.of(scores)
    figures = {
        "auc": auc_of(clicked, ordered),
        "auc_se": standard_error(clicked, ordered),
        "aupr": average_precision(clicked, scores),
        "log_loss": log_loss(clicked, scores),
        "gauc": gauc_of(clicked, ordered, users),
    }
    if hour is not None:
        figures["gauc_hour"] = gauc_of(clicked, ordered, user_hours(users, hour))
    return figures | request_figures(clicked, ordered, users, request)


def request_figures(
    clicked: np.ndarray, ordered: Ordered, users: np.ndarray, request: np.ndarray | None
) -> dict[str, float | None]:
    """The number of lists, `requests`, and the `REQUEST_FIGURES`; arguments as `ranking_figures` has them.

    A figure is None where no list has both classes; without any list there is only their number, 0.
    """
    if request is None or not (request >= 0).any():
        return {"requests": 0.0}
    lists = JudgedLists.of(clicked, users, request)
    means: dict[str, float | None] = dict.fromkeys(REQUEST_FIGURES)
    if len(lists):
        values = list_figures(ordered, lists)
        means |= {name: float(of_lists.mean()) for name, of_lists in values.items()}
        means["gauc_request"] = float(np.average(values["request_auc"], weights=lists.size))
    return {"requests": float(lists.known)} | means
