"""What makes the plain commands `dagster dev` and `mlflow ui`, typed in the root, show the home.

Dagster reads `.env` in its working directory; MLflow opens `mlflow.db` there, unless told otherwise. Git
ignores both. In `.env` one block of lines is ours and rewritten; every other line is the user's and stays.
HOURFOLD_HOME in the shell goes before the home that `.env` names.
"""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path
from urllib.parse import quote

from dotenv import dotenv_values

from assets.common.mlflow_store import DATABASE
from warehouse.home import ENV_FILE, HOME_VARIABLE, Home, home_in, sqlite_uri
from warehouse.landing.writing import replace_text

BEGIN, END = "# hourfold: begin, written by `make setup`", "# hourfold: end"
DAGSTER, MLFLOW = "DAGSTER_HOME", "MLFLOW_BACKEND_STORE_URI"


def checkout() -> Path | None:
    """The root of the checkout that this code runs from; None where it is installed, or cannot be written."""
    root = Path(__file__).resolve().parents[1]
    return root if (root / "workspace.yaml").is_file() and os.access(root, os.W_OK) else None


def shows(root: Path) -> Home | None:
    """The home that the plain commands show in a root; None before one was written there."""
    path = home_in(root / ENV_FILE)
    return None if path is None else Home(path)


def point_to(home: Home, root: Path) -> list[str]:
    """Write `.env` and `mlflow.db` in `root` so that the plain commands show `home`.

    Returns:
        what stood in the way, a sentence each: no file or line of the user's is replaced.
    """
    return [*_write_env(home, root / ENV_FILE), *_link_database(home, root)]


def _write_env(home: Home, path: Path) -> list[str]:
    before = path.read_text() if path.exists() else ""
    theirs = _without_block(before)
    own = dotenv_values(stream=StringIO(theirs), interpolate=False)
    lines = [f"{name}='{value}'" for name, value in _values(home).items() if name not in own]
    text = "\n".join([*theirs.splitlines(), BEGIN, *lines, END]) + "\n"
    if text != before:
        replace_text(path, text)
    expected = {HOME_VARIABLE: str(home.root), DAGSTER: str(home.dagster)}
    return [
        f"{path}: a line of yours sets {name}={own[name]}, and `dagster dev` there goes by it; "
        f"for this home it is {value}"
        for name, value in expected.items()
        if own.get(name, value) != value
    ]


def _values(home: Home) -> dict[str, str]:
    """The variables of our block; python-dotenv fills `${…}` in, from the shell first."""
    root = str(home.root)
    plain = quote(root) == root
    values = {
        HOME_VARIABLE: root if "}" in root else f"${{{HOME_VARIABLE}:-{root}}}",
        DAGSTER: f"${{{HOME_VARIABLE}}}/{home.dagster.name}",
        MLFLOW: f"sqlite:///${{{HOME_VARIABLE}}}/{home.mlflow.name}/{DATABASE}"
        if plain
        else sqlite_uri(home.mlflow / DATABASE),
    }
    return {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in values.items()}


def _without_block(text: str) -> str:
    """The user's own lines: all but those of ours inside the block."""
    lines, inside = [], False
    for line in text.splitlines():
        if line in (BEGIN, END):
            inside = line == BEGIN
        elif not (inside and line.partition("=")[0] in (HOME_VARIABLE, DAGSTER, MLFLOW)):
            lines.append(line)
    return "\n".join(lines)


def _link_database(home: Home, root: Path) -> list[str]:
    link, target = root / DATABASE, home.mlflow / DATABASE
    if target.is_relative_to(root):
        target = target.relative_to(root)  # survives a move of the root
    ours = link.is_symlink() and link.readlink().parts[-2:] == (home.mlflow.name, DATABASE)
    if ours and link.readlink() == target:
        return []
    if not ours and (link.is_symlink() or link.exists()):
        return [
            f"{link} is a file of its own, and `mlflow ui` there shows it: move it away to see {home.root}"
        ]
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    return []
