"""What a comparison says beyond means: tests, segments, calibration, gates. One day in memory at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assets.experiments.comparison.day_facts import DayFacts
from assets.experiments.comparison.differences import DayTest, PairLevel, PairTest
from assets.experiments.comparison.held_parts import HeldParts, PartsRemoved, ablations_among, parts_of
from assets.experiments.comparison.pair_levels import PairLevels
from assets.experiments.comparison.paired_tests import PairedTests
from assets.experiments.comparison.parts import (
    Calibration,
    CalibrationBin,
    DayScore,
    GateWeight,
    SegmentFigures,
)
from assets.experiments.comparison.scores import Scores, facts_name, scores_name
from assets.experiments.comparison.segments import Gates, Segments, membership
from assets.experiments.comparison.settings import CompareSettings
from assets.experiments.comparison.systems import chosen_systems
from assets.experiments.frame import Study


@dataclass(frozen=True)
class Details:
    """Fields of a comparison's result."""

    tests: tuple[PairTest, ...]
    within: tuple[PairTest, ...]
    levels: tuple[PairLevel, ...]
    delong: tuple[DayTest, ...]
    segments: tuple[SegmentFigures, ...]
    calibration: tuple[Calibration, ...]
    gate: tuple[GateWeight, ...]
    held: tuple[HeldParts, ...]
    ablated: tuple[PartsRemoved, ...]


def details(
    settings: CompareSettings, systems: Sequence[str], study: Study[DayScore]
) -> tuple[Details, dict[str, dict[str, float | None]]]:
    """The details of a comparison whose every day is scored, of the `systems` that did not fail.

    Returns:
        the details; and by system `ece` and `gain_error`, of all its days and seeds together.
    """
    tests, levels = _between_systems(settings, systems, study)
    users = np.unique(np.concatenate([_facts(study, day).user for day in settings.days]))
    segments: list[SegmentFigures] = []
    calibrations: list[Calibration] = []
    gates, beside = Gates(), {}
    for system in systems:
        parts, calibration = _of_system(system, settings, study, users, gates)
        segments += parts.entries()
        calibrations.append(calibration)
        beside[system] = {"ece": calibration.ece, "gain_error": parts.gain_error()}
    chosen = {name: settings_of for name, settings_of in chosen_systems(settings).items() if name in systems}
    about = Details(
        tests=tests.overall(),
        within=tests.within(),
        levels=levels.entries(),
        delong=tests.by_day(),
        segments=tuple(segments),
        calibration=tuple(calibrations),
        gate=gates.entries(),
        held=parts_of(chosen),
        ablated=ablations_among(chosen),
    )
    return about, beside


def _between_systems(
    settings: CompareSettings, systems: Sequence[str], study: Study[DayScore]
) -> tuple[PairedTests, PairLevels]:
    """What needs all systems of a day at once."""
    from models.metrics import Ordered

    with_lists = any((_facts(study, day).request >= 0).any() for day in settings.days)
    tests, levels = PairedTests(systems, settings.seeds), PairLevels(with_lists)
    for day in settings.days:
        facts = _facts(study, day)
        scorings = [
            [Ordered.of(_scores(study, system, day, seed).adapted) for system in systems]
            for seed in settings.seeds
        ]
        tests.add(day, facts, scorings)
        levels.add(systems, facts, scorings)
    return tests, levels


def _of_system(
    system: str, settings: CompareSettings, study: Study[DayScore], users: np.ndarray, gates: Gates
) -> tuple[Segments, Calibration]:
    """What asks one system only; `gates` takes in its gate weights."""
    from models.metrics import BINS, Ordered, calibration_sums, expected_calibration_error

    segments, sums = Segments(system, len(users)), np.zeros((BINS, 3))
    for day in settings.days:
        facts = _facts(study, day)
        groups, member = membership(facts), np.searchsorted(users, facts.user)
        for seed in settings.seeds:
            scores = _scores(study, system, day, seed)
            scorings = [Ordered.of(x) for x in (scores.adapted, scores.static) if x is not None]
            segments.add(day, facts.clicked, scorings, groups, member)
            gates.add(system, facts, scores.gate)
            sums += calibration_sums(facts.clicked, scores.adapted, scorings[0])
    ece = expected_calibration_error(sums)
    return segments, Calibration(system=system, ece=ece, bins=bins(sums))


def _facts(study: Study[DayScore], day: str) -> DayFacts:
    return DayFacts(**study.arrays(facts_name(day)))


def _scores(study: Study[DayScore], system: str, day: str, seed: int) -> Scores:
    return Scores(**study.arrays(scores_name(system, day, seed)))


def bins(sums: np.ndarray) -> tuple[CalibrationBin, ...]:
    """Bins from the sums [10, 3] of `calibration_sums`, lowest scores first; empty ones left out."""
    return tuple(
        CalibrationBin(predicted=predicted / exposures, clicked=clicks / exposures, exposures=int(exposures))
        for predicted, clicks, exposures in sums.tolist()
        if exposures
    )
