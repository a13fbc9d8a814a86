"""`hourfold tune`: the same number of trials a system, systems in parallel, resumable.

The logs come from whatever gives the validation days when called (`LoggedDays`, `PickledDays`), so that a
study also runs where there is no warehouse.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from assets.experiments.frame import Study
from assets.experiments.tuning.choice import RULE, summary
from assets.experiments.tuning.days import ReadDays
from assets.experiments.tuning.results import TuningResult
from assets.experiments.tuning.settings import TuneSettings
from assets.experiments.tuning.trial import Trial, TrialRow
from assets.experiments.tuning.workers import (
    GraphUnit,
    StudyUnit,
    days_read,
    graph_path,
    work_on,
)
from assets.experiments.windows import INSTANCES
from assets.ranking.window_days import longest
from models.progress import Progress


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
    """
    from models.ranking.registry import SYSTEMS

    key = settings.key(data_hash)
    study = Study(out, key, TrialRow, unit="trials", progress=progress)
    earlier = _written(out, key)
    trials = _trials(settings)
    finished = _finished(trials, [*earlier, *study.rows])
    study.expect(sum(trials.values()), sum(map(len, finished.values())))
    remaining = [name for name in trials if len(finished[name]) < trials[name]]
    try:
        prepared = {name: getattr(SYSTEMS[name], settings.size) for name in remaining}
        read.prepare(prepared, study.folder / INSTANCES, study.report)
        graphs = _graphs(settings, read, study.folder, remaining)
        studies = [
            StudyUnit(settings, read, name, tuple(row.trial for row in finished[name]), study.folder)
            for name in reversed(remaining)  # the registry ends with what takes longest
        ]
        study.run(work_on, [*graphs, *studies], workers, _needs(graphs, studies))
    finally:
        days_read.cache_clear()
    finished = _finished(trials, [*earlier, *study.rows])
    result = TuningResult(
        source=settings.source,
        simulated=simulated,
        **settings.model_dump(include={"size", "days", "trials", "seed", "sampler"}),
        data_hash=data_hash,
        key=key,
        git=", ".join(dict.fromkeys(row.git for rows in finished.values() for row in rows)),
        rule=RULE,
        systems={name: summary([row.trial for row in rows]) for name, rows in finished.items()},
    )
    study.write(result.model_dump())
    return result


def _needs(graphs: Sequence[GraphUnit], studies: Sequence[StudyUnit]) -> dict[int, range]:
    """What studies wait for, counted with the graphs first: all graphs, where their system reads any."""
    from models.ranking.registry import SYSTEMS

    return {
        number: range(len(graphs))
        for number, unit in enumerate(studies, start=len(graphs))
        if getattr(SYSTEMS[unit.name], unit.settings.size).uses_long_term
    }


def _trials(settings: TuneSettings) -> dict[str, int]:
    """System → how many trials it has: a single one without a space to draw from."""
    from models.ranking.registry import SYSTEMS

    return {name: settings.trials if SYSTEMS[name].space else 1 for name in settings.systems}


def _finished(trials: dict[str, int], rows: Iterable[TrialRow]) -> dict[str, list[TrialRow]]:
    """System → its finished trials in order; the later of two rows of one trial counts."""
    by_trial = {(row.system, row.trial.number): row for row in rows}
    return {
        name: [by_trial[name, number] for number in range(count) if (name, number) in by_trial]
        for name, count in trials.items()
    }


def _written(out: Path, key: str) -> list[TrialRow]:
    """The trials of a study that was written to `out` before, if it was the same but for their number."""
    document = json.loads(out.read_text()) if out.exists() else {}
    if not isinstance(document, dict) or document.get("key") != key:
        return []
    before = TuningResult.model_validate(document)
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
