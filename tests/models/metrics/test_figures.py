"""The catalogue of figures holds every name that results hold, and pooled figures are their formulas."""

import json
from pathlib import Path

import numpy as np
import pytest

from models.metrics import (
    FIGURES,
    POOLED,
    NotFinite,
    Ordered,
    auc,
    auc_by_period,
    auc_difference,
    auc_standard_error,
    average_precision,
    gauc,
    log_loss,
    ranking_figures,
)

DATA = Path(__file__).parents[3] / "docs" / "results" / "data"


def test_figures_of_reported_comparisons_are_in_the_catalogue():
    reports = [json.loads(path.read_text()) for path in DATA.glob("ranking-*.json")]
    summaries = [entry for report in reports for entry in report.get("summary", [])]
    assert summaries
    aside = {"system", "null_hours", "null_days", "train_seconds", "hours_seconds"}
    assert {name for entry in summaries for name in entry} - aside <= set(FIGURES)


def test_labels_name_one_figure_each():
    labels = [figure.label for figure in FIGURES.values()]
    assert len(set(labels)) == len(labels)


def test_pooled_figures_are_the_formulas():
    rng = np.random.default_rng(0)
    clicked, scores, users = rng.random(400) < 0.3, rng.random(400), rng.integers(0, 30, 400)
    assert ranking_figures(clicked, scores, users) == {
        "auc": auc(clicked, scores),
        "auc_se": auc_standard_error(clicked, scores),
        "aupr": average_precision(clicked, scores),
        "log_loss": log_loss(clicked, scores),
        "gauc": gauc(clicked, scores, users),
        "requests": 0.0,
    }


def test_one_class_has_no_area():
    values = ranking_figures(np.zeros(5, bool), np.full(5, 0.5), np.zeros(5, int))
    assert values["auc"] is None and values["auc_se"] is None and values["log_loss"] is not None


FIGURES_OF_SCORES = {
    "auc": auc,
    "auc_standard_error": auc_standard_error,
    "auc_difference": lambda labels, scores: auc_difference(labels, np.arange(len(scores)), scores),
    "average_precision": average_precision,
    "gauc": lambda labels, scores: gauc(labels, scores, np.zeros(len(labels), int)),
    "log_loss": log_loss,
    "calibration_sums, auc_by_group, placements": lambda labels, scores: Ordered.of(scores),
    "ranking_figures": lambda labels, scores: ranking_figures(labels, scores, np.zeros(len(labels), int)),
}


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("figure", FIGURES_OF_SCORES)
def test_scores_that_are_no_numbers_are_refused_and_counted(figure, wrong):
    labels, scores = np.arange(12) % 3 == 0, np.linspace(0.1, 0.9, 12)
    scores[[2, 7]] = wrong
    with pytest.raises(NotFinite, match="2 of 12 scores are not finite"):
        FIGURES_OF_SCORES[figure](labels, scores)


def test_a_period_pools_its_exposures():
    """An hour of two exposures does not weigh as much as one of 200."""
    rng = np.random.default_rng(1)
    hour = np.repeat([0, 1, 9], [200, 2, 50])
    clicked, scores = rng.random(252) < 0.4, rng.random(252)
    clicked[200:202], scores[200:202] = [True, False], [0.9, 0.1]
    pooled = auc_by_period(clicked, scores, hour)
    assert list(pooled)[:3] == list(POOLED) and pooled["gain1"] is None, "no gain without static scores"
    assert pooled["pooled1"] == auc(clicked[:202], scores[:202])
    of_hours = [auc(clicked[hour == h], scores[hour == h]) for h in (0, 1)]
    assert abs(pooled["pooled1"] - np.mean(of_hours)) > 0.1
    assert pooled["pooled3"] is None
