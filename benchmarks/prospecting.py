"""Claim: an audience from a million stored embeddings in under a second on one core.

K = 100 customers, the best 10,000 of 1,000,000 users, with percentile and the three nearest customers of
each. Both sides are given the same 128 numbers a user and the same relation head (fully connected, ReLU, one
logit, its mean over the customers), and both leave the customers out.

    ours    the head's mean over a support at a cost that hardly grows with it, a partition in place of a
            sort, one matrix product a block for the explanation
    peer    the straightforward way in torch and numpy: every pair through the head, a full sort, the rank of
            each prospect among all scores, and a loop over prospects for their nearest customers

The peer goes over all pairs in blocks, since 100 million pairs of 64 floats are 26 GB. Users, percentiles and
nearest customers must be equal before a ratio is printed; scores may differ by rounding. `meta_profile_prior`
is timed beside them on its 256 numbers a user; it has no peer of its own. Timed is processor time, which
other programs distort less than the clock.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from models.profiling.gains import Gains
from models.profiling.match import MatchSpace
from models.profiling.prior import PriorScorer
from models.profiling.prospect import EXPLAINED_BY, Audience, prospect
from models.profiling.relation import FullyConnected
from models.profiling.scorer import EmbeddedScorer

USERS, WIDTH, HIDDEN, CUSTOMERS, TOP = 1_000_000, 128, 64, 100, 10_000
PRIOR_WIDTH = 256
REPEATS = 5
PAIRS_AT_ONCE = 1 << 18
ROUNDING = 1e-5  #: scores nearer than that may change places


def embeddings(width: int, seed: int = 0) -> np.ndarray:
    """float32 [USERS, width]: users of a hundred kinds, as profiles cluster."""
    rng = np.random.default_rng(seed)
    kinds = rng.normal(size=(100, width)).astype(np.float32)
    noise = rng.standard_normal(size=(USERS, width), dtype=np.float32)
    return kinds[rng.integers(0, 100, USERS)] + noise


def ours(scorer: EmbeddedScorer | PriorScorer, vectors: np.ndarray, customers: np.ndarray) -> Audience:
    """What `hourfold prospect` does once users are embedded."""
    return prospect(scorer.score(customers), customers, TOP, vectors=vectors)


@torch.no_grad()
def straightforward(
    stored: np.ndarray, head: FullyConnected, customers: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Users, scores, percentiles and nearest customers, all pairs and all ranks."""
    users, support = torch.from_numpy(stored), torch.from_numpy(stored[customers])
    left, right = head.first.weight.split(WIDTH, dim=1)
    near = support @ right.T + head.first.bias
    logits = []
    for block in users.split(PAIRS_AT_ONCE // CUSTOMERS):
        hidden = torch.relu((block @ left.T)[:, None] + near[None])
        logits.append(head.logit(hidden).squeeze(-1).mean(1))
    scores = torch.sigmoid(torch.cat(logits).double()).numpy()
    candidates = np.setdiff1d(np.arange(len(scores)), customers)
    found = scores[candidates]
    order = candidates[np.argsort(-found, kind="stable")][:TOP]
    ranks = np.argsort(np.argsort(found))
    place = dict(zip(candidates.tolist(), ranks.tolist(), strict=True))
    percentiles = np.array([100 * place[user] / len(candidates) for user in order.tolist()])
    unit = stored / np.linalg.norm(stored, axis=1, keepdims=True)
    nearest = np.array([customers[np.argsort(-(unit[customers] @ unit[u]))[:EXPLAINED_BY]] for u in order])
    return order, scores[order], percentiles, nearest


def check(found: Audience, peer: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Refuse to print a ratio for another answer."""
    order, scores, percentiles, nearest = peer
    both = np.intersect1d(found.user, order, return_indices=True)
    same = len(both[0]) >= TOP - 5 and np.abs(found.score - scores).max() < ROUNDING
    same &= float(np.abs(found.percentile[both[1]] - percentiles[both[2]]).max()) < 0.01
    same &= bool((found.nearest[both[1]] == nearest[both[2]]).mean() > 0.9999)
    if not same:
        raise SystemExit("the audiences differ: no ratio is printed")


def seconds(work: Callable[[], object]) -> float:
    """Median processor time of some runs, after one that does not count."""
    work()
    spent = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return statistics.median(spent)


def compare(customers: np.ndarray) -> None:
    """The printed head against its peer."""
    stored, head = embeddings(WIDTH), FullyConnected(WIDTH, HIDDEN)
    scorer = EmbeddedScorer(stored, head)
    check(ours(scorer, stored, customers), straightforward(stored, head, customers))
    fast = seconds(lambda: ours(scorer, stored, customers))
    began = time.process_time()
    straightforward(stored, head, customers)
    slow = time.process_time() - began
    print(f"meta_profile, {WIDTH} numbers a user: {fast:.2f} s; straightforward: {slow:.1f} s")
    print(f"{slow / fast:.1f} times as fast")


def time_prior(customers: np.ndarray) -> None:
    """The prior and the metric head."""
    space = MatchSpace.of(embeddings(PRIOR_WIDTH), np.ones(USERS, dtype=bool))
    one = np.ones((1, 1))
    gains = Gains(np.array([[1.0, 10.0, 0.5]]), np.ones(1), shrinkage=0.03 * one, measured=one, certainty=one)
    scorer = PriorScorer(np.zeros(USERS), (space,), gains)
    vectors = space.vectors.numpy()
    spent = seconds(lambda: ours(scorer, vectors, customers))
    print(f"meta_profile_prior, {PRIOR_WIDTH} numbers a user: {spent:.2f} s")


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    customers = np.sort(np.random.default_rng(1).choice(USERS, CUSTOMERS, replace=False))
    print(f"simulated: {USERS:,} users, {CUSTOMERS} customers, the best {TOP:,} with percentile and nearest")
    compare(customers)
    time_prior(customers)


if __name__ == "__main__":
    main()
