"""The result of a study, as its JSON holds it."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from assets.common.tuned import Tuned, TunedSystem
from assets.experiments.record import Record
from assets.experiments.tuning.settings import Sampler
from assets.experiments.tuning.trial import TrialFigures


class TunedTrials(TunedSystem):
    """What was chosen for a system, and all its trials; the first has the defaults."""

    trials: tuple[TrialFigures, ...]

    @property
    def chosen(self) -> int:
        """The number of the trial whose settings were taken; 0, the defaults, where nothing was changed."""
        if not self.settings:
            return 0
        return next(n for n, trial in enumerate(self.trials) if trial.settings == self.settings)

    @property
    def best(self) -> TrialFigures | None:
        """The trial of the highest AUC; None where all failed."""
        scored = [trial for trial in self.trials if trial.auc is not None]
        return max(scored, key=lambda trial: trial.auc or 0.0, default=None)

    @property
    def seconds(self) -> float | None:
        """Mean over the trials that ran."""
        spent = [trial.seconds for trial in self.trials if trial.seconds]
        return sum(spent) / len(spent) if spent else None

    @property
    def failures(self) -> dict[int, str]:
        """Number of each failed trial → the reason."""
        return {n: trial.failed for n, trial in enumerate(self.trials) if trial.failed is not None}


class TuningResult(Record):
    """A study: several systems, one budget."""

    model_config = ConfigDict(extra="ignore")  # an earlier version's file may say more

    source: str
    simulated: bool
    size: Literal["real", "tiny"]
    days: tuple[str, ...]  #: validation days
    trials: int  #: of each system
    seed: int
    sampler: Sampler = "tpe"
    data_hash: str
    key: str = ""
    git: str
    rule: str
    inherited: dict[str, str] = {}  #: a system that takes the settings of one of these → that one
    systems: dict[str, TunedTrials]

    @property
    def about(self) -> str:
        """The logs as a sentence names them."""
        return "simulated logs" if self.simulated else self.source

    @property
    def inherited_text(self) -> str:
        """Which systems take the settings of which, as a part of a sentence; empty where none does."""
        takers: dict[str, list[str]] = {}
        for name, whole in self.inherited.items():
            takers.setdefault(whole, []).append(name)
        return "; ".join(f"{', '.join(names)} as {whole}" for whole, names in takers.items())

    def choices(self) -> Tuned:
        """What a comparison and the daily training take of it."""
        chosen = {
            name: TunedSystem(settings=system.settings, auc=system.auc, default_auc=system.default_auc)
            for name, system in self.systems.items()
        }
        return Tuned(
            size=self.size, days=self.days, trials=self.trials, data_hash=self.data_hash, systems=chosen
        )
