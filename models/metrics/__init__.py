"""The figures every ranker is judged by, and how sure they are. Definitions: docs/metrics.md."""

from models.metrics.areas import (
    Grouped,
    NotFinite,
    Ordered,
    auc,
    auc_by_group,
    average_precision,
    finite,
    gauc,
)
from models.metrics.delong import (
    Placements,
    auc_covariance,
    auc_difference,
    auc_standard_error,
    paired,
    placements,
)
from models.metrics.figures import FIGURES, PERIODS, POOLED, Figure, auc_by_period, ranking_figures
from models.metrics.probabilities import BINS, calibration_sums, expected_calibration_error, log_loss
from models.metrics.resampling import holm, influences, merged, resampled
from models.metrics.top_lift import lift_of_first

__all__ = [
    "BINS",
    "FIGURES",
    "PERIODS",
    "POOLED",
    "Figure",
    "Grouped",
    "NotFinite",
    "Ordered",
    "Placements",
    "auc",
    "auc_by_group",
    "auc_by_period",
    "auc_covariance",
    "auc_difference",
    "auc_standard_error",
    "average_precision",
    "calibration_sums",
    "expected_calibration_error",
    "finite",
    "gauc",
    "holm",
    "influences",
    "lift_of_first",
    "log_loss",
    "merged",
    "paired",
    "placements",
    "ranking_figures",
    "resampled",
]
