"""The scripts of docs/ as modules: they are no package."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def builder_of(name: str) -> ModuleType:
    """`docs/<name>.py`, loaded."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def templates(folder: Path, results: Mapping[str, Any]) -> Path:
    """A copy of the pages' templates in `folder`, with `<name>.json` of each result beside it."""
    shutil.copytree(DOCS / "results" / "parts", folder / "results" / "parts")
    (folder / "images").mkdir()
    for name, result in results.items():
        (folder / f"{name}.json").write_text(json.dumps(result.document()))
    return folder
