"""Figures inside the lists that exposures were shown in, as news recommendation is judged.

A list is what one request was answered with: the exposures of one user with one request number. A figure is
the plain mean over the lists that hold both a click and a skip, as in the public news challenges; a list of
one class says nothing about an order. Equal scores count as in random order: each figure is its expectation
over all orders of the equals. All lists are worked at once, sorted and summed in segments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.metrics.areas import Ordered, changes

CUTS = {"request_ndcg5": 5, "request_ndcg10": 10}  #: places that nDCG looks at
#: the figures of a list, each float64 [L]
LIST_FIGURES = ("request_auc", "request_mrr", *CUTS)


@dataclass(frozen=True)
class JudgedLists:
    """Exposures sorted by list once, for all their scorings; lists of one class are left out."""

    known: int  #: lists of any kind, those of one class among them
    row: np.ndarray  #: int64 [R], positions of the exposures in lists with both classes, list after list
    first: np.ndarray  #: int64 [L], where each list begins in `row`
    size: np.ndarray  #: int64 [L]
    clicks: np.ndarray  #: int64 [L]
    user: np.ndarray  #: int64 [L]
    clicked: np.ndarray  #: bool [R]

    def __len__(self) -> int:
        return len(self.first)

    @classmethod
    def of(cls, clicked: np.ndarray, users: np.ndarray, request: np.ndarray) -> JudgedLists:
        """Sort exposures [E] into lists; those with a request below 0 (unknown) are in none."""
        row, new = _by_list(users, request)
        first = np.flatnonzero(new)
        size = np.diff(np.append(first, len(row)))
        labels = np.asarray(clicked, bool)[row]
        clicks = np.add.reduceat(labels, first, dtype=np.int64) if len(first) else first
        both = (clicks > 0) & (clicks < size)
        inside = np.repeat(both, size)
        row, labels, sizes = row[inside], labels[inside], size[both]
        begins = np.cumsum(sizes) - sizes
        return cls(len(first), row, begins, sizes, clicks[both], np.asarray(users)[row[begins]], labels)


def list_numbers(users: np.ndarray, request: np.ndarray) -> np.ndarray:
    """A number from 0 on for each list, int64 [E]; −1 where the request is unknown.

    Requests that two users share (numbers that begin anew for each) are two lists.
    """
    row, new = _by_list(users, request)
    out = np.full(len(request), -1, np.int64)
    out[row] = np.cumsum(new) - 1
    return out


def _by_list(users: np.ndarray, request: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions int64 [R] of the exposures in lists, list after list, and where a list begins, bool [R]."""
    users, request = np.asarray(users), np.asarray(request)
    known = np.flatnonzero(request >= 0)
    row = known[np.argsort(request[known])]
    of_request, of_user = changes(request[row]), changes(users[row])
    if (of_user & ~of_request).any():  # requests that several users share
        row = known[np.lexsort((users[known], request[known]))]
        of_request, of_user = changes(request[row]), changes(users[row])
    return row, of_request | of_user


def list_figures(ordered: Ordered, lists: JudgedLists) -> dict[str, np.ndarray]:
    """The `LIST_FIGURES` of one scoring, by name, float64 [L] each.

    `request_auc`: AUC. `request_mrr`: mean of 1 / place over the clicks. `request_ndcg5`, `request_ndcg10`:
    gain 1 a click, discount 1 / log2(place + 1), over what the best order has.
    """
    if not len(lists):
        return {name: np.empty(0) for name in LIST_FIGURES}
    level = np.empty(len(ordered.order), np.int64)
    level[ordered.order] = np.cumsum(ordered.new)  # grows with the score; equal scores share one
    of_list = np.repeat(np.arange(len(lists)), lists.size)
    key = of_list * (len(ordered.order) + 1) - level[lists.row]  # the highest score of a list comes first
    order = np.argsort(key)
    runs = np.flatnonzero(changes(key[order]))  # equal scores of a list
    list_of_run = of_list[runs]  # sorting moves nothing from one list to another
    ends = np.append(runs, len(order))[1:]
    above, below = runs - lists.first[list_of_run], ends - lists.first[list_of_run]
    clicks_so_far = np.append(0, np.cumsum(lists.clicked[order]))
    hits = clicks_so_far[ends] - clicks_so_far[runs]
    first_run = np.searchsorted(list_of_run, np.arange(len(lists)))

    def in_expectation(worth: np.ndarray) -> np.ndarray:
        """What the places of each list's clicks are worth, [L]; `worth` is summed from the top."""
        return np.add.reduceat(hits * (worth[below] - worth[above]) / (below - above), first_run)

    longest = int(lists.size.max())
    places = np.arange(1, longest + 1)
    n1, n0 = lists.clicks, lists.size - lists.clicks
    # A click beats the skips of its list that are not above it, and half of those that are level with it.
    in_list = clicks_so_far[runs] - clicks_so_far[lists.first[list_of_run]]
    skips_above = above - in_list + (below - above - hits) / 2
    beaten = np.add.reduceat(hits * (n0[list_of_run] - skips_above), first_run)
    figures = {"request_auc": beaten / (n1 * n0)}
    figures["request_mrr"] = in_expectation(_from_top(1 / places)) / n1
    for name, cut in CUTS.items():
        worth = _from_top(np.where(places <= cut, 1 / np.log2(places + 1), 0.0))
        figures[name] = in_expectation(worth) / worth[n1]
    return figures


def _from_top(worth: np.ndarray) -> np.ndarray:
    """What the first 0, 1, … places are worth together."""
    return np.append(0.0, np.cumsum(worth))
