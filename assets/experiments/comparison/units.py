"""The pieces of a comparison's work: the long-term graphs of a (day, seed), and systems that are scored."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from assets.experiments.comparison.settings import CompareSettings
from assets.experiments.comparison.systems import chosen_systems
from assets.experiments.source_logs import Logs
from assets.experiments.workers import Needs
from assets.ranking.window_days import WindowFolders

Piece = tuple[str, str, int]  #: system, day, seed


@dataclass(frozen=True)
class MorningsUnit:
    """The long-term graphs of the mornings before a day, for all systems that read them."""

    settings: CompareSettings
    logs: Logs
    day: str
    seed: int
    path: Path  #: where the vectors, or the reason why there are none, are written


@dataclass(frozen=True)
class ScoringUnit:
    """One system of one day and seed."""

    settings: CompareSettings
    logs: Logs
    day: str
    seed: int
    system: str
    window: WindowFolders  #: partitions before the day
    long_term: Path | None  #: vectors that a `MorningsUnit` wrote; None: the system reads none
    facts: bool  #: whether it also emits what is known of the day's exposures


@dataclass(frozen=True)
class WorkPlan:
    """Units in the order in which they are to be begun; `needs` as for `run_units`."""

    units: tuple[MorningsUnit | ScoringUnit, ...]
    needs: Needs


def planned(
    settings: CompareSettings,
    logs: Logs,
    left: Sequence[Piece],
    windows: Mapping[tuple[str, str], WindowFolders],
    folder: Path,
    facts_of: Collection[str],
) -> WorkPlan:
    """What is left to do: of each day and seed the graphs first, then its systems.

    Args:
        settings, logs: of the comparison.
        left: what is not scored yet, as `left_to_score` gives it.
        windows: (system, day) → partitions.
        folder: of what the workers share; graphs that lie there are not trained again.
        facts_of: days whose exposures are described already.
    """
    systems = chosen_systems(settings)
    units: list[MorningsUnit | ScoringUnit] = []
    needs: dict[int, tuple[int]] = {}
    described = set(facts_of)
    for (day, seed), pieces in groupby(left, key=lambda piece: piece[1:]):
        names = [name for name, *_ in pieces]
        path = folder / f"long_term.{day}.{seed}.npz"
        graphs = None
        if any(systems[name].uses_long_term for name in names) and not path.exists():
            graphs = len(units)
            units.append(MorningsUnit(settings, logs, day, seed, path))
        for name in names:
            reads = systems[name].uses_long_term
            if reads and graphs is not None:
                needs[len(units)] = (graphs,)
            shared = path if reads else None
            window, facts = windows[name, day], day not in described
            units.append(ScoringUnit(settings, logs, day, seed, name, window, shared, facts))
            described.add(day)
    return WorkPlan(tuple(units), needs)


def left_to_score(settings: CompareSettings, scored: Collection[Piece]) -> list[Piece]:
    """What is not scored yet, by day and seed; in each the last of the registry first.

    The registry ends with what takes longest, so that the workers end nearly together.
    """
    from models.ranking.registry import SYSTEMS

    order = {name: number for number, name in enumerate(SYSTEMS)}
    names = sorted(settings.systems, key=lambda name: order[name], reverse=True)
    return [
        (name, day, seed)
        for day in settings.days
        for seed in settings.seeds
        for name in names
        if (name, day, seed) not in scored
    ]
