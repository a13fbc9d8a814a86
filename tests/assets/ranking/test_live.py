"""The day's pooled figures, from stored scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assets.ranking.live import LiveDay
from models.metrics import REQUEST_FIGURES, auc, clustered_difference, ranking_figures


@pytest.fixture
def live():
    rng = np.random.default_rng(3)
    hour = np.sort(rng.integers(0, 24, 600))
    clicked = rng.random(600) < 0.4
    shared = rng.random(600) + 0.3 * clicked
    adapted, still = (shared + 0.1 * rng.random(600) + lift * clicked for lift in (0.1, 0.0))
    return LiveDay(
        "2026-03-03",
        clicked,
        rng.integers(0, 50, 600),
        hour,
        np.arange(600) // 6,
        scores={"a": adapted, "b": still},
        static={"a": still},
        failed={"c": "2026-03-03-04:00: NotFinite: 3 of 9 scores are not finite"},
    )


def test_the_gain_of_following_the_hour_is_paired_and_by_period(live):
    figures = live.figures()
    assert set(figures) == {"a", "b"}
    of_a = figures["a"]
    gain, error, _ = clustered_difference(live.clicked, live.scores["a"], live.static["a"], live.user)
    assert (of_a["gain"], of_a["gain_error"]) == (pytest.approx(gain), error)
    # Both saw the same exposures: the difference is known better than two single AUCs.
    assert error < np.hypot(of_a["auc_se"], figures["b"]["auc_se"])
    early = live.hour < 8
    area, still = (auc(live.clicked[early], s["a"][early]) for s in (live.scores, live.static))
    assert of_a["pooled1"] == area and of_a["gain1"] == area - still
    assert "gain" not in figures["b"], "hours without static scores have no gain"
    assert of_a["aupr"] is not None


def test_a_failed_system_leads_nobody(live):
    assert live.lead("a", "c") is None and live.lead("c", "a") is None
    assert live.lead("a", "b")[0] > 0


def test_figures_within_lists_are_those_of_the_day_where_requests_are_known(live):
    figures = live.figures()["a"]
    expected = ranking_figures(live.clicked, live.scores["a"], live.user, live.hour, live.request)
    assert expected["request_auc"] is not None and expected["requests"] >= 100
    assert figures == figures | expected
    without = replace(live, request=np.full(600, -1)).figures()["a"]
    assert not set(REQUEST_FIGURES) & set(without) and without["requests"] == 0
    assert without["gauc_hour"] == expected["gauc_hour"]
