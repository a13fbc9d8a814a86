"""Daily models that no hour begins from: their promotion failed, or they were rolled back.

The mark lies beside the state's record, in the folder of the state, so that a training which gives
another model takes it away: the new one is judged anew.
"""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

MARK = "withheld.json"


class Withheld(BaseModel):
    """Why no hour begins from a daily model, and who said so."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["promotion", "rollback"]
    why: str
    who: str
    at: str  #: UTC, to the second


def withheld(folder: Path) -> Withheld | None:
    """The mark of a state; None where hours may begin from it."""
    path = folder / MARK
    return Withheld.model_validate_json(path.read_text()) if path.is_file() else None


def withhold(folder: Path, by: Literal["promotion", "rollback"], why: str) -> None:
    """Let no hour begin from the state in `folder`."""
    from models.files import replace_file

    with replace_file(folder / MARK) as temporary:
        temporary.write_text(Withheld(by=by, why=why, who=user(), at=now()).model_dump_json(indent=2) + "\n")


def release(folder: Path) -> None:
    """Let hours begin from it again."""
    (folder / MARK).unlink(missing_ok=True)


def user() -> str:
    """Who runs this process; `unknown` where the system has no name for it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def now() -> str:
    """The present instant, UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
