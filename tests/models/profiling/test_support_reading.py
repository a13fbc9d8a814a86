"""What is read of a support: nothing by activity, much by those who know the taste."""

from __future__ import annotations

import numpy as np
import pytest

from models.metrics import auc
from models.profiling.support_reading import support_reading

BRANDS, USERS = 6, 400


def test_activity_reads_nothing_and_taste_does() -> None:
    rng = np.random.default_rng(0)
    taste, activity = rng.normal(size=(BRANDS, USERS)), rng.normal(size=USERS)
    labels = rng.random((BRANDS, USERS)) < 1 / (1 + np.exp(2 - taste - activity))
    everybody, quintile = np.ones((BRANDS, USERS), dtype=bool), np.digitize(activity, [-0.8, -0.2, 0.2, 0.8])
    blind = support_reading([activity] * BRANDS, labels, everybody, quintile)
    assert blind.read == pytest.approx(0) and blind.alike == pytest.approx(1)
    seeing = support_reading(list(taste), labels, everybody, quintile)
    assert seeing.read > 10 * seeing.error > 0 and abs(seeing.alike) < 0.1
    assert abs(seeing.others - 0.5) < 0.02


def test_it_is_the_mean_of_the_areas_of_one_group() -> None:
    rng = np.random.default_rng(1)
    scores, labels = rng.integers(0, 9, (3, 60)).astype(float), rng.random((3, 60)) < 0.3
    candidates = rng.random((3, 60)) < 0.8
    found = support_reading(list(scores), labels, candidates, np.zeros(60, dtype=int))
    area = np.array(
        [[auc(labels[b, c], s[c]) for b, c in enumerate(candidates)] for s in scores], dtype=float
    )
    assert found.own == pytest.approx(np.diag(area).mean())
    assert found.others == pytest.approx((area.sum() - np.trace(area)) / 6)


def test_a_brand_without_newcomers_has_no_figure_and_one_brand_is_too_few() -> None:
    rng = np.random.default_rng(2)
    scores, labels = rng.normal(size=(3, 50)), rng.random((3, 50)) < 0.4
    group = np.zeros(50, dtype=int)
    labels[2] = False
    found = support_reading(list(scores), labels, np.ones((3, 50), dtype=bool), group)
    assert np.isfinite([found.own, found.others, found.error]).all()
    with pytest.raises(ValueError, match="at least two"):
        support_reading([scores[0]], labels[:1], np.ones((1, 50), dtype=bool), group)
