"""Opening a DuckDB file that another process may hold: waiting for it, and saying for whom."""

from __future__ import annotations

import logging
import re
import time
from pathlib import Path

import duckdb

from warehouse.store.engine import OPEN_HERE, OpenFile

log = logging.getLogger(__name__)

SECONDS_BEFORE_A_WORD = 2.0  #: a wait that is longer is told
_ELSEWHERE = "Could not set lock on file"
_HERE = (OPEN_HERE, "different configuration", "Unique file handle conflict")
_HOLDER = re.compile(r"\(PID (\d+)\)")
_LONGEST_COMMAND = 160


class WarehouseBusy(RuntimeError):
    """Another process holds the warehouse file and did not let go in time."""


def check_path(path: Path) -> None:
    """Raise ValueError where DuckDB could not write: it takes a `?` for the end of a file's name."""
    if "?" in str(path.resolve()):
        raise ValueError(
            f"{path.resolve()}: DuckDB cannot keep a file where '?' is in the path: choose another folder "
            "(HOURFOLD_HOME moves the home)"
        )


def open_when_free(path: Path, *, read_only: bool, wait_seconds: float) -> OpenFile:
    """`path`, opened as soon as whoever holds the file lets go.

    Raises WarehouseBusy, which names the holder, after `wait_seconds`; ValueError as `check_path`.
    """
    check_path(path)
    began, pause, silent = time.monotonic(), 0.02, True
    while True:
        try:
            return OpenFile(path, read_only=read_only)
        except duckdb.Error as error:
            if not any(text in str(error) for text in (_ELSEWHERE, *_HERE)):
                raise
            waited = time.monotonic() - began
            if waited > wait_seconds:
                raise WarehouseBusy(
                    f"{path} is held by another process: waited {waited:.0f} s for "
                    f"{holder(str(error), path, read_only=read_only)}. Run this again when it has ended, or "
                    "end it"
                ) from error
            if silent and waited > SECONDS_BEFORE_A_WORD:
                silent = False
                log.warning("waiting for %s", holder(str(error), path, read_only=read_only))
        time.sleep(pause)
        pause = min(2 * pause, 0.5)


def holder(message: str, path: Path, *, read_only: bool) -> str:
    """Who holds the file, as DuckDB's refusal tells it: process number, its command line, and what it does.

    A reader is only kept out by one who writes; a writer by one who reads, too.
    """
    does = f"which {'writes to' if read_only else 'has'} {path}{'' if read_only else ' open'}"
    if any(text in message for text in _HERE):
        return f"this process itself, {does} {'' if read_only else 'for reading'}".rstrip()
    process = _HOLDER.search(message)
    if process is None:
        return f"another process, {does} ({message.splitlines()[0]})"
    command = _command_line(int(process[1]))
    return f"process {process[1]}{f' ({command})' if command else ''}, {does}"


def _command_line(process: int) -> str:
    """The command line of a process as it was typed, shortened; empty where the system does not tell it."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    words = [word for word in words if word]
    if len(words) > 1 and Path(words[0]).name.startswith("python") and not words[1].startswith("-"):
        words = words[1:]  # a script, such as bin/hourfold
    text = " ".join([*(Path(word).name for word in words[:1]), *words[1:]]).replace("\n", " ")
    return text if len(text) <= _LONGEST_COMMAND else text[: _LONGEST_COMMAND - 1] + "…"
