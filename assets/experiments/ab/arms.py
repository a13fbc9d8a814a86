"""What ranks in an arm: a system that learns from the arm's own log, or a rule that needs no learning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from assets.experiments.ab.settings import ABSettings
from assets.experiments.comparison.systems import chosen_long_term, chosen_systems
from models.progress import Progress

if TYPE_CHECKING:
    from assets.experiments.ab.simulated_log import SimulatedLog
    from models.ranking.day import ServedDay
    from models.ranking.features.event_log import EventLog
    from simulator.feed.serving import Requests, SimulatedReaders
    from simulator.feed.world import SimulatedHour

_ANY_ORDER = 11  # keeps the draws of `random` apart from those of others


class Arm(Protocol):
    """What an arm is asked for."""

    learns: bool  #: whether it wants its log

    def retrain(self, log: EventLog, report: Progress) -> None:
        """A day begins: `log` is all that the arm received before it."""

    def scores(self, requests: Requests) -> np.ndarray:
        """Float64 [M, N], as at the hour's start; what stands where no candidate is does not matter."""

    def learn(self, played: SimulatedHour) -> None:
        """An hour has ended."""


class RankerArm:
    """A registered system: retrained each day, adapted after each hour, as in production."""

    learns = True

    def __init__(self, name: str, settings: ABSettings, logs: SimulatedLog) -> None:
        comparison = settings.comparison()
        assert comparison is not None, "a trained arm is among the arms"
        self._system = chosen_systems(comparison)[name]
        self._long_term = chosen_long_term(comparison)
        self._settings, self._logs = settings, logs
        self._day: ServedDay | None = None

    def retrain(self, log: EventLog, report: Progress) -> None:
        """Train the daily model, with its long-term graph where the system needs one."""
        from models.ranking.day import ServedDay
        from models.ranking.lsttm.long_term_mornings import train_long_term_days

        seed, device = self._settings.seed, self._settings.device
        long_term = None
        if self._system.uses_long_term:
            long_term = train_long_term_days(
                log,
                self._long_term,
                seed=seed,
                days=self._system.training.window_days,
                device=device,
                progress=report,
            )
        self._day = ServedDay.train(
            self._system, log, seed=seed, device=device, long_term=long_term, progress=report
        )

    def scores(self, requests: Requests) -> np.ndarray:
        """Click probabilities at the first position; raises NotFinite where some are no numbers."""
        from models.metrics import finite

        scores = np.full(requests.item.shape, -np.inf)
        scored = self._trained().score(self._logs.candidates(requests))
        scores[requests.item >= 0] = finite(scored.probability)
        return scores

    def learn(self, played: SimulatedHour) -> None:
        """One pass over the hour."""
        self._trained().adapt(self._logs.hour(played))

    def _trained(self) -> ServedDay:
        if self._day is None:
            raise RuntimeError("an hour came before the day's training")
        return self._day


class RuleArm:
    """One of the arms that learn nothing: the logging policy's order, chance, or the truth."""

    learns = False

    def __init__(self, name: str, settings: ABSettings, audience: SimulatedReaders) -> None:
        self._name, self._seed, self._audience = name, settings.seed, audience

    def retrain(self, log: EventLog, report: Progress) -> None:
        """Nothing to learn."""

    def scores(self, requests: Requests) -> np.ndarray:
        """Equal scores keep the order of recall."""
        from simulator.feed.randomness import hashed_uniform

        if self._name == "truth":
            return self._audience.probability(requests)
        if self._name == "random":
            return hashed_uniform(self._seed, requests.impression[:, None], requests.item, _ANY_ORDER)
        return np.zeros(requests.item.shape)

    def learn(self, played: SimulatedHour) -> None:
        """Nothing to learn."""
