"""The result of a comparison: what its JSON holds, and what pictures, pages and MLflow read from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from pydantic import model_validator

from assets.common.tuned import Scalar
from assets.experiments.comparison.differences import DayTest, PairDifference, PairLevel, PairTest
from assets.experiments.comparison.held_parts import HeldParts, PartsRemoved
from assets.experiments.comparison.older_tests import with_errors
from assets.experiments.comparison.parts import (
    Calibration,
    ComparedSettings,
    DayFigures,
    FailedSystem,
    GateWeight,
    HourRow,
    Made,
    ResultPart,
    SegmentFigures,
    SystemFigures,
    Truth,
)

HOURS = 24
HourFigure = Literal["auc", "auc_static", "gate_short"]


class Comparison(ResultPart):
    """The result of a comparison."""

    source: str
    simulated: bool
    settings: ComparedSettings
    tuned: dict[str, dict[str, Scalar]] = {}
    git: str
    data_hash: str
    made: Made | None = None
    rows: tuple[HourRow, ...]
    days: tuple[DayFigures, ...]
    summary: tuple[SystemFigures, ...]
    failed: tuple[FailedSystem, ...] = ()  #: systems without figures; the others are compared without them
    pairs: tuple[PairDifference, ...] = ()
    tests: tuple[PairTest, ...] = ()
    within: tuple[PairTest, ...] = ()  #: the same of figures within lists and users' hours
    held: tuple[HeldParts, ...] = ()  #: what each system is made of
    ablated: tuple[PartsRemoved, ...] = ()  #: which systems are others without something
    levels: tuple[PairLevel, ...] = ()  #: the pairs that pooled AUC is made of
    segments: tuple[SegmentFigures, ...] = ()
    calibration: tuple[Calibration, ...] = ()
    gate: tuple[GateWeight, ...] = ()
    delong: tuple[DayTest, ...] = ()
    truth: Truth | None = None  #: of simulated logs
    section: str | None = None  #: of the page, where it is not named after the source

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_versions(cls, document: Any) -> Any:
        if isinstance(document, dict) and all(isinstance(test, dict) for test in document.get("tests", ())):
            return document | {"tests": with_errors(document.get("tests", ()))}
        return document

    def document(self) -> dict[str, Any]:
        """What the JSON holds."""
        absent = {name for name in ("made", "truth", "section", "failed") if not getattr(self, name)}
        return self.model_dump(exclude=absent)

    @property
    def label(self) -> str:
        """The source as titles and experiments show it; a simulated one is always called so."""
        if not self.simulated:
            return self.source
        return "simulated" if self.source == "simulator" else f"{self.source}-simulated"

    @property
    def about(self) -> str:
        """The logs as a sentence names them."""
        return "simulated logs" if self.label == "simulated" else self.label

    @property
    def systems(self) -> dict[str, SystemFigures]:
        """The summary by system, in the order of the comparison."""
        return {entry.system: entry for entry in self.summary}

    def ranked(self) -> list[str]:
        """Systems by AUC, the best first; one without an AUC is left out."""
        scored = [(-entry.auc, entry.system) for entry in self.summary if entry.auc is not None]
        return [system for _, system in sorted(scored, key=lambda pair: pair[0])]

    def best(self, among: Iterable[str] | None = None) -> str | None:
        """The system with the highest AUC, of all or of some; None where none of them was compared."""
        return next((name for name in self.ranked() if among is None or name in among), None)

    def between(self, first: str, second: str, figure: str = "auc") -> PairTest | None:
        """The test of `first` less `second`, whichever way round it is stored; None where none was made."""
        for test in self.tests if figure == "auc" else self.within:
            if test.figure != figure:
                continue
            if (test.first, test.second) == (first, second):
                return test
            if (test.first, test.second) == (second, first):
                return test.turned()
        return None

    def by_hour(self, figure: HourFigure) -> dict[str, np.ndarray]:
        """System → figure of its hours, float64 [seeds, days, 24]; NaN where an hour has none.

        Systems without a single value are left out.
        """
        days = {day: d for d, day in enumerate(self.settings.days)}
        seeds = {seed: s for s, seed in enumerate(self.settings.seeds)}
        tables = {name: np.full((len(seeds), len(days), HOURS), np.nan) for name in self.systems}
        for row in self.rows:
            value = getattr(row, figure)
            if value is not None:
                tables[row.system][seeds[row.seed], days[row.day], row.hour] = value
        return {name: table for name, table in tables.items() if not np.isnan(table).all()}

    def gain_by_hour(self) -> dict[str, np.ndarray]:
        """System → what the update added to the AUC of its hours, float64 [seeds, days, 24]."""
        updated, still = self.by_hour("auc"), self.by_hour("auc_static")
        return {name: updated[name] - still[name] for name in updated if name in still}

    def band(self) -> str:
        """What `mean_and_error` gives for this comparison, as a caption says it."""
        days, seeds = len(self.settings.days), len(self.settings.seeds)
        made = f"Mean of {days} day{'s' * (days > 1)} × {seeds} seed{'s' * (seeds > 1)}"
        if days > 1:
            return f"{made}; band: ± 1 standard error over days, seeds averaged first."
        return f"{made}; band: ± 1 standard error over seeds." if seeds > 1 else f"{made}."
