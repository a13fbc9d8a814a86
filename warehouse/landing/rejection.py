"""The refusal of a landed file, as a whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

T = TypeVar("T")


class FileRejected(ValueError):
    """A landed file that cannot be taken, as a whole: nothing of its partition is loaded."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = path


def guarded(path: Path, read: Callable[[], T]) -> T:
    """What `read` gives; FileRejected where the bytes are not what the file's name says."""
    try:
        return read()
    except FileRejected:
        raise
    except UnicodeDecodeError as error:
        raise FileRejected(path, f"is no UTF-8 text ({error.reason}): save it as UTF-8") from error
    except (pa.ArrowException, OSError, ValueError, EOFError) as error:
        what = str(error).splitlines()[0]
        raise FileRejected(
            path, f"cannot be read, perhaps cut short or still being written ({what})"
        ) from error
