"""Scores and metrics: replaced when an hour runs again, undefined values kept as such."""

import math

import numpy as np
import pytest

from warehouse.store.results import Metric
from warehouse.store.warehouse import Warehouse


@pytest.fixture
def warehouse(tmp_path):
    with Warehouse(tmp_path / "w.duckdb") as opened:
        yield opened


def test_predictions_of_a_system_and_hour_are_replaced(warehouse):
    ids = np.array(["a", "b"], dtype=object)
    warehouse.write_predictions("deepfm", "v1", "h0", ids, np.array([0.1, 0.2]))
    warehouse.write_predictions("lsttm", "v1", "h0", ids, np.array([0.3, 0.4]))
    warehouse.write_predictions("deepfm", "v2", "h0", ids[:1], np.array([0.9]))
    scores = warehouse.read_predictions()
    assert scores[["system", "model_version", "score"]].values.tolist() == [
        ["deepfm", "v2", 0.9], ["lsttm", "v1", 0.3], ["lsttm", "v1", 0.4],
    ]  # fmt: skip
    assert len(warehouse.read_predictions("lsttm", "h0")) == 2
    assert warehouse.read_predictions("lsttm", "h1").empty


def test_metrics_are_replaced_and_one_without_value_stays_undefined(warehouse):
    warehouse.write_metrics([Metric("auc", "deepfm", "h0", 0.7), Metric("auc", "deepfm", "h1", None)])
    warehouse.write_metrics(
        [Metric("auc", "deepfm", "h0", 0.8, {"exposures": 5}), Metric("auc", "x", "h0", math.nan)]
    )
    metrics = warehouse.read_metrics("auc", "deepfm")
    assert metrics["value"].tolist()[0] == 0.8 and math.isnan(metrics["value"].tolist()[1])
    assert metrics["extra"].tolist() == [{"exposures": 5}, {}]
    assert len(warehouse.read_metrics()) == 3


def test_no_metrics_is_no_error(warehouse):
    warehouse.write_metrics([])
    assert warehouse.read_metrics().empty
