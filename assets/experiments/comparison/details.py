"""What a comparison says beyond means: tests, segments, calibration, gates. One day in memory at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from assets.experiments.comparison.paired_tests import PairedTests
from assets.experiments.comparison.partial import PartialResults
from assets.experiments.comparison.segments import Gates, Segments, membership
from assets.experiments.comparison.settings import CompareSettings


def details(settings: CompareSettings, partial: PartialResults) -> dict[str, Any]:
    """`tests`, `delong`, `segments`, `calibration` and `gate`; every day must be scored."""
    from models.metrics import BINS, Ordered, calibration_sums, expected_calibration_error

    tests, segments, gates = PairedTests(settings.systems, settings.seeds), Segments(), Gates()
    sums = {system: np.zeros((BINS, 3)) for system in settings.systems}
    for day in settings.days:
        facts = partial.facts(day)
        groups = membership(facts)
        adapted: list[list[Ordered]] = []
        for seed in settings.seeds:
            adapted.append([])
            for system in settings.systems:
                scores = partial.scores(system, day, seed)
                scorings = [Ordered.of(x) for x in (scores.adapted, scores.static) if x is not None]
                segments.add(system, day, facts.clicked, scorings, groups)
                gates.add(system, facts, scores.gate)
                sums[system] += calibration_sums(facts.clicked, scores.adapted, scorings[0])
                adapted[-1].append(scorings[0])
        tests.add(day, facts.clicked, facts.user, adapted)
    return {
        "tests": tests.overall(),
        "segments": segments.entries(settings.systems),
        "calibration": [
            {"system": system, "ece": expected_calibration_error(found), "bins": bins(found)}
            for system, found in sums.items()
        ],
        "gate": gates.entries(),
        "delong": tests.by_day(),
    }


def bins(sums: np.ndarray) -> list[dict[str, float | int]]:
    """Bins from the sums [10, 3] of `calibration_sums`, lowest scores first; empty ones left out."""
    return [
        {"predicted": predicted / exposures, "clicked": clicks / exposures, "exposures": int(exposures)}
        for predicted, clicks, exposures in sums.tolist()
        if exposures
    ]
