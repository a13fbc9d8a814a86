"""The day's pooled figures, from stored scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from assets.ranking.figures import in_columns, lists_in_words
from assets.ranking.hour_scores import HOUR_FIGURES, evaluate
from assets.ranking.live import LiveDay
from assets.ranking.reading import HourLog
from models.metrics import REQUEST_FIGURES, auc, clustered_difference, ranking_figures
from models.ranking.day import ScoredHour
from tests.models.ranking.toy import hour_of, toy_log


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
        np.arange(600) // 6 % 50,
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
    assert expected["request_auc"] is not None and expected["requests"] == 100
    assert figures == figures | expected
    without = replace(live, request=np.full(600, -1)).figures()["a"]
    assert not set(REQUEST_FIGURES) & set(without) and without["requests"] == 0
    assert without["gauc_hour"] == expected["gauc_hour"]


def test_a_table_of_the_day_has_what_is_known_and_says_of_lists_once(live):
    rows = in_columns(live.figures())
    assert [row["system"] for row in rows] == ["a", "b"]
    gain = live.figures()["a"]["gain"]
    assert rows[0]["gain"] == f"{gain:+.4f}" and rows[1]["gain"] == ""
    assert rows[0]["nDCG@5"] and rows[0]["GAUC hour"] and "lists" not in rows[0]
    assert lists_in_words(live.figures()) == "100"
    without = replace(live, request=np.full(600, -1)).figures()
    assert not any("nDCG" in heading for row in in_columns(without) for heading in row)
    assert lists_in_words(without) == lists_in_words({}) == "no requests in these logs"


def test_an_hour_has_the_figures_of_its_lists():
    """Those of a failed system are emptied alike, so that none of an earlier run stays."""
    log = hour_of(toy_log(), 20)
    request = log.exposures.user
    hour = HourLog(
        "2026-03-03-20:00", replace(log, exposures=replace(log.exposures, request=request)), request
    )
    scores = ScoredHour({"probability": np.random.default_rng(0).random(len(request))}, None)
    figures, plain = evaluate(hour, scores), evaluate(replace(hour, log=log), scores)
    exposures = log.exposures
    expected = ranking_figures(exposures.clicked, scores.probability, exposures.user, None, request)
    assert figures == figures | expected and expected["request_mrr"] is not None
    assert plain["requests"] == 0 and not set(plain) & set(REQUEST_FIGURES)
    assert set(figures) <= {*HOUR_FIGURES, *REQUEST_FIGURES}
