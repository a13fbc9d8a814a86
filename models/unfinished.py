"""The file of an unfinished training: read whole, or set aside with a warning. It never stops a training."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

ASIDE = ".unreadable"  #: ends the name of a file that was set aside


class UnreadableCheckpoint(UserWarning):
    """A checkpoint could not be read: it was set aside, and its training begins anew."""


def read_unfinished(path: Path | None, device: torch.device | str) -> dict[str, Any] | None:
    """What an unfinished training saved; None without a file, or with one that is damaged.

    The file's own checksums are compared: changed bytes would go on as other weights otherwise. A damaged
    file is renamed to end in `.unreadable`, and a warning names it.

    Raises:
        OSError: the file may not be opened, or not be renamed.
    """
    if path is None or not path.exists():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} differs")
        saved = torch.load(path, map_location=device, weights_only=True)
        if not isinstance(saved, dict):
            raise ValueError(f"it holds a {type(saved).__name__}")
    except (OSError, MemoryError):
        raise
    except Exception as error:
        set_aside(path, f"{type(error).__name__}: {error}")
        return None
    return saved


def set_aside(path: Path, reason: str) -> None:
    """Rename a checkpoint that cannot be gone on from, and warn: the training begins anew."""
    aside = path.with_name(path.name + ASIDE)
    path.replace(aside)
    first_line = (reason.splitlines() or [""])[0]
    warnings.warn(
        f"the checkpoint {path} cannot be read ({first_line}): it was set aside as {aside.name}, and the "
        "training begins anew",
        UnreadableCheckpoint,
        stacklevel=2,
    )
