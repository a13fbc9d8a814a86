"""One tiny demo for all tests that look at its outcome, also across test processes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parents[1]
SYSTEMS = "deepfm_external,lsttm_spectral"


@dataclass(frozen=True)
class Demo:
    """A home in which `hourfold demo --tiny` has run, and what it printed."""

    home: Path
    output: str

    def environment(self) -> dict[str, str]:
        """Variables of a process that works in this home."""
        return os.environ | {"HOURFOLD_HOME": str(self.home)}

    def hourfold(self, *arguments: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line in this home."""
        return subprocess.run(
            [sys.executable, "-m", "orchestration.cli", *arguments],
            env=self.environment(),
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=timeout,
        )


def demo_of_session(tmp_path_factory) -> Demo:
    """Run the demo once a test session; other processes wait for it and share it. Look, do not change."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    demo = Demo(shared / "demo", "")
    printed = shared / "demo.txt"
    with FileLock(shared / "demo.lock"):
        if not printed.exists():
            ran = demo.hourfold("demo", "--tiny", "--systems", SYSTEMS, timeout=1200)
            assert ran.returncode == 0, ran.stdout + ran.stderr
            printed.write_text(ran.stdout)
    return Demo(demo.home, printed.read_text())
