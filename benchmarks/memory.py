"""How much memory a process holds at most: of its own, and as pages of files that it has mapped.

Pages of mapped files count as resident, and the system may take them back whenever others need memory; what
is anonymous stays until the process gives it back.
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

STATUS = Path("/proc/self/status")
#: fields of the status by name in a report; VmHWM is the peak that the system itself has kept
FIELDS = {"anonymous": "RssAnon", "mapped": "RssFile", "resident": "VmRSS", "kept": "VmHWM"}
KIB_A_GIB = 2**20


def resident() -> dict[str, float]:
    """GiB by name of `FIELDS`, at this moment."""
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return {name: int(lines[field].split()[0]) / KIB_A_GIB for name, field in FIELDS.items()}


class PeakMemory:
    """Peaks of memory while the context is open, sampled by a thread."""

    def __init__(self, seconds: float = 0.05) -> None:
        """Args: seconds between two samples."""
        self._seconds, self._ended = seconds, threading.Event()
        self._peaks = dict.fromkeys(FIELDS, 0.0)
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def peaks(self) -> dict[str, float]:
        """GiB: `peak_gib` of all that was resident, as the system kept it; of both kinds, as sampled."""
        self._look()
        return {
            "peak_gib": round(self._peaks["kept"], 3),
            "peak_anonymous_gib": round(self._peaks["anonymous"], 3),
            "peak_mapped_gib": round(self._peaks["mapped"], 3),
        }

    def _sample(self) -> None:
        while not self._ended.wait(self._seconds):
            self._look()

    def _look(self) -> None:
        self._peaks = {name: max(self._peaks[name], value) for name, value in resident().items()}
