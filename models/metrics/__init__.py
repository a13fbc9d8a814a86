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
from models.metrics.clustered import (
    clustered_difference,
    clustered_error,
    mean_influences,
    paired_clustered,
    two_sided,
)
from models.metrics.delong import (
    Placements,
    auc_difference,
    auc_standard_error,
    paired,
    placements,
)
from models.metrics.figures import (
    FIGURES,
    PERIODS,
    POOLED,
    REQUEST_FIGURES,
    Figure,
    auc_by_period,
    ranking_figures,
)
from models.metrics.group_influences import shares_by_group
from models.metrics.lists import LIST_FIGURES, JudgedLists, list_figures, list_numbers
from models.metrics.pairs import pairs_by_level, user_hours
from models.metrics.probabilities import BINS, calibration_sums, expected_calibration_error, log_loss
from models.metrics.resampling import holm, influences, merged, resampled
from models.metrics.top_lift import lift_of_first

__all__ = [
    "BINS",
    "FIGURES",
    "LIST_FIGURES",
    "PERIODS",
    "POOLED",
    "REQUEST_FIGURES",
    "Figure",
    "Grouped",
    "JudgedLists",
    "NotFinite",
    "Ordered",
    "Placements",
    "auc",
    "auc_by_group",
    "auc_by_period",
    "auc_difference",
    "auc_standard_error",
    "average_precision",
    "calibration_sums",
    "clustered_difference",
    "clustered_error",
    "expected_calibration_error",
    "finite",
    "gauc",
    "holm",
    "influences",
    "lift_of_first",
    "list_figures",
    "list_numbers",
    "log_loss",
    "mean_influences",
    "merged",
    "paired",
    "paired_clustered",
    "pairs_by_level",
    "placements",
    "ranking_figures",
    "resampled",
    "shares_by_group",
    "two_sided",
    "user_hours",
]
