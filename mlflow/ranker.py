"""The ranker as an MLflow model: candidates in the ids of the logs → click probabilities.

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
    from assets.ranking.serving import ServedRanker


class RankerModel(PythonModel):
    """One version of a ranking model; follows the hourly states that are adapted from it."""

    served: ServedRanker

    def load_context(self, context: PythonModelContext) -> None:
        """Open the version whose `state.json` is the artifact `record`, a copy of that in its folder."""
        from assets.ranking.serving import ServedRanker

        self.served = ServedRanker(Path(context.artifacts["record"]).parents[1])

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """`score` of each candidate, in their order.

        Raises:
            MlflowException: the request cannot be answered as it stands (a 400 where it is served).
        """
        try:
            return pd.DataFrame({"score": self.served.score(model_input)})
        except BadRequest as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from error


set_model(RankerModel())
