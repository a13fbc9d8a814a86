"""The systems of a comparison: their settings by name, with overrides from the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from assets.common.tuned import changed, with_tuned
from assets.experiments.comparison.settings import CompareSettings

if TYPE_CHECKING:
    from models.ranking.lsttm.long_term_encoder import LongTermSettings
    from models.ranking.training.system import SystemSettings
    from models.settings import Settings

    S = TypeVar("S", bound=Settings)

ALL = "*"
LONG_TERM = "long_term"


def chosen_systems(settings: CompareSettings) -> dict[str, SystemSettings]:
    """Name → settings of every system named, in that order: the registry's, then tuned, then overridden.

    Raises:
        ValueError: an unknown system, or an override without a system, a setting or a possible value.
    """
    from models.ranking.registry import SYSTEMS

    unknown = [name for name in settings.systems if name not in SYSTEMS]
    if unknown:
        raise ValueError(f"unknown system {', '.join(unknown)}; known: {', '.join(SYSTEMS)}")
    chosen = {name: getattr(SYSTEMS[name], settings.size) for name in settings.systems}
    for name, values in settings.tuned.items():
        chosen[name] = with_tuned(name, chosen[name], values)
    for target, path, value in _overrides(settings):
        for name in chosen if target == ALL else {target} & set(chosen):
            chosen[name] = overridden(chosen[name], path, value)
    return chosen


def chosen_long_term(settings: CompareSettings) -> LongTermSettings:
    """Settings of the long-term graph that the systems share."""
    from models.ranking.registry import long_term_settings

    chosen = long_term_settings(settings.size)
    for target, path, value in _overrides(settings):
        if target == LONG_TERM:
            chosen = overridden(chosen, path, value)
    return chosen


def overridden(settings: S, path: str, value: str) -> S:
    """A copy with one setting changed; dots lead into nested settings, the value is JSON or plain text."""
    try:
        parsed = json.loads(value)
    except json.JSONDecodeError:
        parsed = value
    return changed(settings, {path: parsed})


def _overrides(settings: CompareSettings) -> list[tuple[str, str, str]]:
    """`target.path=value` as (target, path, value)."""
    targets = (ALL, LONG_TERM, *settings.systems)
    parsed = []
    for override in settings.overrides:
        setting, equals, value = override.partition("=")
        target, _, path = setting.partition(".")
        if not (path and equals) or target not in targets:
            raise ValueError(
                f"override {override!r}: write TARGET.SETTING=VALUE; targets: {', '.join(targets)}"
            )
        parsed.append((target, path, value))
    return parsed
