"""The home made ready: folders, Dagster's instance settings and the variables that its processes read."""

from __future__ import annotations

import hashlib
import logging
import os
from importlib import resources
from urllib.parse import quote

from assets.common.mlflow_store import ARTIFACTS, re_root, team_uri
from models.files import replace_file
from orchestration.pointers import checkout, point_to, shows
from warehouse.home import Home

STORAGE = "orchestration.instance_storage"  #: what escapes a home's path, as dagster.yaml names it
#: SHA-256, first twelve digits, of each `dagster.yaml` that an earlier version wrote: it was not edited.
FORMER = frozenset(
    ("e3617d981737", "b861b7fda7f3", "fb757d6fc34d", "d8516564fa6d", "5277c5d16fae", "cfcc5fed02cd")
)

_log = logging.getLogger("hourfold")


def prepare_home(home: Home | None = None) -> Home:
    """Create what Dagster and MLflow need under `home` (default: this process's), and point there.

    A `dagster.yaml` that was edited is kept; one as an earlier version wrote it is replaced. Child processes
    (`dagster dev`, `mlflow server`) inherit HOURFOLD_HOME and DAGSTER_HOME and therefore show the same state.
    What MLflow stored of the place where the home was before is rewritten. The plain commands in the root are
    pointed at the root's own home, `var/`; another home is theirs only after `make setup` with HOURFOLD_HOME.
    """
    home = home or Home.current()
    home.dagster.mkdir(parents=True, exist_ok=True)
    (home.mlflow / ARTIFACTS).mkdir(parents=True, exist_ok=True)
    settings = home.dagster / "dagster.yaml"
    if not settings.exists() or hashlib.sha256(settings.read_bytes()).hexdigest()[:12] in FORMER:
        with replace_file(settings) as temporary:
            temporary.write_text((resources.files("orchestration") / "dagster.yaml").read_text())
    elif quote(str(home.root)) != str(home.root) and STORAGE not in settings.read_text():
        _log.warning(
            "%s names no %s, so Dagster cannot use such a path: take the storages over from %s",
            *(settings, STORAGE, resources.files("orchestration") / "dagster.yaml"),
        )
    os.environ["HOURFOLD_HOME"] = str(home.root)
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    if team_uri() is None:
        re_root(home.mlflow)
    root = checkout()
    if root is not None and home.root == root / "var" and shows(root) in (None, home):
        _said(point_to(home, root))
    return home


def set_up() -> None:
    """What `make setup` does after the packages: the home is made ready and the root's commands show it."""
    home, root = prepare_home(), checkout()
    if root is not None:
        _said(point_to(home, root))
        print(f"`dagster dev` and `mlflow ui`, typed in {root}, show the home {home.root}")


def _said(obstacles: list[str]) -> None:
    for obstacle in obstacles:
        _log.warning(obstacle)
