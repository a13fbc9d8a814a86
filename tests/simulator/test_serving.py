"""The simulated world, asked interactively: same requests for all, same chance for the same question."""

import numpy as np
import pytest

from simulator import SimulatorSettings
from simulator.feed.exposures import NOBODY, Impressions, Shown
from simulator.feed.external import External
from simulator.feed.randomness import hashed_normal, hashed_uniform
from simulator.feed.serving import Requests, Serving, best_first
from simulator.feed.world import World

TINY = SimulatorSettings.tiny(days=3)
FIRST = 36  #: the hour from which somebody else ranks
HOURS = 12


def serving(settings=TINY, candidates=40):
    made = Serving(World(settings), candidates)
    return made, made.log(FIRST)


def requests_of(slots, item, user=None):
    """Requests with chosen candidates, one a row."""
    count = len(item)
    user = np.arange(count) if user is None else np.asarray(user)
    none = np.zeros(0, dtype=np.int64)
    return Requests(
        hour=0,
        impression=np.arange(count) + 1,
        opened=Impressions(user, np.arange(count) / 100, np.zeros(count, int), np.ones(count, int)),
        slots=np.asarray(slots),
        item=np.asarray(item),
        external=External(none, none, none.astype(float), none.astype(float)),
    )


@pytest.fixture(scope="module")
def logged():
    """The hours that the simulator logs by itself."""
    return list(World(TINY).hours())


@pytest.fixture(scope="module")
def asked():
    made, _ = serving()
    return [made.next() for _ in range(HOURS)]


def test_the_shared_log_is_the_simulated_log(logged):
    _, history = serving()
    assert [hour.hour for hour in history] == list(range(FIRST))
    for ours, theirs in zip(history, logged, strict=False):
        assert np.array_equal(ours.exposure, theirs.exposure)
        assert np.array_equal(ours.clicked, theirs.clicked)


def test_requests_are_those_of_the_log_and_its_exposures_their_first_candidates(asked, logged):
    for requests, hour in zip(asked, logged[FIRST:], strict=False):
        first = requests.item[np.arange(requests.item.shape[1]) < requests.slots[:, None]]
        assert np.array_equal(first[first != NOBODY], hour.item)
        assert np.array_equal(requests.external.item, hour.external.item)
        assert np.isin(hour.exposure >> 5, requests.impression).all()
        assert requests.item.shape[1] > TINY.policy.most_slots


def test_whoever_shows_what_the_log_showed_meets_its_probabilities(logged):
    made, _ = serving()
    audience = made.audience()
    requests, hour = made.next(), logged[FIRST]
    row = np.searchsorted(requests.impression, hour.exposure >> 5)
    played = audience.react(requests, Shown(row, hour.item, hour.position))
    assert np.array_equal(played.probability, hour.probability)
    assert np.array_equal(played.exposure, hour.exposure)
    assert np.array_equal(played.seen, hour.seen)
    assert played.seen.any()


def test_candidates_are_alive_and_the_same_whatever_was_shown(asked):
    made, _ = serving()
    audience = made.audience()
    for before in asked[:4]:
        requests = made.next()
        assert np.array_equal(requests.item, before.item)
        assert np.array_equal(requests.impression, before.impression)
        candidate = requests.item != NOBODY
        born = made.world.items.taken_up[requests.item]
        assert (born <= requests.opened.at[:, None])[candidate].all()
        audience.react(requests, best_first(requests, audience.probability(requests)))


def test_the_seed_decides_everything():
    def answer(seed):
        made, _ = serving(SimulatorSettings.tiny(days=3, seed=seed))
        audience, requests = made.audience(), made.next()
        return requests, audience.react(requests, best_first(requests, 1.0 * requests.item, explore=0.1))

    (asked, first), (same, second), (other, _) = answer(7), answer(7), answer(8)
    assert np.array_equal(asked.item, same.item) and not np.array_equal(asked.item, other.item)
    assert np.array_equal(first.clicked, second.clicked)
    assert np.array_equal(first.dwell, second.dwell, equal_nan=True)


def test_clicks_of_an_exposure_do_not_depend_on_who_else_is_served():
    made, _ = serving()
    audiences, requests = (made.audience(), made.audience()), made.next()
    even = requests.opened.user % 2 == 0
    whole = audiences[0].react(requests, best_first(requests, 1.0 * requests.item))
    part = requests.rows(even)
    half = audiences[1].react(part, best_first(part, 1.0 * part.item))
    of_even = whole.user % 2 == 0
    assert np.array_equal(whole.exposure[of_even], half.exposure)
    assert np.array_equal(whole.clicked[of_even], half.clicked)


def test_clicks_come_as_often_as_their_probability_says_and_the_truth_gets_most():
    made, _ = serving(SimulatorSettings.tiny(days=3))
    by_truth, by_recall = made.audience(), made.audience()
    clicks, chances = np.zeros(2), np.zeros((2, 2))
    for _ in range(36):
        requests = made.next()
        for ranker, (audience, scores) in enumerate(
            ((by_truth, by_truth.probability(requests)), (by_recall, np.zeros(requests.item.shape)))
        ):
            played = audience.react(requests, best_first(requests, scores))
            clicks[ranker] += played.clicked.sum()
            p = played.probability
            chances[ranker] += p.sum(), (p * (1 - p)).sum()
    assert (np.abs(clicks - chances[:, 0]) < 4 * np.sqrt(chances[:, 1])).all()
    assert clicks[0] > 1.3 * clicks[1]


def test_places_go_to_the_best_and_equals_stay_in_order_of_recall():
    requests = requests_of([2, 3, 4], [[5, 6, 7, 8], [5, 6, 7, 8], [5, 6, NOBODY, NOBODY]])
    scores = np.array([[0.1, 0.4, 0.3, 0.9], [1, 1, 1, 1], [0.2, 0.3, 9.0, 9.0]])
    shown = best_first(requests, scores)
    assert shown.impression.tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert shown.item.tolist() == [8, 6, 5, 6, 7, 6, 5]
    assert shown.position.tolist() == [1, 2, 1, 2, 3, 1, 2]


def test_an_account_sees_an_item_once_an_hour():
    requests = requests_of([2, 2, 2], [[1, 2, 3, 4]] * 3, user=[7, 8, 7])
    shown = best_first(requests, np.tile([0.9, 0.8, 0.7, 0.6], (3, 1)))
    assert shown.item.tolist() == [1, 2, 1, 2, 3, 4]


def test_a_share_of_places_is_explored_without_repeating_items():
    count, width = 400, 50
    requests = requests_of(np.full(count, 10), np.tile(np.arange(width), (count, 1)))
    scores = np.tile(np.linspace(1, 0, width), (count, 1))
    shown = best_first(requests, scores, explore=0.2, seed=4)
    items = shown.item.reshape(count, 10)
    assert (np.diff(np.sort(items, axis=1), axis=1) > 0).all()
    greedy = np.sum(items < 10) / items.size  # explored ones fall among the first ten one time in five
    assert 0.75 < greedy < 0.88
    assert np.bincount(items[items >= 10], minlength=width)[10:].min() > 0
    assert not np.array_equal(
        items, best_first(requests, scores, explore=0.2, seed=5).item.reshape(count, 10)
    )
    everything = best_first(requests, scores, explore=1.0).item
    assert np.bincount(everything, minlength=width).min() > 0.5 * count * 10 / width


def test_too_few_candidates_are_refused():
    with pytest.raises(ValueError, match="30 places"):
        Serving(World(TINY), 29)


def test_hashed_numbers_are_uniform_and_normal_and_know_their_keys():
    grid = hashed_uniform(3, np.arange(300)[:, None], np.arange(300))
    assert abs(grid.mean() - 0.5) < 0.005 and abs(grid.var() - 1 / 12) < 0.002
    assert abs(np.corrcoef(grid[1:].ravel(), grid[:-1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(grid[:, 1:].ravel(), grid[:, :-1].ravel())[0, 1]) < 0.02
    assert not np.isclose(grid, grid.T).any(axis=None, where=~np.eye(300, dtype=bool))
    assert not np.isclose(hashed_uniform(4, np.arange(300), 1), grid[:, 1]).any()
    normal = hashed_normal(3, np.arange(20_000))
    assert abs(normal.mean()) < 0.03 and abs(normal.std() - 1) < 0.02
