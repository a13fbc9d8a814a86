"""The figures every ranker is judged by, and how sure they are. Definitions: docs/metrics.md."""

from models.metrics.areas import Grouped, Ordered, auc, auc_by_group, gauc
from models.metrics.delong import (
    Placements,
    auc_covariance,
    auc_difference,
    auc_standard_error,
    paired,
    placements,
)
from models.metrics.figures import FIGURES, Figure, ranking_figures
from models.metrics.probabilities import BINS, calibration_sums, expected_calibration_error, log_loss
from models.metrics.resampling import holm, influences, merged, resampled

__all__ = [
    "BINS",
    "FIGURES",
    "Figure",
    "Grouped",
    "Ordered",
    "Placements",
    "auc",
    "auc_by_group",
    "auc_covariance",
    "auc_difference",
    "auc_standard_error",
    "calibration_sums",
    "expected_calibration_error",
    "gauc",
    "holm",
    "influences",
    "log_loss",
    "merged",
    "paired",
    "placements",
    "ranking_figures",
    "resampled",
]
