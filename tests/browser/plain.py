"""A copy of the root with a home in it, and the two plain commands typed there without a variable."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.browser.servers import answered, free_ports
from tests.demo_home import ROOT

CODE = ("orchestration", "assets", "models", "warehouse", "expectations", "simulator", "mlflow")
FILES = ("workspace.yaml", "pyproject.toml", "Makefile")


def copied_root(root: Path, home: Path) -> None:
    """The code and a copy of `home` as its `var/`, set up as `make setup` does."""
    root.mkdir()
    for name in CODE:
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, root)
    shutil.copytree(home, root / "var")
    command = [sys.executable, "-c", "from orchestration.settings import set_up; set_up()"]
    subprocess.run(command, cwd=root, env=bare(root), check=True, capture_output=True)


def bare(root: Path) -> dict[str, str]:
    """The environment of a shell that has this interpreter's commands on its path and none of our variables.

    PYTHONPATH stands for the editable installation, which in the real root points there.
    """
    ours = ("HOURFOLD_", "DAGSTER_", "MLFLOW_")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    return variables | {"PATH": path, "PYTHONPATH": str(root)}


@contextmanager
def typed(root: Path, *command: str, answers: str) -> Iterator[str]:
    """A plain command in the root, on a free port, until the end of the block; gives its address."""
    port = free_ports(1)[0]
    arguments = [*command, "--port", str(port)]
    server = subprocess.Popen(arguments, cwd=root, env=bare(root), start_new_session=True)
    try:
        answered(f"http://127.0.0.1:{port}{answers}", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
