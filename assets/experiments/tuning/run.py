"""`hourfold tune`: the same number of trials a system, systems or days of trials in parallel, resumable.

The logs come from whatever gives the validation days when called (`LoggedDays`, `StoredDays`), so that a
study also runs where there is no warehouse.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from assets.experiments.frame import Study
from assets.experiments.tuning.choice import RULE, summary
from assets.experiments.tuning.days import ReadDays
from assets.experiments.tuning.independent import PairingUnit, joined, pair_with_defaults, units_left, work_on
from assets.experiments.tuning.results import TuningResult
from assets.experiments.tuning.settings import TuneSettings
from assets.experiments.tuning.trial import Trial, TrialRow
from assets.experiments.tuning.workers import (
    GraphUnit,
    StudyUnit,
    days_read,
    graph_path,
    mornings_of,
    run_study,
    train_graph,
)
from assets.experiments.windows import INSTANCES
from assets.experiments.workers import run_units
from assets.ranking.window_days import longest
from models.progress import Progress

COMPARED = ("source", "days", "seed", "sampler", "size", "data_hash")  #: of two studies that are not the same
Rows = dict[str, list[TrialRow]]  #: system → its trials, in order


def tune(
    settings: TuneSettings,
    read: ReadDays,
    out: Path,
    *,
    simulated: bool,
    data_hash: str,
    workers: int = 1,
    progress: Progress | None = None,
) -> TuningResult:
    """Run every system's study, write the JSON to `out` and return it.

    Trials are kept in `<out>.partial` as they end. The same call after a kill goes on from the last finished
    trial of each system; with more trials than before it goes on from those, finished or killed.

    Raises:
        ValueError: `out` holds another study.
        WorkerFailed: a worker process raised, or was killed.
    """
    key = settings.key(data_hash)
    alone = settings.sampler == "qmc"
    earlier = _written(out, settings, data_hash)
    study = Study(out, key, TrialRow, unit="days of trials" if alone else "trials", progress=progress)
    try:
        rows = (_spread if alone else _in_turn)(settings, read, study, earlier, workers)
    finally:
        days_read.cache_clear()
        mornings_of.cache_clear()
    result = TuningResult(
        source=settings.source,
        simulated=simulated,
        **settings.model_dump(include={"size", "days", "trials", "seed", "sampler"}),
        data_hash=data_hash,
        key=key,
        git=", ".join(dict.fromkeys(row.git for of_system in rows.values() for row in of_system)),
        rule=RULE,
        inherited=settings.inherited(),
        systems={name: summary([row.trial for row in of_system]) for name, of_system in rows.items()},
    )
    study.write(result.model_dump())
    return result


def _in_turn(
    settings: TuneSettings, read: ReadDays, study: Study[TrialRow], earlier: list[TrialRow], workers: int
) -> Rows:
    """Trials that are drawn from those before them: a worker has one system at a time."""
    trials = _trials(settings)
    finished = _finished(trials, [*earlier, *study.rows])
    study.expect(sum(trials.values()), sum(map(len, finished.values())))
    remaining = [name for name in trials if len(finished[name]) < trials[name]]
    graphs = _prepared(settings, read, study, remaining)
    study.run(train_graph, graphs, workers)
    units = [
        StudyUnit(settings, read, name, tuple(row.trial for row in finished[name]), study.folder)
        for name in reversed(remaining)  # the registry ends with what takes longest
    ]
    study.run(run_study, units, workers)
    return _finished(trials, [*earlier, *study.rows])


def _spread(
    settings: TuneSettings, read: ReadDays, study: Study[TrialRow], earlier: list[TrialRow], workers: int
) -> Rows:
    """Trials that do not depend on each other: a worker has one day of one trial at a time."""
    trials, parts = _trials(settings), study.rows
    finished = _finished(trials, earlier)
    units = units_left(settings, read, study.folder, trials, finished, parts)
    study.expect(len(parts) + len(units))
    names = {unit.name for unit in units}
    graphs = _prepared(settings, read, study, [name for name in trials if name in names])
    study.run(work_on, [*graphs, *units], workers)
    rows: list[TrialRow] = []
    pairings = [
        PairingUnit(settings, read, name, trials[name], tuple(whole), study.folder)
        for name, whole in joined(settings, trials, parts).items()
        if whole
    ]
    run_units(pair_with_defaults, pairings, workers, rows.append)
    return _finished(trials, [*rows, *earlier])


def _prepared(
    settings: TuneSettings, read: ReadDays, study: Study[TrialRow], remaining: Sequence[str]
) -> list[GraphUnit]:
    """Encode what systems that have work left are trained on; returns the graphs that are to be trained."""
    from models.ranking.registry import SYSTEMS

    systems = {name: getattr(SYSTEMS[name], settings.size) for name in remaining}
    read.prepare(systems, study.folder / INSTANCES, study.report)
    return _graphs(settings, read, study.folder, remaining)


def _trials(settings: TuneSettings) -> dict[str, int]:
    """System → how many trials it has: a single one without a space to draw from."""
    from models.ranking.registry import SYSTEMS

    return {name: settings.trials if SYSTEMS[name].space else 1 for name in settings.systems}


def _finished(trials: dict[str, int], rows: Iterable[TrialRow]) -> Rows:
    """System → its finished trials in order; the later of two rows of one trial counts."""
    by_trial = {(row.system, row.trial.number): row for row in rows}
    return {
        name: [by_trial[name, number] for number in range(count) if (name, number) in by_trial]
        for name, count in trials.items()
    }


def _written(out: Path, settings: TuneSettings, data_hash: str) -> list[TrialRow]:
    """The trials of a study that was written to `out` before, the same but for their number.

    Raises:
        ValueError: the file holds another study.
    """
    document = json.loads(out.read_text()) if out.exists() else {}
    if not isinstance(document, dict) or "key" not in document:
        return []
    before = TuningResult.model_validate(document)
    key = settings.key(data_hash)
    if before.key != key:
        held = before.model_dump(include=set(COMPARED)) | {"systems": tuple(before.systems)}
        asked = settings.model_dump(include=set(COMPARED)) | {"systems": settings.systems}
        asked["data_hash"] = data_hash
        differing = [
            f"{name} {held[name]} there, {asked[name]} here" for name in asked if held[name] != asked[name]
        ]
        reason = "; ".join(differing) or "the systems' settings or spaces are of another version of the code"
        raise ValueError(
            f"{out} holds another study (key {before.key}; asked for: {key}): {reason}. Write to another "
            "file, ask for that study, or remove the file to begin anew"
        )
    return [
        TrialRow(system=name, git=before.git, trial=Trial(number=number, **trial.model_dump()))
        for name, system in before.systems.items()
        for number, trial in enumerate(system.trials)
    ]


def _graphs(settings: TuneSettings, read: ReadDays, folder: Path, systems: Sequence[str]) -> list[GraphUnit]:
    from models.ranking.registry import SYSTEMS

    reading = [s for name in systems if (s := getattr(SYSTEMS[name], settings.size)).uses_long_term]
    if not reading:
        return []
    window = longest([system.training.window_days for system in reading])
    paths = [graph_path(folder, day) for day in settings.days]
    return [
        GraphUnit(settings, read, day, path, window) for day, path in enumerate(paths) if not path.exists()
    ]
