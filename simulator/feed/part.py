"""The base of every group of the simulator's settings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class SimulatorPart(BaseModel):
    """Frozen, closed to unknown names, its defaults checked too."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
