"""The profiler as an MLflow model: customers of a brand in the ids of the logs → an audience with scores.

MLflow runs this file when a version is logged and when one is loaded (`models from code`). It must be able to
import the package `hourfold`, and to read the home that the version was trained in.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext

from assets.common.faults import BadRequest

if TYPE_CHECKING:
    from assets.profiling.serving import ServedProspector


class ProspectorModel(PythonModel):
    """One version of a profiler, as of the date that it was trained at."""

    served: ServedProspector

    def load_context(self, context: PythonModelContext) -> None:
        """Open the version whose `state.json` is the artifact `record`, a copy of that in its folder."""
        from assets.profiling.serving import ServedProspector

        self.served = ServedProspector(Path(context.artifacts["record"]).parents[1])

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """`user_id`, `score` and `percentile` of the audience of these customers (`user_id`), best first.

        Args:
            params: `top`, how many users the audience holds.

        Raises:
            MlflowException: the request cannot be answered as it stands (a 400 where it is served).
        """
        try:
            return self.served.audience(model_input, **(params or {}))
        except BadRequest as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from error


set_model(ProspectorModel())
