"""A daily state as an MLflow model: the files beside it with which `mlflow.pyfunc.load_model` opens it.

The version's source stays the state's own folder, so nothing is stored twice; `mlflow/ranker.py` is copied
beside it with the signature, an example and the pinned requirements. A link in this folder ships it with the
package.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from assets.ranking.serving_request import REQUEST_ID, REQUIRED, SHOWN_AT
from assets.ranking.states import RECORD
from warehouse.landing.writing import replace_text

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

MLMODEL = "MLmodel"
CODE = Path(__file__).with_name("served_model.py")
PINNED = (
    "hourfold",
    "mlflow",
    "torch",
    "torch-geometric",
    "numpy",
    "pandas",
    "pyarrow",
    "duckdb",
    "pydantic",
)


def write_model(folder: Path, context: Sequence[str]) -> None:
    """Make the folder of a finished daily state an MLflow model, unless it is one already.

    Args:
        folder: of the state.
        context: the context columns of exposures, in the ids of the logs.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, Schema

    optional = [ColSpec(AnyType(), SHOWN_AT, required=False)]
    optional += [ColSpec("string", name, required=False) for name in (REQUEST_ID, *context)]
    signature = ModelSignature(
        Schema([*(ColSpec("string", name) for name in REQUIRED), *optional]),
        Schema([ColSpec("double", "score")]),
    )
    write_files(folder, CODE, signature, _example(context, folder.name))


def write_files(folder: Path, code: Path, signature: ModelSignature, example: pd.DataFrame) -> None:
    """Put beside a state, whose record stands in `folder`, what makes it an MLflow model, unless it is one.

    Args:
        code: a model from code, which is copied.
        signature, example: of a request.
    """
    if (folder / MLMODEL).exists():
        return
    import mlflow.pyfunc
    from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR

    os.environ.setdefault(MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.name, "false")  # of one small file
    with TemporaryDirectory() as temporary:
        model = Path(temporary) / "model"
        mlflow.pyfunc.save_model(
            str(model),
            python_model=str(code),
            artifacts={"record": str(folder / RECORD)},
            signature=signature,
            input_example=example,
            pip_requirements=_pinned(),
        )
        shutil.copytree(model, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(MLMODEL))
        replace_text(folder / MLMODEL, (model / MLMODEL).read_text())  # last: it says that all is written


def is_model(source: str) -> bool:
    """Whether a version's source can be opened as an MLflow model; one on a server is taken to be."""
    address = urlparse(source)
    return address.scheme not in ("", "file") or (Path(unquote(address.path)) / MLMODEL).exists()


def _example(context: Sequence[str], day: str) -> pd.DataFrame:
    """Two candidates of one request, by somebody and of items that no log need know."""
    import pandas as pd

    shown_at = pd.Timestamp(day) + pd.Timedelta(days=2)
    columns = {"user_id": "a user", "item_id": ["an item", "another"], SHOWN_AT: f"{shown_at.isoformat()}Z"}
    return pd.DataFrame({**columns, REQUEST_ID: "a list", **dict.fromkeys(context, "a value")})


def _pinned() -> list[str]:
    """What serving imports, each at the version that stands here."""
    pinned = []
    for name in PINNED:
        try:
            pinned.append(f"{name}=={version(name)}")
        except PackageNotFoundError:  # run from a checkout that is not installed
            continue
    return pinned
