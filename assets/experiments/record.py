"""What every study's settings and results are made of: frozen models, and a key of what moved a figure."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def key_of(*about: Any) -> str:
    """Twelve hex digits of all that moves a figure, the code aside: JSON values."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]
