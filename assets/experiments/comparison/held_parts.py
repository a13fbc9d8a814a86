"""Which parts of the paper each compared system holds, and which of them are ablations of which."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import TYPE_CHECKING

from assets.experiments.comparison.parts import ResultPart

if TYPE_CHECKING:
    from models.ranking.training.system import SystemSettings


class HeldParts(ResultPart):
    """What a system is made of."""

    system: str
    parts: dict[str, str]  #: part → `yes` (as in the paper), `ours` (in another form) or empty


class PartsRemoved(ResultPart):
    """Two systems that differ in nothing but parts that the second lacks."""

    whole: str
    less: str
    parts: tuple[str, ...]


def parts_of(systems: Mapping[str, SystemSettings]) -> tuple[HeldParts, ...]:
    """One entry a system, from its settings."""
    from models.ranking.paper_parts import held

    return tuple(HeldParts(system=name, parts=held(settings)) for name, settings in systems.items())


def ablations_among(systems: Mapping[str, SystemSettings]) -> tuple[PartsRemoved, ...]:
    """Of all pairs of systems those in which one is the other without something."""
    from models.ranking.paper_parts import removed

    pairs = []
    for whole, less in permutations(systems, 2):
        if gone := removed(systems[whole], systems[less]):
            pairs.append(PartsRemoved(whole=whole, less=less, parts=gone))
    return tuple(pairs)
