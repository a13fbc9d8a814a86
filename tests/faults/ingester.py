"""`hourfold` in a process that dies, or stops for good, as soon as a step of its run has a slot.

    python -m tests.faults.ingester SIGKILL ingest --source landing --data FOLDER

The signal is one that it sends to itself; SIGSTOP leaves it alive and still.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from orchestration.cli import app
from orchestration.event_log import OpenSqliteEventLog

_claim = OpenSqliteEventLog.claim_concurrency_slot


def claim_and_die(*args: Any, **options: Any) -> Any:
    """Claim a slot; nothing is done with it."""
    status = _claim(*args, **options)
    if status.is_claimed:
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
    return status


if __name__ == "__main__":
    setattr(OpenSqliteEventLog, "claim_concurrency_slot", claim_and_die)  # noqa: B010
    app(sys.argv[2:])
