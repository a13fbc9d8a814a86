"""`hourfold tune`: the same number of trials a system, systems in parallel, resumable.

The logs come from whatever gives the validation days when called (`LoggedDays`, `PickledDays`), so that a
study also runs where there is no warehouse. Every trial is kept in `<out>.partial` as it ends.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from assets.experiments.resumable import PartialLines
from assets.experiments.tuning.choice import RULE, summary
from assets.experiments.tuning.settings import TuneSettings
from assets.experiments.tuning.study import Trial
from assets.experiments.tuning.workers import (
    Done,
    GraphUnit,
    ReadDays,
    StudyUnit,
    days_read,
    graph_path,
    run_study,
    train_graph,
)
from assets.experiments.workers import WorkProgress, run_units, silent
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
) -> dict[str, Any]:
    """Run every system's study, write the JSON to `out` and return it.

    The same call after a kill goes on from the last finished trial of each system; with more trials than
    before it goes on from those, finished or killed.
    """
    from models.ranking.registry import SYSTEMS

    key = settings.key(data_hash)
    partial = PartialLines(out, key)
    report = progress or silent
    found: dict[str, dict[int, Done]] = {name: {} for name in settings.systems}
    stored = [
        Done(line["system"], line["git"], Trial.model_validate(line["trial"])) for line in partial.read()
    ]
    for done in (*_written(out, key), *stored):
        found[done.system][done.trial.number] = done
    asked = {name: settings.trials if SYSTEMS[name].space else 1 for name in settings.systems}

    def finished(name: str) -> list[Done]:
        return [found[name][number] for number in range(asked[name]) if number in found[name]]

    def tell() -> None:
        report("trials", sum(len(finished(name)) for name in asked), sum(asked.values()))

    def keep(result: Done | WorkProgress) -> None:
        if isinstance(result, WorkProgress):
            report(result.stage, result.done, result.total)
            return
        line = {"system": result.system, "git": result.git, "trial": result.trial.model_dump(mode="json")}
        partial.append([json.dumps(line)])
        found[result.system][result.trial.number] = result
        tell()

    tell()
    left = [name for name in asked if len(finished(name)) < asked[name]]
    try:
        run_units(train_graph, _graphs(settings, read, partial.folder, left), workers, keep)
        units = [
            StudyUnit(settings, read, name, tuple(done.trial for done in finished(name)), partial.folder)
            for name in reversed(left)  # the registry ends with what takes longest
        ]
        run_units(run_study, units, workers, keep)
    finally:
        days_read.cache_clear()
    revisions = dict.fromkeys(done.git for name in asked for done in finished(name))
    result = {
        "source": settings.source,
        "simulated": simulated,
        **settings.model_dump(mode="json", include={"size", "days", "trials", "seed", "sampler"}),
        "data_hash": data_hash,
        "key": key,
        "git": ", ".join(revisions),
        "rule": RULE,
        "systems": {name: summary([done.trial for done in finished(name)]) for name in asked},
    }
    partial.finish(result)
    return result


def _written(out: Path, key: str) -> list[Done]:
    """The trials of a study that was written to `out` before, if it was the same but for their number."""
    before = json.loads(out.read_text()) if out.exists() else {}
    if not isinstance(before, dict) or before.get("key") != key:
        return []
    return [
        Done(name, before["git"], Trial.model_validate({"number": number, **trial}))
        for name, system in before["systems"].items()
        for number, trial in enumerate(system["trials"])
    ]


def _graphs(settings: TuneSettings, read: ReadDays, folder: Path, left: Sequence[str]) -> list[GraphUnit]:
    from models.ranking.registry import SYSTEMS

    if not any(getattr(SYSTEMS[name], settings.size).uses_long_term for name in left):
        return []
    paths = {place: graph_path(folder, day) for place, day in enumerate(settings.days)}
    return [GraphUnit(settings, read, place, path) for place, path in paths.items() if not path.exists()]
