"""The base of every settings class: frozen, and closed to unknown keys."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Immutable settings that refuse unknown keys, so that a typing error is never a silent default."""

    model_config = ConfigDict(frozen=True, extra="forbid")
