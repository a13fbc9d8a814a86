"""Which users lift the AUC inside each group of exposures: what clustered errors of segments are made of."""

from __future__ import annotations

import numpy as np

from models.metrics.areas import Grouped, Ordered, changes


def shares_by_group(labels: np.ndarray, ordered: Ordered, groups: np.ndarray) -> tuple[Grouped, np.ndarray]:
    """AUC inside each group, and by how much each exposure lifts that of its own, float64 [E].

    An exposure's share is its placement less the group's AUC, over its class's number in the group; the
    shares of a group sum to 0, and are 0 where it has one class only.

    Args:
        labels: bool [E].
        ordered: the scores, sorted.
        groups: integers [E], quickest with at most 16 bits.
    """
    inside = np.argsort(groups[ordered.order], kind="stable")
    order = ordered.order[inside]
    group, positive = groups[order], np.asarray(labels, bool)[order]
    fresh = changes(group)
    first = np.flatnonzero(fresh)
    starts = np.flatnonzero(fresh | changes(np.cumsum(ordered.new)[inside]))
    run, of = np.cumsum(_marks(starts, len(order))) - 1, np.cumsum(fresh) - 1
    bounds, ends = np.append(first, len(order)), np.append(starts, len(order))[1:]
    clicks, skips = (np.append(0, np.cumsum(chosen)) for chosen in (positive, ~positive))
    n1, n0 = np.diff(clicks[bounds]), np.diff(skips[bounds])
    both, c1, c0 = (n1 > 0) & (n0 > 0), np.maximum(n1, 1), np.maximum(n0, 1)
    at = of[starts]
    # Of a run of equal scores: skips of the group below it and half of those in it; the same of clicks above.
    beaten = ((skips[starts] + skips[ends]) / 2 - skips[first][at]) / c0[at]
    beaten_by = 1 - ((clicks[starts] + clicks[ends]) / 2 - clicks[first][at]) / c1[at]
    wins = np.append(0.0, np.cumsum(beaten * (clicks[ends] - clicks[starts])))
    areas = np.diff(wins[np.searchsorted(starts, bounds)]) / c1
    lifts = np.where(positive, (beaten[run] - areas[of]) / c1[of], (beaten_by[run] - areas[of]) / c0[of])
    shares = np.empty(len(order))
    shares[order] = np.where(both[of], lifts, 0.0)
    return Grouped(group[first], n1 + n0, n1, np.where(both, areas, np.nan)), shares


def _marks(places: np.ndarray, length: int) -> np.ndarray:
    marks = np.zeros(length, np.int64)
    marks[places] = 1
    return marks
