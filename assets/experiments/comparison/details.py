"""What a comparison says beyond means: tests, segments, calibration, gates. One day in memory at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assets.experiments.comparison.day_facts import DayFacts
from assets.experiments.comparison.paired_tests import PairedTests
from assets.experiments.comparison.parts import (
    Calibration,
    CalibrationBin,
    DayScore,
    DayTest,
    GateWeight,
    PairTest,
    SegmentFigures,
)
from assets.experiments.comparison.scores import Scores, facts_name, scores_name
from assets.experiments.comparison.segments import Gates, Segments, membership
from assets.experiments.comparison.settings import CompareSettings
from assets.experiments.frame import Study


@dataclass(frozen=True)
class Details:
    """Fields of a comparison's result."""

    tests: tuple[PairTest, ...]
    delong: tuple[DayTest, ...]
    segments: tuple[SegmentFigures, ...]
    calibration: tuple[Calibration, ...]
    gate: tuple[GateWeight, ...]


def details(settings: CompareSettings, systems: Sequence[str], study: Study[DayScore]) -> Details:
    """The details of a comparison whose every day is scored, of the `systems` that did not fail."""
    from models.metrics import BINS, Ordered, calibration_sums, expected_calibration_error

    tests, segments, gates = PairedTests(systems, settings.seeds), Segments(), Gates()
    sums = {system: np.zeros((BINS, 3)) for system in systems}
    for day in settings.days:
        facts = DayFacts(**study.arrays(facts_name(day)))
        groups = membership(facts)
        adapted: list[list[Ordered]] = []
        for seed in settings.seeds:
            adapted.append([])
            for system in systems:
                scores = Scores(**study.arrays(scores_name(system, day, seed)))
                scorings = [Ordered.of(x) for x in (scores.adapted, scores.static) if x is not None]
                segments.add(system, day, facts.clicked, scorings, groups)
                gates.add(system, facts, scores.gate)
                sums[system] += calibration_sums(facts.clicked, scores.adapted, scorings[0])
                adapted[-1].append(scorings[0])
        tests.add(day, facts.clicked, facts.user, adapted)
    return Details(
        tests=tests.overall(),
        delong=tests.by_day(),
        segments=segments.entries(systems),
        calibration=tuple(
            Calibration(system=system, ece=expected_calibration_error(of_system), bins=bins(of_system))
            for system, of_system in sums.items()
        ),
        gate=gates.entries(),
    )


def bins(sums: np.ndarray) -> tuple[CalibrationBin, ...]:
    """Bins from the sums [10, 3] of `calibration_sums`, lowest scores first; empty ones left out."""
    return tuple(
        CalibrationBin(predicted=predicted / exposures, clicked=clicks / exposures, exposures=int(exposures))
        for predicted, clicks, exposures in sums.tolist()
        if exposures
    )
