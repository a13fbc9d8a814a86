"""A trained profiler as an MLflow model: the files beside it with which MLflow opens it."""

from __future__ import annotations

from pathlib import Path

from assets.ranking.served_version import write_files

USER, TOP = "user_id", 1000  #: the column of ids, and how many users an audience holds unless asked
CODE = Path(__file__).with_name("served_prospector.py")


def write_prospector(folder: Path) -> None:
    """Make the folder of a finished profiler an MLflow model, unless it is one already."""
    import pandas as pd
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema

    signature = ModelSignature(
        Schema([ColSpec("string", USER)]),
        Schema([ColSpec("string", USER), ColSpec("double", "score"), ColSpec("double", "percentile")]),
        ParamSchema([ParamSpec("top", "long", TOP)]),
    )
    write_files(folder, CODE, signature, pd.DataFrame({USER: ["a customer", "another"]}))
