"""Profilers against normal training and honest opponents: every system, target, fold, seed and label budget.

Each learned system is trained once a fold and seed, on train users and purchases before D alone, then
scores all cases of that fold and seed. Rows are kept as they come; the same call after a kill goes on from
there.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np

from assets.common.provenance import git_revision
from assets.experiments.frame import Finished, Study
from assets.experiments.profilers.as_printed import is_asked, with_ways
from assets.experiments.profilers.cases import Case, Given, by_target, cases, given, source_ways
from assets.experiments.profilers.data import evaluation_of
from assets.experiments.profilers.evaluation import Evaluation, PurchaseSource
from assets.experiments.profilers.facts import described, sentences, trainings
from assets.experiments.profilers.folds import Fold
from assets.experiments.profilers.protocol import first_of
from assets.experiments.profilers.results import EvaluatedSettings, ProfileResult
from assets.experiments.profilers.rows import ProfileRow
from assets.experiments.profilers.settings import ProfileEvalSettings
from assets.experiments.profilers.summary import summary
from assets.experiments.profilers.systems import PROFILE_SYSTEMS, settings_of
from assets.experiments.profilers.units import ProfilingUnit, failures, in_order, units_of
from assets.experiments.workers import Emit, WorkProgress
from models.metrics import lift_of_first
from models.progress import Progress, silent
from models.threads import use_threads

PREPARED = "purchases read, brands chosen"  #: a stage
FAILURES = (ValueError, ArithmeticError)  #: of one system, which end no other one
#: in the partial folder: read by the workers, written by this module; a process that runs two evaluations
#: after each other must not take the one for the other
EVALUATION = "evaluation.{key}.pickle"


def profile_eval(
    settings: ProfileEvalSettings,
    shop: PurchaseSource,
    out: Path,
    *,
    workers: int = 1,
    progress: Progress | None = None,
    tell: Callable[[Iterable[str]], None] = lambda sentences: None,  # noqa: ARG005
) -> ProfileResult:
    """Score every system on every case, write the JSON to `out` and return it.

    A system that cannot be trained, or whose scores are no numbers, is named with its reason in `failed`; all
    figures and tests are of the others.

    Args:
        tell: called before the work with sentences on what is evaluated and what takes long.

    Raises:
        ValueError: a log on which the protocol cannot be followed, or every system failed.
    """
    evaluation = _prepared(shop, settings, progress or silent)
    of_systems = settings_of(settings.systems, settings.size)
    key = settings.key(shop.data_hash, of_systems)
    study = Study(out, key, ProfileRow, unit="cases scored", progress=progress)
    planned = cases(settings, evaluation)
    stored = study.folder / EVALUATION.format(key=key)
    units = list(units_of(settings, evaluation, stored, planned, study.rows))
    study.expect(len(study.rows) + sum(len(unit.cases) for unit in units))
    facts = described(settings, evaluation)
    tell(sentences(facts))
    tell(trainings(settings.size, [(unit.system, len(unit.cases)) for unit in units]))
    stored.write_bytes(pickle.dumps(evaluation))
    study.run(score_unit, units, workers)
    sound, failed = failures(settings.systems, study.rows)
    rows = in_order(sound, planned, evaluation, study.rows)
    result = ProfileResult(
        source=shop.source,
        simulated=shop.simulated,
        settings=EvaluatedSettings(**settings.model_dump(), of=of_systems),
        protocol=facts,
        git=", ".join(dict.fromkeys(row.git for row in rows)),
        data_hash=shop.data_hash,
        rows=tuple(rows),
        summary=summary(rows, sound),
        failed=failed,
    )
    study.write(result.document())
    return result


def _prepared(shop: PurchaseSource, settings: ProfileEvalSettings, report: Progress) -> Evaluation:
    report(PREPARED, 0, 1)
    evaluation = evaluation_of(shop, settings)
    report(PREPARED, 1, 1)
    return evaluation


def score_unit(unit: ProfilingUnit, emit: Emit) -> None:
    """Train a system for one fold and seed, and emit its rows as they come; or the reason why it has none."""
    try:
        _score_unit(unit, emit)
    except FAILURES as error:
        case = unit.cases[0]
        target = _read(unit.evaluation).name(case.target)
        emit(Finished((ProfileRow.of_failure(unit.system, case, target, error),)))


def _score_unit(unit: ProfilingUnit, emit: Emit) -> None:
    if unit.settings.device == "cpu":
        use_threads()
    evaluation = _read(unit.evaluation)
    first = unit.cases[0]
    about = f"{unit.system} fold {first.fold} seed {first.seed}"

    def report(stage: str, done: int, total: int) -> None:
        emit(WorkProgress(f"{about} {stage}", done, total))

    fold = Fold(
        evaluation,
        first.fold,
        first.seed,
        unit.settings.size,
        unit.settings.device,
        scratch=unit.evaluation.parent,
        progress=report,
        target=evaluation.name(first.target) if PROFILE_SYSTEMS[unit.system].trains_on_brand else "",
    )
    ways = []
    if any(case.study == "ood" for case in unit.cases):
        ways = source_ways(evaluation, fold.train_users, fold.source.brands, fold.source.customers)
    scorer = PROFILE_SYSTEMS[unit.system].make(fold)
    for _, of_target in by_target(unit.cases):
        rows: list[ProfileRow] = []
        for case in of_target:
            labels = given(case, evaluation, ways)
            if labels is None:
                emit(Finished(without_row=1))
                continue
            scores = scorer.score(labels.customers, labels.others)
            row = _row(unit, case, evaluation, labels, scores)
            if is_asked(case):
                row = with_ways(row, case, evaluation, labels, scorer)
            rows.append(row)
            if PROFILE_SYSTEMS[unit.system].trains_on_brand:  # a case is minutes: none is lost
                emit(Finished((rows.pop(),)))
        if rows:
            emit(Finished(tuple(rows)))


def _row(
    unit: ProfilingUnit, case: Case, evaluation: Evaluation, labels: Given, scores: np.ndarray
) -> ProfileRow:
    from models.profiling.profile_metrics import figures

    test = evaluation.test(case.target, case.fold)
    if not np.isfinite(scores[test]).all():
        raise ValueError(
            f"{unit.system} gave {int((~np.isfinite(scores[test])).sum())} test users no finite score: {case}"
        )
    measured = figures(
        evaluation.newcomers[case.target][test], scores[test], evaluation.quintiles[case.fold][test]
    )
    first = first_of(unit.settings.top, int(test.sum()))
    others = 0 if labels.others is None else len(labels.others)
    return ProfileRow(
        study=case.study,
        target=evaluation.name(case.target),
        system=unit.system,
        fold=case.fold,
        seed=case.seed,
        shots=case.shots,
        fraction=case.fraction,
        ratio=case.ratio,
        draw=case.draw,
        labels=len(labels.customers) + others,
        customers=len(labels.customers),
        aupr=measured.aupr,
        auroc=measured.auroc,
        within_quintiles=measured.within_quintiles,
        top_lift=lift_of_first(evaluation.newcomers[case.target][test], scores[test], first),
        first=first,
        base_rate=measured.base_rate,
        test_users=measured.users,
        newcomers=measured.newcomers,
        git=git_revision(),
    )


@lru_cache(maxsize=1)
def _read(path: Path) -> Evaluation:
    """The evaluation as this run wrote it, read once a process."""
    evaluation = pickle.loads(path.read_bytes())
    assert isinstance(evaluation, Evaluation)
    return evaluation
