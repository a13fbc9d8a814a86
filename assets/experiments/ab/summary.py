"""From the exposures of every arm to the result of the test: figures, lifts and guard-rails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from assets.common.provenance import git_revision, made_today
from assets.experiments.ab.play import HOURS, ArmRun, PlayedDay
from assets.experiments.ab.results import (
    AATest,
    ABResult,
    ArmDay,
    ArmFigures,
    ArmHour,
    ArmLift,
    Resplits,
    TestedSettings,
    TestedWorld,
)
from assets.experiments.ab.settings import ABSettings
from assets.experiments.comparison.parts import Made
from models.metrics.ab import compared, compared_pairwise, false_alarms, figures, sample_ratio, user_table

AA = " (A/A)"  #: marks the base on the users of another arm
Columns = Mapping[str, np.ndarray]  #: of exposures


@dataclass(frozen=True)
class ArmExposures:
    """What a system showed to the users of an arm, by day."""

    run: ArmRun
    days: Mapping[str, Columns]

    @cached_property
    def table(self) -> np.ndarray:
        """Sums of each user over all days, as `user_table` gives them."""
        return _table(*self.days.values())

    def figures(self, arm: str) -> ArmFigures:
        """All days together, under a name."""
        return _figures(arm, self.table)

    def by_day(self, arm: str) -> list[ArmDay]:
        """Each day, under a name."""
        return [
            ArmDay(**_figures(arm, _table(columns)).model_dump(), day=day)
            for day, columns in self.days.items()
        ]

    def by_hour(self, arm: str) -> list[ArmHour]:
        """Each hour of each day, under a name."""
        rows = []
        for day, columns in self.days.items():
            hour_of = columns["hour"] % HOURS
            exposures = np.bincount(hour_of, minlength=HOURS)
            clicks = np.bincount(hour_of, weights=columns["clicked"], minlength=HOURS)
            for hour, (shown, clicked) in enumerate(zip(exposures, clicks, strict=True)):
                rows.append(
                    ArmHour(
                        day=day,
                        hour=hour,
                        arm=arm,
                        exposures=int(shown),
                        clicks=int(clicked),
                        ctr=float(clicked / shown) if shown else None,
                    )
                )
        return rows


def ab_result(
    settings: ABSettings,
    of_systems: dict[str, dict[str, str]],
    played: Sequence[ArmExposures],
    rows: Sequence[PlayedDay],
) -> ABResult:
    """The result of a test whose days are all over.

    Args:
        settings: of the test.
        of_systems: every setting of the trained arms.
        played: the arms, then the base on the other arms' users, then the bounds.
        rows: finished days, in the same order.
    """
    arms = dict(zip(settings.arms, played, strict=False))
    tables = {name: arm.table for name, arm in arms.items()}
    srm = sample_ratio({name: len(table) for name, table in tables.items()})
    world, rng = settings.simulation(), np.random.default_rng(settings.seed)
    return ABResult(
        simulated=True,
        source="simulator",
        world=TestedWorld(settings_hash=world.settings_hash(), users=world.population.users),
        git=", ".join(dict.fromkeys(row.git for row in rows)) or git_revision(),
        made=Made(**made_today()),  # type: ignore[arg-type]
        seconds={
            one.run.name: sum(row.seconds for row in rows if row.play == one.run.name) for one in played
        },
        arms=settings.arms,
        base=settings.base,
        valid=srm.valid,
        srm=srm,
        days=tuple(row for name, arm in arms.items() for row in arm.by_day(name)),
        pooled=tuple(arm.figures(name) for name, arm in arms.items()),
        metrics=_lifts(tables, settings.draws, rng),
        hours=tuple(row for name, arm in arms.items() for row in arm.by_hour(name)),
        resplits=Resplits(
            arm=settings.base,
            splits=settings.resplits,
            share_below_05=false_alarms(tables[settings.base], settings.resplits, rng),
        ),
        aa=_aa(settings, arms, played[len(arms) :], rng) if settings.aa else None,
        bounds=tuple(one.figures(one.run.system) for one in played if one.run.group is None),
        settings=TestedSettings(**settings.model_dump(), of=of_systems),
    )


def _aa(
    settings: ABSettings,
    arms: Mapping[str, ArmExposures],
    others: Sequence[ArmExposures],
    rng: np.random.Generator,
) -> AATest:
    """The base on the users of every arm, and each arm against what the base did for them."""
    base, *names = arms
    again = dict(zip(names, others, strict=False))
    labels = {base: base} | {name: f"{base} on the users of {name}{AA}" for name in again}
    both = {labels[name]: exposures for name, exposures in ({base: arms[base]} | again).items()}
    tables = {label: exposures.table for label, exposures in both.items()}
    return AATest(
        arms=tuple(both),
        srm=sample_ratio({label: len(table) for label, table in tables.items()}),
        days=tuple(row for name, exposures in again.items() for row in exposures.by_day(labels[name])),
        pooled=tuple(exposures.figures(label) for label, exposures in both.items()),
        metrics=_lifts(tables, settings.draws, rng),
        paired=tuple(
            ArmLift(arm=name, base=base, **vars(lift))
            for name, exposures in again.items()
            for lift in compared_pairwise(exposures.table, arms[name].table, draws=settings.draws, rng=rng)
        ),
    )


def _lifts(tables: Mapping[str, np.ndarray], draws: int, rng: np.random.Generator) -> tuple[ArmLift, ...]:
    base, *others = tables
    return tuple(
        ArmLift(arm=name, base=base, **vars(lift))
        for name in others
        for lift in compared(tables[base], tables[name], draws=draws, rng=rng)
    )


def _table(*days: Columns) -> np.ndarray:
    columns = ("user", "clicked", "dwell")
    return user_table(*(np.concatenate([day[name] for day in days]) for name in columns))[1]


def _figures(arm: str, table: np.ndarray) -> ArmFigures:
    users, exposures, clicks = (int(value) for value in table.sum(axis=0)[:3])
    return ArmFigures(arm=arm, users=users, exposures=exposures, clicks=clicks, **figures(table))
