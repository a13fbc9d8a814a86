"""Many seeded kills of real Dagster runs, each followed by the next command, and what came of it.

A home is led through three stages once, undisturbed: ingest, night (encoding, training, promotion), hours.
Each kill begins with a copy of the home as a stage finds it, ends the stage's process by SIGKILL, and then
runs what a user would type next, `hourfold day` of the second day, which does all that is left. The home must
then hold what the undisturbed one holds.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from assets.common import model_registry
from assets.common.provenance import content_hash
from assets.common.resources import HomeResource, TrackingResource, WarehouseResource
from assets.ranking.states import States
from orchestration.settings import prepare_home
from tests.faults import victim
from tests.faults.kills import run_apart
from tests.live.world import DAYS, describe, hour_key, land, stored

BLOCKED_SECONDS = 300  #: a command that takes longer than this waits for something that never comes
LANDED = (*range(6), 24, 25)  #: hours, counted from the first


@dataclass(frozen=True)
class Kill:
    """One kill and what came of it."""

    stage: str
    at: str  #: the event, or the seconds, after which the process was killed
    died: bool  #: False: the stage was over before
    blocked: bool = False  #: the next command did not come back
    failed: str = ""  #: what the next command said
    rows_lost: int = 0
    wrong: tuple[str, ...] = ()  #: what differs from the undisturbed home
    leftovers: tuple[str, ...] = ()  #: files that the undisturbed home does not have
    seconds: float = 0.0  #: of the next command

    @property
    def recovered(self) -> bool:
        """Whether nothing is to be said of it."""
        return not (self.blocked or self.failed or self.rows_lost or self.wrong)


@dataclass
class Outcome:
    """What a home holds in the end, in a form that can be compared: no times, no numbers of runs."""

    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)  #: model → hash of its bytes
    champion: str = ""
    files: frozenset[str] = frozenset()
    unfinished_runs: int = 0  #: Dagster's, that seem to go on

    @classmethod
    def of(cls, root: Path) -> Outcome:
        """Of a home at rest."""
        home = HomeResource(root=str(root))
        prepare_home(home.home)  # Dagster's settings read where it lies from the environment
        source = home.home.source("landing")
        states = States(source.models)
        models = [*source.models.glob("daily/*/2*"), *source.models.glob("hourly/*/2*")]
        with dg.DagsterInstance.from_config(str(home.home.dagster)) as instance:
            live = [run for run in instance.get_runs() if not run.is_finished]
        return cls(
            tables=stored(WarehouseResource(root=str(root))),
            states={
                str(folder.relative_to(source.models)): content_hash(states.ranker_path(folder))
                for folder in models
            },
            champion=champion_of(root),
            files=frozenset(
                path.relative_to(source.models).as_posix()
                for path in source.models.rglob("*")
                if path.is_file()
            ),
            unfinished_runs=len(live),
        )

    def differences(self, other: Outcome) -> Iterator[str]:
        """In what another home differs from this one."""
        for name, table in self.tables.items():
            if not table.equals(other.tables[name]):
                yield name
        yield from (f"model {n}" for n in self.states if self.states[n] != other.states.get(n))
        if self.champion != other.champion:
            yield "champion"
        if other.unfinished_runs:
            yield "runs that seem to go on"

    def rows_lost(self, other: Outcome) -> int:
        """Loaded rows that another home lacks."""
        here, elsewhere = (int(one.tables["exposures"]["kept"].sum()) for one in (self, other))
        return max(0, here - elsewhere)


def champion_of(root: Path) -> str:
    """System and day of the champion; empty without one."""
    tracking = TrackingResource(root=str(root)).open()
    version = model_registry.at_alias(tracking, model_registry.CHAMPION)
    return f"{version.tags['system']} {version.tags['day']}" if version else ""


class Campaign:
    """Kills in a working folder, with processes that begin with everything imported."""

    def __init__(
        self, process: BaseContext, folder: Path, seed: int = 0, landed: Sequence[int] = LANDED
    ) -> None:
        self._process, self._folder, self._random = process, folder, random.Random(seed)
        self.landing, self.root = folder / "landing", folder / "home"
        describe(self.landing)
        for number in landed:
            for table in ("exposures", "external_clicks"):
                land(self.landing, table, hour_key(number))
        self.events: dict[str, int] = {}
        self.lengths: dict[str, float] = {}
        self._prepare()

    def _prepare(self) -> None:
        """Lead a home through every stage, and keep it as each stage finds it."""
        self.root.mkdir(parents=True)
        for stage in victim.STAGES:
            shutil.copytree(self.root, self._before(stage))
            count, self.lengths[stage] = self._run(stage)
            if not isinstance(count, int):
                raise RuntimeError(f"{stage}, undisturbed, failed: {count}")
            self.events[stage] = count
        self.undisturbed = Outcome.of(self.root)

    def _before(self, stage: str) -> Path:
        return self._folder / f"before-{stage}"

    def kills(self, number: int) -> Iterator[Kill]:
        """That many, by stages in turn; two thirds at durable events, one third at any time."""
        stages = list(victim.STAGES)
        for turn in range(number):
            stage = stages[turn % len(stages)]
            if turn // len(stages) % 3 < 2:
                yield self.kill(stage, event=self._random.randint(1, self.events[stage]))
            else:
                yield self.kill(stage, seconds=self._random.uniform(0, self.lengths[stage]))

    def kill(self, stage: str, event: int = 0, seconds: float | None = None) -> Kill:
        """Kill a stage once, run the next command, and look."""
        shutil.rmtree(self.root)
        shutil.copytree(self._before(stage), self.root)
        point = f"event {event}" if seconds is None else f"{seconds:.2f} s"
        died = self._run(stage, event, seconds)[0] is None
        answer, took = self._run("hours", delay=BLOCKED_SECONDS)
        if answer is None:
            return Kill(stage, point, died, blocked=True, seconds=took)
        if not isinstance(answer, int):
            return Kill(stage, point, died, failed=str(answer), seconds=took)
        now = Outcome.of(self.root)
        return Kill(
            *(stage, point, died),
            rows_lost=self.undisturbed.rows_lost(now),
            wrong=tuple(self.undisturbed.differences(now)),
            leftovers=tuple(sorted(now.files - self.undisturbed.files)),
            seconds=took,
        )

    def _run(self, stage: str, event: int = 0, delay: float | None = None) -> tuple[int | str | None, float]:
        """A stage in a process of its own: its durable events, why it failed, or None if killed; seconds."""
        arguments = (self.landing, self.root, stage, event)
        answer: tuple[int | str | None, float] = run_apart(self._process, victim.live, arguments, delay)
        return answer


def summary(kills: list[Kill]) -> dict[str, Any]:
    """Counts, by stage and over all."""
    rows: dict[str, Counter[str]] = {}
    for name, some in (*((s, [k for k in kills if k.stage == s]) for s in victim.STAGES), ("all", kills)):
        row = rows.setdefault(name, Counter())
        for kill in some:
            row["kills"] += kill.died
            row["over before the kill"] += not kill.died
            row["recovered"] += kill.recovered
            row["blocked homes"] += kill.blocked
            row["failed next commands"] += bool(kill.failed)
            row["rows lost"] += kill.rows_lost
            row["wrong states"] += bool(kill.wrong)
            row["leftovers"] += len(kill.leftovers)
    slowest = max((kill.seconds for kill in kills), default=0.0)
    return {"stages": rows, "slowest next command, s": round(slowest, 1), "days": DAYS}


def document(kills: list[Kill], seed: int) -> dict[str, Any]:
    """All of it, for a file of JSON."""
    return {"seed": seed, **summary(kills), "all": [asdict(kill) for kill in kills]}
