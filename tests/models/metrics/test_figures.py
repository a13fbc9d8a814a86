"""The catalogue of figures holds every name that results hold, and pooled figures are their formulas."""

import json
from pathlib import Path

import numpy as np

from models.metrics import FIGURES, auc, auc_standard_error, gauc, log_loss, ranking_figures

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
        "log_loss": log_loss(clicked, scores),
        "gauc": gauc(clicked, scores, users),
    }


def test_one_class_has_no_area():
    values = ranking_figures(np.zeros(5, bool), np.full(5, 0.5), np.zeros(5, int))
    assert values["auc"] is None and values["auc_se"] is None and values["log_loss"] is not None
