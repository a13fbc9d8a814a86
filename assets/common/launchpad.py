"""Settings as the config of an asset: what Dagster's launchpad asks for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import dagster as dg
from pydantic import BaseModel, Field, create_model

from assets.common.options import Option, option


class LaunchpadConfig(dg.Config):
    """The base of configs made from settings."""

    workers: int = Field(default=1, ge=1, description="processes, one thread each")

    def chosen(self) -> dict[str, Any]:
        """Setting → what was written, for `model_validate`; settings that were left open are not in it."""
        values = self.model_dump(exclude={"workers"})
        return {name: value for name, value in values.items() if value is not None}


C = TypeVar("C", bound=LaunchpadConfig)


def launchpad(
    settings: type[BaseModel],
    *,
    leave_out: Collection[str] = (),
    otherwise: Mapping[str, str] | None = None,
) -> Callable[[type[C]], type[C]]:
    """Give a config a field a setting.

    Args:
        settings: the model that declares the settings.
        leave_out: settings that the asset decides.
        otherwise: settings that may be left open → what is taken then, in words.
    """
    fields = {
        name: _field(option(settings, name), (otherwise or {}).get(name))
        for name in settings.model_fields
        if name not in leave_out
    }

    def decorate(config: type[C]) -> type[C]:
        made: dict[str, Any] = fields
        return create_model(config.__name__, __base__=config, __doc__=config.__doc__, **made)

    return decorate


def _field(of: Option, otherwise: str | None) -> tuple[Any, Any]:
    kind, default, description = of.type, of.default, of.description
    if otherwise is not None:
        kind, default, description = kind | None, None, f"{description}; otherwise {otherwise}"
    return kind, Field(default=default, description=description, ge=of.least, le=of.most)
