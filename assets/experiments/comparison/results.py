"""What pictures, pages and MLflow read from a comparison's JSON: roles of systems, tables by hour, tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Result = Mapping[str, Any]
HOURS = 24
PERIODS = {"period1": slice(0, 8), "period2": slice(8, 16), "period3": slice(16, 24)}  #: of a day's hours
REFERENCE = "lsttm"  #: what ablations are held against: the paper's model with the repairs of decision 0010
PAPER_BASELINES = (
    *("fm", "nfm", "deepfm", "autoint", "deepfm_external", "din_deepfm_external", "sml", "sml_deepfm"),
)
FAMILY = "lsttm"  #: every system of the family begins with it
ABLATIONS = ("lsttm_no_meta", "lsttm_no_external", "lsttm_concat", "lsttm_no_gat")
SHOWN = ("lsttm", "lsttm_printed", "lightgbm", "din_typed")  #: drawn in colour, beside the best of each kind


def label(result: Result) -> str:
    """The source as titles and experiments show it; a simulated one is always called so."""
    if not result["simulated"]:
        return str(result["source"])
    return "simulated" if result["source"] == "simulator" else f"{result['source']}-simulated"


def about(result: Result) -> str:
    """The logs as a sentence names them."""
    return "simulated logs" if label(result) == "simulated" else label(result)


def span(result: Result) -> str:
    """The test days, as `first` or `first..last`."""
    days = sorted(result["settings"]["days"])
    return days[0] if len(days) == 1 else f"{days[0]}..{days[-1]}"


def entries(result: Result) -> dict[str, Mapping[str, Any]]:
    """The summary by system, in the order of the comparison."""
    return {entry["system"]: entry for entry in result["summary"]}


def ranked(result: Result) -> list[str]:
    """Systems by AUC, the best first; one without an AUC is left out."""
    found = [entry for entry in result["summary"] if entry["auc"] is not None]
    return [entry["system"] for entry in sorted(found, key=lambda entry: -entry["auc"])]


def best(result: Result, among: Sequence[str] | None = None) -> str | None:
    """The system with the highest AUC, of all or of some; None where none of them was compared."""
    return next((name for name in ranked(result) if among is None or name in among), None)


def family(result: Result) -> list[str]:
    """The systems of the LSTTM family."""
    return [entry["system"] for entry in result["summary"] if entry["system"].startswith(FAMILY)]


def family_of(system: str) -> str:
    """What kind of system it is, in one word that MLflow's axes do not cut."""
    if system.startswith(FAMILY):
        return "lsttm"
    return "baseline" if system in PAPER_BASELINES else "practice"


def highlights(result: Result) -> list[str]:
    """The few systems drawn in colour, the best LSTTM and the best of the paper's baselines first."""
    chosen = [best(result, family(result)), best(result, PAPER_BASELINES), *SHOWN]
    there = entries(result)
    return [name for name in dict.fromkeys(chosen) if name is not None and name in there]


def between(result: Result, first: str, second: str) -> dict[str, Any] | None:
    """The test of `first` less `second`, whichever way round it is stored; None where it was not made."""
    for test in result.get("tests") or ():
        if (test["first"], test["second"]) == (first, second):
            return dict(test)
        if (test["first"], test["second"]) == (second, first):
            ends = {
                end: None if test[other] is None else -test[other]
                for end, other in (("low", "high"), ("high", "low"))
            }
            turned = {"first": first, "second": second, "difference": -test["difference"]}
            return {**test, **turned, **ends}
    return None


def by_hour(result: Result, figure: str) -> dict[str, np.ndarray]:
    """System → figure of its hours, float64 [seeds, days, 24]; NaN where an hour has none.

    Systems without a single value are left out.
    """
    days = {day: place for place, day in enumerate(result["settings"]["days"])}
    seeds = {seed: place for place, seed in enumerate(result["settings"]["seeds"])}
    found = {name: np.full((len(seeds), len(days), HOURS), np.nan) for name in entries(result)}
    for row in result["rows"]:
        if row.get(figure) is not None:
            found[row["system"]][seeds[row["seed"]], days[row["day"]], row["hour"]] = row[figure]
    return {name: table for name, table in found.items() if not np.isnan(table).all()}


def gain_by_hour(result: Result) -> dict[str, np.ndarray]:
    """System → what the update added to the AUC of its hours, float64 [seeds, days, 24]."""
    updated, still = by_hour(result, "auc"), by_hour(result, "auc_static")
    return {name: updated[name] - still[name] for name in updated if name in still}


def mean_and_error(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard error of [seeds, days, K] at each K, NaN where nothing is there.

    Seeds of one day share its exposures, so that they are averaged first and the error is over days; with
    one day it is over seeds, with one of both there is none.
    """
    days = table.shape[1]
    each = _mean(table, 0) if days > 1 else table[:, 0]
    count = (~np.isnan(each)).sum(axis=0)
    mean = _mean(each, 0)
    squares = np.nansum((each - mean) ** 2, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(squares / (count - 1) / count)
    error[count < 2] = np.nan
    return mean, error


def band(result: Result) -> str:
    """What `mean_and_error` gives for this comparison, as a caption says it."""
    days, seeds = len(result["settings"]["days"]), len(result["settings"]["seeds"])
    made = f"Mean of {days} day{'s' * (days > 1)} × {seeds} seed{'s' * (seeds > 1)}"
    if days > 1:
        return f"{made}; band: ± 1 standard error over days, seeds averaged first."
    return f"{made}; band: ± 1 standard error over seeds." if seeds > 1 else f"{made}."


def _mean(table: np.ndarray, axis: int) -> np.ndarray:
    """Mean of what is not NaN; NaN of nothing, without a warning."""
    count = (~np.isnan(table)).sum(axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, np.nansum(table, axis=axis) / count, np.nan)
