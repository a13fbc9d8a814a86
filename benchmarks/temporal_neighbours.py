"""Claim (b): the 30 latest neighbours of a batch against tgm-lib's recency hook, on one thread. Aim: 8 times.

Same events (internal clicks), same K, same queries: the user and the item of every exposure of a day, in
mini-batches, each as at the start of its hour. Two settings, both timed after the days before were taken in:

    hourly    24 hours in order: an hour's queries, then its clicks are added
    training  the same queries when the day is known already: the hook must still be fed in order, ours is not

Neighbours and times must be equal, query by query, before anything is timed. Times are steps of 12 s from the
log's start: the peer's sort key, node × latest time, is a 32-bit product that overflows silently. The hook
always fetches neighbours and their times; ours is timed with both, and with neighbours alone, which is what
the short-term graph asks for. Timed is processor time, which other programs distort less than the clock. The
peer is not among the project's own dependencies: `pip install tgm-lib`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from benchmarks.simulated_log import START_MS, simulated_log
from models.layers.temporal_adjacency import TemporalAdjacency
from models.ranking.features.event_log import DAY_MS, HOUR_MS, EventLog

K = 30
USERS, ITEMS, DAYS = 20_000, 6_000, 9
EXPOSURES_PER_HOUR, BATCH, REPEATS = 3_000, 512, 5
STEP_MS = 12_000

Found = tuple[
    Tensor, Tensor
]  #: counterparts and times [N, K], most recent last; −1 and 0 where there is none


class Ours:
    """Both directions in one adjacency: item i is node `USERS + i`."""

    def __init__(self, past: Tensor, times: bool = True) -> None:
        """Args: past int64 [3, N] clicks; times whether to fetch the neighbours' times too."""
        self.adjacency, self.times = TemporalAdjacency.build(*_both(past)), times

    def query(self, nodes: Tensor, times: Tensor) -> Found:
        """The latest neighbours of nodes int64 [N] before times int64 [N]."""
        found = self.adjacency.neighbours(nodes, times, K)
        at = self.adjacency.times(found) if self.times else found.mask
        return self.adjacency.gather("counterpart", found), at, found.mask

    def add(self, clicks: Tensor) -> None:
        """Take in clicks int64 [3, N]."""
        self.adjacency.append(*_both(clicks))


class Peer:
    """tgm-lib's hook, called as its loader calls it: it answers a batch, then takes in the batch's edges."""

    def __init__(self, past: Tensor) -> None:
        from tgm import DGBatch, DGraph
        from tgm.data import DGData
        from tgm.hooks import RecencyNeighborHook

        self.make_batch: Callable[..., Any] = DGBatch
        user, item, at = past
        edges = torch.stack([user, item + USERS], dim=1).int()
        self.graph = DGraph(DGData.from_raw(edge_time=at, edge_index=edges))
        self.hook = RecencyNeighborHook(USERS + ITEMS, [K], ["asked"], ["asked_at"])
        self._call(torch.zeros(0, dtype=torch.int64), torch.zeros(0, dtype=torch.int64), past)

    def query(self, nodes: Tensor, times: Tensor) -> Found:
        """The latest neighbours of nodes int64 [N] before times int64 [N]; padding is node −1."""
        answer = self._call(nodes, times, torch.zeros(3, 0, dtype=torch.int64))
        return answer.nbr_nids[0], answer.nbr_edge_time[0], answer.nbr_nids[0] >= 0

    def add(self, clicks: Tensor) -> None:
        """Take in clicks int64 [3, N]."""
        # The hook updates after it has answered; a single seed is the least it can be asked.
        self._call(clicks[0, :1], clicks[2, :1], clicks)

    def _call(self, nodes: Tensor, times: Tensor, clicks: Tensor) -> Any:
        user, item, at = clicks
        batch = self.make_batch(edge_src=user.int(), edge_dst=(item + USERS).int(), edge_time=at)
        batch.asked, batch.asked_at = nodes, times
        if not len(nodes):  # without a seed it would not update at all
            batch.asked, batch.asked_at = user[:1], at[:1]
        return self.hook(self.graph, batch)


def _both(clicks: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    user, item, at = clicks
    item = item + USERS
    return torch.cat([user, item]), torch.cat([at, at]), {"counterpart": torch.cat([item, user]).int()}


def step_of(at_ms: Any) -> Any:
    """Steps of 12 s since the log's start."""
    return (at_ms - START_MS) // STEP_MS


def clicks_of(log: EventLog) -> Tensor:
    """Internal clicks int64 [3, N]: user, item, time."""
    e = log.exposures
    return torch.stack(
        [torch.from_numpy(column[e.clicked]) for column in (e.user, e.item, step_of(e.shown_at))]
    )


def queries_of(hour: EventLog) -> Iterator[tuple[Tensor, Tensor]]:
    """Mini-batches of nodes and times: the users and items of the hour's exposures, as at its start."""
    user, item = torch.from_numpy(hour.exposures.user), torch.from_numpy(hour.exposures.item) + USERS
    for u, i in zip(user.split(BATCH), item.split(BATCH), strict=True):
        nodes = torch.cat([u, i])
        yield nodes, torch.full_like(nodes, step_of(hour.start_ms))


def seconds(side: Ours | Peer, hours: list[EventLog], add: bool) -> float:
    """Processor time for the queries of all hours, with their clicks added after each hour or not."""
    prepared = [(list(queries_of(hour)), clicks_of(hour)) for hour in hours]
    began = time.process_time()
    for queries, clicks in prepared:
        for nodes, times in queries:
            side.query(nodes, times)
        if add:
            side.add(clicks)
    return time.process_time() - began


def check(past: Tensor, hours: list[EventLog]) -> int:
    """Compare both, query by query, over the whole day; how many neighbours were compared."""
    ours, peer, compared = Ours(past), Peer(past), 0
    for hour in hours:
        for nodes, times in queries_of(hour):
            (ids, at, mask), (peer_ids, peer_at, peer_mask) = (s.query(nodes, times) for s in (ours, peer))
            same = torch.equal(mask, peer_mask) and torch.equal(ids[mask], peer_ids[mask])
            if not (same and torch.equal(at[mask], peer_at[mask])):
                raise SystemExit("neighbours differ: nothing was timed")
            compared += int(mask.sum())
        ours.add(clicks_of(hour))
        peer.add(clicks_of(hour))
    return compared


def main() -> None:
    try:
        import tgm  # noqa: F401
    except ImportError:
        print("tgm-lib is not installed, so there is nothing to compare with: pip install tgm-lib")
        return
    torch.set_num_threads(1)
    log = simulated_log(
        users=USERS, items=ITEMS, hours=24 * DAYS, exposures_per_hour=EXPOSURES_PER_HOUR, seed=0
    )
    day = log.end_ms - DAY_MS
    past = clicks_of(log.between(log.start_ms, day))
    hours = [log.between(start, start + HOUR_MS) for start in range(day, log.end_ms, HOUR_MS)]
    queries = sum(2 * len(hour.exposures) for hour in hours)
    print(f"simulated: {past.shape[1]:,} clicks before the day, {queries:,} queries in it, K = {K}")
    print(f"equal: {check(past, hours):,} neighbours with their times")

    whole = torch.cat([past, clicks_of(log.between(day, log.end_ms))], dim=1)
    spent: dict[str, list[float]] = {}
    for _ in range(REPEATS):
        spent.setdefault("peer", []).append(seconds(Peer(past), hours, True))
        for times in (True, False):
            spent.setdefault(f"hourly {times}", []).append(seconds(Ours(past, times), hours, True))
            spent.setdefault(f"training {times}", []).append(seconds(Ours(whole, times), hours, False))
    median = {name: 1e6 * statistics.median(values) / queries for name, values in spent.items()}
    print(f"tgm-lib, in order: {median['peer']:.2f} µs a query")
    for name in ("training", "hourly"):
        for times, what in ((True, "neighbours and times"), (False, "neighbours alone")):
            ours = median[f"{name} {times}"]
            print(f"{name:8s} {what:20s} {ours:.2f} µs a query: {median['peer'] / ours:.1f} times as fast")


if __name__ == "__main__":
    main()
