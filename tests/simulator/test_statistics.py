"""Figures of a log: each function on a log small enough to count by hand."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from simulator.calibration import BandedFigure, auc, table
from simulator.feed import statistics
from simulator.feed.calibration import expected_articles
from simulator.feed.statistics import Log


def log(rows, published):
    """Rows of (hour, user, item, clicked), in order of time."""
    at, user, item, clicked = (np.array(column) for column in zip(*rows, strict=True))
    return Log(
        user=user,
        item=item,
        at=at.astype(float),
        impression=np.arange(len(at)),
        clicked=clicked.astype(bool),
        weight=clicked.astype(float),
        published=np.array(published, dtype=float),
    )


SMALL = log(
    [
        *[(0.1, 0, 0, 1), (0.2, 1, 0, 1), (0.3, 0, 1, 1), (0.4, 1, 2, 0)],
        *[(1.1, 0, 0, 1), (1.2, 1, 2, 1), (25.0, 0, 3, 1), (25.5, 2, 0, 0)],
    ],
    published=[-2.0, 0.0, 0.3, 24.5],
)


def test_top_shares_are_means_over_clicks():
    assert statistics.top_shares(SMALL, (1, 2)) == pytest.approx([(2 + 1 + 1) / 6, (3 + 2 + 1) / 6])


def test_overlap_counts_articles_that_stay():
    again = log([(0, 0, 0, 1), (0, 0, 1, 1), (1, 0, 1, 1), (1, 0, 2, 1)], published=[0, 0, 0])
    assert statistics.top_overlap(again, (1,), size=2) == pytest.approx([0.5])


def test_ages_count_from_publication():
    clicks = statistics.younger_than(SMALL, (1, 3), clicks=True)
    assert clicks == pytest.approx([3 / 6, 5 / 6])  # ages 2.1 2.2 .3 3.1 .9 .5
    assert statistics.younger_than(SMALL, (1,), clicks=False) == pytest.approx([4 / 8])


def test_first_shown_leaves_out_the_first_day():
    assert statistics.first_shown_today(SMALL) == 0.5


def test_users_seen_before():
    days = log([(0, 0, 0, 0), (24, 0, 0, 0), (24, 1, 0, 0), (48, 1, 0, 0)], published=[0])
    assert statistics.seen_before(days, after_days=1) == pytest.approx((0.5 + 1) / 2)


def test_half_life_and_peak_of_an_article():
    clicks = [(24 + hour, hour, 0, 1) for hour in (0, 1, 1, 1, 5, 9)]
    life = log([*clicks, (119, 9, 1, 0)], published=[20, 100])
    assert statistics.hours_to_share(life, 0.5, least_clicks=2).tolist() == [1.0]
    assert statistics.hours_to_share(life, 0.9, least_clicks=2).tolist() == [9.0]
    hour, share = statistics.peaks(life, least_clicks=2)
    assert (hour.tolist(), share.tolist()) == ([1.0], [0.5])


def test_rate_persistence_needs_both_hours():
    rng = np.random.default_rng(0)
    steady = [
        (h, u, i, rng.random() < (0.8 if i else 0.2)) for h in range(6) for i in (0, 1) for u in range(40)
    ]
    persistence = statistics.rate_persistence(log(steady, published=[0, 0]))
    assert persistence > 0.8
    rare = [(h, u, 2, h % 2) for h in range(6) for u in range(10)]  # too few exposures an hour to count
    both = log(sorted(steady + rare), published=[0, 0, 0])
    assert statistics.rate_persistence(both) == pytest.approx(persistence)


def test_recent_rate_never_sees_its_own_hour():
    changed = log([(*row[:3], 1 - row[3]) if row[0] >= 1 else row for row in ROWS], published=[0, 0])
    before = log(ROWS, published=[0, 0])
    early = before.at < 2
    stayed = statistics.recent_rate(before, prior_exposures=20.0)[early] - before.clicked.mean()
    moved = statistics.recent_rate(changed, prior_exposures=20.0)[early] - changed.clicked.mean()
    assert np.sign(stayed).tolist() == np.sign(moved).tolist()


ROWS = [(h + 0.01 * u, u, u % 2, int(u % 2 and h == 0)) for h in range(3) for u in range(10)]


def test_auc_equals_the_reference_with_ties():
    rng = np.random.default_rng(1)
    score, clicked = rng.integers(0, 5, 300).astype(float), rng.random(300) < 0.3
    assert auc(score, clicked) == pytest.approx(roc_auc_score(clicked, score))


def test_fewer_clicks_meet_fewer_articles():
    assert expected_articles(1) == pytest.approx(1)
    assert expected_articles(300) < expected_articles(7760) < 666


def test_table_marks_what_leaves_its_band():
    rows = [BandedFigure("inside", "1", 0, 2, 1.5), BandedFigure("outside", "1", 0, 2, 2.5)]
    lines = table(rows).splitlines()
    assert not lines[1].endswith("OUT") and lines[2].endswith("OUT")
    assert "simulated" in lines[0]
