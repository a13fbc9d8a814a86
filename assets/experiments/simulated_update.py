"""A ranker's scores on simulated days, still and updated: for what the simulator's check says of updates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assets.experiments.ab.simulated_log import SimulatedLog
from models.progress import Progress
from models.ranking.day import ServedDay
from models.ranking.training.system import SystemSettings
from simulator import SimulatorSettings
from simulator.feed.update_gains import ScoredDay
from simulator.feed.world import SimulatedHour, World


def scored_days(
    settings: SimulatorSettings,
    system: SystemSettings,
    numbers: Sequence[int],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[ScoredDay]:
    """Play the world in memory; before each of some days (numbers from 1) train, then live through it.

    Raises:
        ValueError: the system never updates, or reads long-term vectors, which are not made here.
    """
    if system.uses_long_term:
        raise ValueError(f"{system.kind} reads long-term vectors: choose a system without them")
    world = World(settings, max(numbers) + 1)
    log, played = SimulatedLog(world), list(world.hours())
    return [_scored(world, log, played, number, system, seed, progress) for number in numbers]


def _scored(
    world: World,
    log: SimulatedLog,
    played: list[SimulatedHour],
    number: int,
    system: SystemSettings,
    seed: int,
    progress: Progress | None,
) -> ScoredDay:
    start = 24 * number
    before, hours = played[:start], played[start : start + 24]
    history = log.history(before, [hour.external for hour in before], start)
    day = ServedDay.train(system, history, seed=seed, progress=progress, with_twin=True)
    if day.twin is None:
        raise ValueError(f"{system.kind} never updates: nothing to compare")
    updated, still = [], []
    for scored in day.live([log.hour(hour) for hour in hours], progress):
        assert scored.static is not None
        updated.append(scored.probability)
        still.append(scored.static)
    return ScoredDay(
        number=number,
        at=np.concatenate([hour.at for hour in hours]),
        published=world.items.published[np.concatenate([hour.item for hour in hours])],
        probability=np.concatenate([hour.probability for hour in hours]),
        still=np.concatenate(still),
        updated=np.concatenate(updated),
    )
