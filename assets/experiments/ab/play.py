"""One arm's run through the days of an A/B test: retrain, then hour by hour rank, show, learn.

Each arm learns from what it was asked itself: the log that all arms share up to the first day, its own
users' exposures since, and the external clicks of all accounts, in which no arm has a hand.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assets.common.provenance import git_revision
from assets.experiments.ab.settings import SCRIPTED, ABSettings
from assets.experiments.frame import Finished, Record, load_arrays
from assets.experiments.workers import Emit, WorkProgress
from models.progress import Progress
from models.threads import use_threads

if TYPE_CHECKING:
    from assets.experiments.ab.arms import Arm
    from simulator.feed.external import External
    from simulator.feed.serving import Requests, Serving, SimulatedReaders
    from simulator.feed.world import SimulatedHour, World

HOURS = 24


@dataclass(frozen=True)
class ArmRun:
    """What one worker does in one go: a system on the users of an arm, or on everybody."""

    settings: ABSettings
    system: str
    group: int | None  #: the arm whose users these are; None: all users
    finished: tuple[Path, ...] = ()  #: exposures of the days that an earlier run finished, in order

    @property
    def name(self) -> str:
        """Names the run among those of a test."""
        return f"{self.system}@{'all' if self.group is None else self.group}"


class PlayedDay(Record):
    """A finished day of a run; its exposures lie beside it."""

    play: str  #: the run's name
    day: str
    git: str
    seconds: float
    failed: str | None = None  #: why the arm could not play the day; such a day has no exposures, nor a next

    @property
    def stem(self) -> str:
        """Of the file that holds the exposures."""
        return f"{self.play} {self.day}"


def split(salt: str, users: np.ndarray, arms: int) -> np.ndarray:
    """Arm of each user int64 [n]: equal shares by hash of salt and user."""
    from hashlib import blake2b

    from simulator.feed.randomness import hashed_uniform

    seed = int.from_bytes(blake2b(salt.encode(), digest_size=7).digest())
    return (hashed_uniform(seed, users) * arms).astype(np.int64)


def run_play(play: ArmRun, emit: Emit) -> None:
    """Play the remaining days of the test, and emit each as it is done, with its exposures.

    An arm whose training diverges or whose scores are no numbers ends with a day that says so.
    """
    from simulator.feed.serving import Serving
    from simulator.feed.world import World

    settings = play.settings
    if settings.device == "cpu":
        use_threads()
    before = settings.first_day_of_world()
    world = World(settings.simulation(), before + settings.days)
    serving = Serving(world, settings.candidates)
    run = _Run(play, world, serving, serving.log(HOURS * before), emit)
    for number, day in enumerate(settings.test_days):
        if number < len(play.finished):
            run.repeat(load_hours(play.finished[number]))
            continue
        try:
            emit(run.day(day, HOURS * (before + number)))
        except (ValueError, ArithmeticError) as error:
            failed = f"{day}: {error}"
            row = PlayedDay(play=play.name, day=day, git=git_revision(), seconds=0.0, failed=failed)
            emit(Finished((row,)))
            return


class _Run:
    """A play under way: the arm's log so far, and what its users remember."""

    def __init__(
        self, play: ArmRun, world: World, serving: Serving, history: list[SimulatedHour], emit: Emit
    ) -> None:
        from assets.experiments.ab.simulated_log import SimulatedLog

        self._play, self._world, self._serving, self._emit = play, world, serving, emit
        self._hours = history
        self._external: list[External] = [hour.external for hour in history]
        self._logs = SimulatedLog(world)
        self._audience: SimulatedReaders = serving.audience()
        self._arm = _arm(play, self._logs, self._audience)

    def repeat(self, hours: Sequence[SimulatedHour]) -> None:
        """A day that was finished before: it is remembered and joins the log."""
        for hour in hours:
            self._keep(replace(hour, external=self._requests().external))
            self._audience.remember(hour)

    def day(self, day: str, start: int) -> Finished[PlayedDay]:
        """Train on everything before the day, then serve its hours."""
        began = time.perf_counter()
        if self._arm.learns:
            self._arm.retrain(self._logs.history(self._hours, self._external, start), self._report(day))
        played = []
        for number in range(HOURS):
            played.append(self._hour(self._requests()))
            self._report(day)("hours", number + 1, HOURS)
        seconds = time.perf_counter() - began
        row = PlayedDay(play=self._play.name, day=day, git=git_revision(), seconds=seconds)
        return Finished((row,), {row.stem: columns_of(played)})

    def _hour(self, requests: Requests) -> SimulatedHour:
        from simulator.feed.serving import best_first

        settings = self._play.settings
        shown = best_first(requests, self._arm.scores(requests), explore=settings.explore, seed=settings.seed)
        played = self._audience.react(requests, shown)
        self._arm.learn(played)
        self._keep(played)
        return played

    def _keep(self, played: SimulatedHour) -> None:
        if self._arm.learns:
            self._hours.append(played)
            self._external.append(played.external)

    def _requests(self) -> Requests:
        requests, group = self._serving.next(), self._play.group
        if group is None:
            return requests
        settings = self._play.settings
        return requests.rows(split(settings.salt, requests.opened.user, len(settings.arms)) == group)

    def _report(self, day: str) -> Progress:
        """Progress of a day, for the process that waits for it."""

        def report(stage: str, done: int, total: int) -> None:
            self._emit(WorkProgress(f"{day} {self._play.name} {stage}", done, total))

        return report


def _arm(play: ArmRun, logs: object, audience: SimulatedReaders) -> Arm:
    from assets.experiments.ab.arms import RankerArm, RuleArm

    if play.system in SCRIPTED:
        return RuleArm(play.system, play.settings, audience)
    return RankerArm(play.system, play.settings, logs)  # type: ignore[arg-type]


def columns_of(hours: Sequence[SimulatedHour]) -> dict[str, np.ndarray]:
    """The exposures of consecutive hours, column by column, and the hour of each."""
    columns = {name: np.concatenate([getattr(hour, name) for hour in hours]) for name in _columns()}
    columns["hour"] = np.repeat([hour.hour for hour in hours], [len(hour.user) for hour in hours])
    return columns | {"hours": np.array([hour.hour for hour in hours])}


def load_hours(path: Path) -> list[SimulatedHour]:
    """The hours whose columns were saved at `path`; their external clicks are empty."""
    from simulator.feed.external import External
    from simulator.feed.world import SimulatedHour

    none = np.zeros(0, dtype=np.int64)
    columns = load_arrays(path)
    return [
        SimulatedHour(
            hour=int(number),
            external=External(none, none, none.astype(np.float64), none.astype(np.float64)),
            **{name: columns[name][columns["hour"] == number] for name in _columns()},
        )
        for number in columns["hours"]
    ]


def _columns() -> list[str]:
    from simulator.feed.world import SimulatedHour

    return [field.name for field in fields(SimulatedHour) if field.name not in ("hour", "external")]
