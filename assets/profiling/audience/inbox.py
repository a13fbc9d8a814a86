"""The folder of request files: which are ready, and what becomes of one that nobody could carry out.

`requests/<name>.json` with the fields of `AudienceSettings`, and the customers' file beside it. A malformed
request is moved to `requests/rejected/` with the reason beside it, so that it is looked at once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from assets.common.faults import BadRequest
from assets.profiling.audience.requests import AudienceSettings, load_request

SETTLED_SECONDS = 5.0  #: a file that changed more recently may still be on its way
REJECTED = "rejected"


@dataclass(frozen=True)
class Inbox:
    """What lies in a folder of requests."""

    ready: dict[str, str]  #: name of the request → mark that differs when the request or its list does
    rejected: dict[str, str]  #: name of a file that was moved away → reason


def request_path(folder: Path, name: str) -> Path:
    """The file of a request."""
    return folder / f"{name}.json"


def look(folder: Path, now: float) -> Inbox:
    """Take stock of the folder; malformed requests are moved away.

    Args:
        folder: need not be there.
        now: seconds since 1970; files that changed less than `SETTLED_SECONDS` before are left for later.
    """
    ready, rejected = {}, {}
    for path in sorted(folder.glob("*.json")):
        try:
            if now - path.stat().st_mtime < SETTLED_SECONDS:
                continue
            settings = load_request(path)
            if now - Path(settings.customers).stat().st_mtime >= SETTLED_SECONDS:
                ready[path.stem] = mark(path, settings)
        except FileNotFoundError:  # taken away while this looked
            continue
        except BadRequest as error:
            rejected[path.name] = str(error)
            reject(path, str(error))
    return Inbox(ready, rejected)


def mark(path: Path, settings: AudienceSettings) -> str:
    """Sixteen hex digits of the request's text and of its list's size and time."""
    customers = Path(settings.customers).stat()
    about = f"{customers.st_size} {customers.st_mtime_ns}".encode()
    return hashlib.blake2b(path.read_bytes() + about, digest_size=8).hexdigest()


def reject(path: Path, reason: str) -> None:
    """Move a request to `rejected/` and write why; an older one of the same name is replaced."""
    folder = path.parent / REJECTED
    folder.mkdir(exist_ok=True)
    (folder / f"{path.stem}.reason.txt").write_text(
        f"{reason}\n\nMend the file and put it into {path.parent.name}/ again.\n"
    )
    path.replace(folder / path.name)
