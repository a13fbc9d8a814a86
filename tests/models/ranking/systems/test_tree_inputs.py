"""What trees read beside codes, against loops over the log."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from models.ranking.features.event_log import HOUR_MS
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from models.ranking.systems.tree_inputs import event_numbers, factor_numbers
from models.ranking.systems.trees import Trees
from tests.models.ranking.toy import START, TRAIN_HOURS, hour_of, toy_log, train, with_vectors

TYPED = SYSTEMS["lightgbm"].tiny.typed
LATEST = (5, 15)


@pytest.fixture(scope="module")
def log():
    return toy_log()


@pytest.fixture(scope="module")
def ranker(log):
    return train("lightgbm", log)


def events_before(log, user, cutoff):
    """(occurred, liked, kind, item), the K latest, oldest first; kinds as `SKIP` … `EXTERNAL`."""
    e, x, k = log.exposures, log.external, TYPED.neighbours
    shown = [
        (t, bool(c), (2 if w >= TYPED.engaged_seconds else 1) if c else 0, i)
        for u, i, t, c, w in zip(
            e.user, e.item, e.shown_at, e.clicked, np.nan_to_num(e.dwell_seconds), strict=True
        )
        if u == user and t < cutoff
    ][-k:]
    other = [
        (r, o, i)
        for u, i, o, r in zip(x.user, x.item, x.occurred_at, x.received_at, strict=True)
        if u == user and r < cutoff
    ]
    other = [(o, True, 3, i) for _, o, i in sorted(other, key=lambda event: event[:2])[-k:]]
    return sorted(other + shown, key=lambda event: event[0])[-k:]


def by_hand(log, user, item, target, cutoff):
    events = events_before(log, user, cutoff)
    fields = dict(zip(log.items.index.tolist(), log.items.fields.tolist(), strict=True))

    def age(event):
        return math.floor(math.log2(max((cutoff - event[0]) // 60_000, 0) + 1))

    def youngest(some):
        return min(map(age, some), default=math.nan)

    def share(some):
        shown = [event for event in some if event[2] != 3]
        return sum(event[1] for event in shown) / len(shown) if shown else math.nan

    out = [sum(event[2] == kind for event in events) for kind in range(4)]
    out += [youngest([event for event in events if event[2] == kind]) for kind in range(4)]
    out += [share(events), *(share(events[-k:]) for k in LATEST)]
    out += [max(map(age, events), default=math.nan)]
    matches = [[event for event in events if event[3] == item]]
    for f, value in enumerate(target):
        matches.append([event for event in events if value >= 0 and fields[event[3]][f] == value])
    for some in matches:
        liked = [event for event in some if event[1]]
        out += [sum(event[2] != 3 for event in some), share(some), len(liked), youngest(liked)]
    return out


def test_numbers_of_events_are_those_counted_by_hand(log, ranker):
    rng = np.random.default_rng(2)
    users, items = rng.integers(0, 62, (3, 40)), rng.integers(0, 40, (3, 40))  # two users are strangers
    cutoffs = START + rng.integers(1, TRAIN_HOURS + 1, (3, 40)) * HOUR_MS
    lists = ranker.graph.growing["typed"].sample(users, items, cutoffs).build([])
    targets = log.items.fields[items]
    numbers = event_numbers(lists, torch.from_numpy(targets)).numpy()
    past = log.between(START, START + TRAIN_HOURS * HOUR_MS)
    expected = [
        by_hand(past, *instance)
        for instance in zip(
            users.ravel(), items.ravel(), targets.reshape(-1, 6).tolist(), cutoffs.ravel(), strict=True
        )
    ]
    np.testing.assert_allclose(numbers.reshape(-1, numbers.shape[-1]), np.array(expected), rtol=1e-6)
    assert np.isnan(numbers).any() and np.nansum(numbers[..., 12:]) > 0


def test_factors_come_with_their_products_and_unknown_ones_as_nan():
    factors = torch.tensor([[[[1.0, 2.0], [3.0, -1.0]], [[0.0, 0.0], [3.0, -1.0]]]])
    numbers = factor_numbers(factors)
    assert numbers[0, 0].tolist() == [1, 2, 3, -1, 3, -2, 1]
    assert torch.isnan(numbers[0, 1]).tolist() == [True, True, False, False, True, True, True]


def matrices(monkeypatch, act):
    seen, honest = [], Trees.matrix
    monkeypatch.setattr(Trees, "matrix", lambda trees, batch: seen.append(honest(trees, batch)) or seen[-1])
    act()
    monkeypatch.undo()
    return np.concatenate(seen)


@pytest.mark.parametrize("content", [0, 3 + 5 + 2 * 3])  # vectors of user and item, three numbers a list
def test_ranking_reads_every_column_that_training_read(log, monkeypatch, content):
    made = SimpleNamespace()
    log = with_vectors(log) if content else log

    def training():
        made.ranker = train("lightgbm", log)

    trained = matrices(monkeypatch, training)
    ranked = matrices(monkeypatch, lambda: made.ranker.score(hour_of(log, TRAIN_HOURS)))
    assert trained.shape[1] == ranked.shape[1]
    # What training knew of most instances, ranking knows of most too: no column is lost on the way.
    known = [np.isfinite(part).mean(axis=0) for part in (trained, ranked)]
    assert ((known[0] > 0.5) <= (known[1] > 0)).all()
    beside = trained.shape[1] - len(made.ranker.learner.module.columns)
    # events of the list, of the item and six fields; factors; long-term vectors; content
    assert beside == 12 + 4 * 7 + (3 * 4 + 1) + 16 + content


@pytest.mark.parametrize("system", ["lightgbm", "deepfm_external_factors", "din_typed_factors"])
def test_a_saved_ranker_scores_the_same_after_an_hour_too(log, tmp_path, system):
    ranker = train(system, log)
    ranker.save(tmp_path / "daily")
    loaded = Ranker.load(tmp_path / "daily")
    for one in (ranker, loaded):
        one.adapt(hour_of(log, TRAIN_HOURS))
    later = hour_of(log, TRAIN_HOURS + 1)
    np.testing.assert_allclose(ranker.score(later), loaded.score(later), atol=1e-6)


@pytest.mark.parametrize("system", ["deepfm_external", "din_typed"])
def test_factors_are_read_and_cost_nothing_where_they_are_not(log, system):
    plain, factored = (train(name, log) for name in (system, f"{system}_factors"))
    numbers = factored.learner.module.numbers
    assert plain.learner.module.numbers is None and numbers.linear.abs().max() > 0
    with torch.no_grad():
        hour = hour_of(log, TRAIN_HOURS)
        before = factored.score(hour)
        numbers.linear.zero_()
        assert (factored.score(hour) != before).any()
