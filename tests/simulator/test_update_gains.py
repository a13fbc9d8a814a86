"""Gains by age of news, on days small enough to know the answer."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from simulator.calibration import auc
from simulator.feed.update_gains import DAY_ERROR, PARTS, ScoredDay, update_figures


def day(number=1, size=400, better=lambda age: age > 24):
    """A day whose updated scores are the truth on some ages; on others, and when still, they are noise."""
    rng = np.random.default_rng(number)
    at = 24 * number + np.sort(rng.uniform(0, 24, size))
    age = rng.choice([0.5, 2.0, 4.0, 10.0, 30.0], size)
    truth, still = rng.uniform(0.02, 0.3, size), rng.uniform(size=size)
    updated = np.where(better(age), truth, still)
    return ScoredDay(number, at, at - age, truth, still, updated)


def test_a_gain_is_seen_where_it_is_and_nowhere_else():
    figures = {row.name.split(", ")[1]: row for row in update_figures([day(1), day(2)])}
    assert figures["over 24 h"].simulated > 0.1
    for name in ("news under 1 h old", "1–3 h", "3–6 h", "6–24 h"):
        assert figures[name].simulated == 0
    assert not figures["over 24 h"].within and not figures["6–24 h"].within
    assert figures["news under 1 h old"].within


def test_parts_by_age_and_by_day_of_publication_cover_a_day_once():
    one = day()
    by_age = sum(part.rows(one).astype(int) for part in PARTS if part.ages != (-np.inf, np.inf))
    by_day = sum(part.rows(one).astype(int) for part in PARTS if part.today is not None)
    assert (by_age == 1).all() and (by_day == 1).all()
    today = next(part for part in PARTS if part.today)
    assert (one.published[today.rows(one)] >= 24).all() and today.rows(one).sum() > 50


def test_a_band_is_the_real_range_and_a_days_error_on_a_part_of_its_size():
    part = next(part for part in PARTS if part.name == "over 24 h")
    row = part.figure(0.01, "")
    assert row.within and row.real == "+0.0070 … +0.0130"
    assert row.low == pytest.approx(0.007 - DAY_ERROR / 0.14**0.5)
    assert not part.figure(row.high + 1e-6, "").within


def test_the_mean_is_of_the_days_and_the_note_names_each():
    days = [day(1), day(2)]
    row = update_figures(days)[0]
    gains = [auc(d.updated, d.probability) - auc(d.still, d.probability) for d in days]
    assert row.simulated == pytest.approx(np.mean(gains))
    assert row.note == "days: " + ", ".join(f"{gain:+.4f}" for gain in gains)


def test_auc_of_probabilities_is_that_of_many_draws():
    rng = np.random.default_rng(0)
    truth, score = rng.uniform(size=40), rng.integers(0, 9, 40)
    drawn = rng.uniform(size=(4000, 40)) < truth
    counted = roc_auc_score(drawn.ravel(), np.broadcast_to(score, drawn.shape).ravel())
    assert auc(score, truth) == pytest.approx(counted, abs=0.005)
