"""The work of a profile evaluation in pieces: which cases of which system a worker does in one go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.experiments.comparison.parts import FailedSystem
from assets.experiments.profilers.cases import Case
from assets.experiments.profilers.evaluation import Evaluation
from assets.experiments.profilers.rows import ProfileRow, case_key
from assets.experiments.profilers.settings import ProfileEvalSettings
from assets.experiments.profilers.systems import PROFILE_SYSTEMS


@dataclass(frozen=True)
class ProfilingUnit:
    """What one worker does in one go: the cases of one system, fold and seed."""

    settings: ProfileEvalSettings
    evaluation: Path
    system: str
    cases: tuple[Case, ...]


def units_of(
    settings: ProfileEvalSettings,
    evaluation: Evaluation,
    path: Path,
    planned: Sequence[Case],
    rows: Sequence[ProfileRow],
) -> Iterator[ProfilingUnit]:
    """One a system, fold and seed; one a target besides where scoring means training."""
    done = {(row.system, row.case) for row in rows}
    failed = {row.system for row in rows if row.failed is not None}
    for name in (name for name in settings.systems if name not in failed):
        system = PROFILE_SYSTEMS[name]
        groups: dict[tuple[int, ...], list[Case]] = {}
        for case in planned:
            if (name, case_key(case, evaluation.name(case.target))) in done:
                continue
            if system.trains_on_brand and not _afforded(case, settings):
                continue
            training = (case.fold, case.seed, case.target if system.trains_on_brand else 0)
            groups.setdefault(training, []).append(case)
        for remaining in groups.values():
            yield ProfilingUnit(settings, path, name, tuple(remaining))


def _afforded(case: Case, settings: ProfileEvalSettings) -> bool:
    """Whether systems that train for every case are asked it: one seed a fold, and brands with all customers.

    Support draws are spread over folds and seeds already.
    """
    if case.study == "ood":
        return True
    own = settings.seeds[case.fold % len(settings.seeds)]
    return case.seed == own and (case.study != "brands" or case.shots is None)


def in_order(
    systems: Sequence[str], planned: Sequence[Case], evaluation: Evaluation, rows: Sequence[ProfileRow]
) -> list[ProfileRow]:
    """By system as they are named, then by case, whatever the order of arrival."""
    scored = {(row.system, row.case): row for row in rows}
    keys = [case_key(case, evaluation.name(case.target)) for case in planned]
    return [scored[name, key] for name in systems for key in keys if (name, key) in scored]


def failures(
    systems: Sequence[str], rows: Sequence[ProfileRow]
) -> tuple[list[str], tuple[FailedSystem, ...]]:
    """The systems that have figures, and those that have none with the reason.

    Raises:
        ValueError: every system failed.
    """
    reasons = {row.system: row.failed for row in reversed(rows) if row.failed is not None}
    failed = tuple(FailedSystem(system=name, reason=reasons[name]) for name in systems if name in reasons)
    if len(failed) == len(systems):
        why = "; ".join(f"{one.system}: {one.reason}" for one in failed)
        raise ValueError(f"no system could be evaluated. {why}")
    return [name for name in systems if name not in reasons], failed
