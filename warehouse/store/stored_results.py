"""Scores and metrics of an open warehouse."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pandas as pd

from warehouse.store import results
from warehouse.store.results import Metric


class StoredResults:
    """What models left behind in the warehouse behind a connection; see `warehouse.store.results`."""

    connection: duckdb.DuckDBPyConnection

    def write_predictions(
        self, system: str, model_version: str, partition: str, exposure_ids: np.ndarray, scores: np.ndarray
    ) -> None:
        """Replace a system's scores of a partition: exposure_ids object [E], scores float64 [E]."""
        results.write_predictions(self.connection, system, model_version, partition, exposure_ids, scores)

    def write_scores(
        self, partition: str, scored: Sequence[results.Scores], metrics: Sequence[Metric]
    ) -> None:
        """Replace the scores of these systems in a partition and these metrics, in one transaction."""
        results.write_scores(self.connection, partition, scored, metrics)

    def read_predictions(self, system: str | None = None, partition: str | None = None) -> pd.DataFrame:
        """Stored scores: exposure_id, system, model_version, partition, score."""
        return results.read_predictions(self.connection, system, partition)

    def write_metrics(self, metrics: Sequence[Metric]) -> None:
        """Store metrics, replacing those of the same name, system and partition."""
        results.write_metrics(self.connection, metrics)

    def read_metrics(
        self, name: str | None = None, system: str | None = None, day: str | None = None
    ) -> pd.DataFrame:
        """Stored metrics: name, system, partition, value (NaN where undefined), extra (dictionary).

        `day`: of that day and its hours.
        """
        return results.read_metrics(self.connection, name, system, day)
