"""Where a figure comes from: the code's revision, the data's hash, the settings in flat form."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel


@cache
def git_revision() -> str:
    """The commit of this checkout, `-dirty` where tracked files differ; `unknown` outside a checkout."""
    folder = Path(__file__).parent
    try:
        revision = _git("rev-parse", "--short=12", "HEAD", folder=folder)
        changed = _git("status", "--porcelain", "--untracked-files=no", folder=folder)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return revision + ("-dirty" if changed else "")


def _git(*arguments: str, folder: Path) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, check=True, capture_output=True, text=True, timeout=20
    )
    return done.stdout.strip()


def made_today() -> dict[str, str]:
    """Date and kind of machine of a result that is ready now; it names no machine."""
    return {"date": date.today().isoformat(), "machine": f"{os.cpu_count()} {platform.machine()} cores"}


def content_hash(path: Path) -> str:
    """A hash of a file's bytes, or of the names and bytes of all files under a folder. 16 hex digits."""
    digest = hashlib.blake2b(digest_size=8)
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            digest.update(str(file.relative_to(path)).encode())
            with file.open("rb") as opened:
                while block := opened.read(2**20):
                    digest.update(block)
    return digest.hexdigest()


def flat(settings: BaseModel | Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings as dotted names and text, the form in which MLflow stores parameters."""
    values = settings if isinstance(settings, Mapping) else settings.model_dump(mode="json")
    out: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            out |= flat(value, f"{prefix}{name}.")
        else:
            out[f"{prefix}{name}"] = value if isinstance(value, str) else json.dumps(value)
    return out


def settings_digest(settings: Mapping[str, str], seed: int) -> str:
    """Eight hex digits that differ when a setting or the seed does."""
    text = json.dumps([sorted(settings.items()), seed])
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
