"""Hashes of what every registered system computes, to show that a change of code changed no figure.

    python -m tests.fingerprints                                             # the tiny log: a minute
    python -m tests.fingerprints --kuairand path/to/KuaiRand-Pure            # and 2 May 2022, real sizes
    python -m tests.fingerprints --complete-journey                          # and profilers on a real shop

Run it in two checkouts (in the older one with this file copied in) and compare the lines.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

DAY = "2022-05-02"
#: Where a name stood at d7aff74, the last commit before the packages were laid out anew.
FORMERLY = {
    "models.ranking.ranker": "models.ranker",
    "models.ranking.registry": "models.registry",
    "models.ranking.lsttm.long_term_graph": "models.lsttm.long_term_graph",
    "tests.models.ranking.toy": "tests.models.toy",
    "tests.models.profiling.toy": "tests.models.meta_profile.toy",
    "assets.experiments.comparison.settings": "assets.experiments.settings",
    "assets.experiments.comparison.prepare": "assets.experiments.prepare",
    "assets.experiments.source_logs": "assets.experiments.logs",
    "assets.experiments.profilers.systems": "assets.experiments.profile_systems",
    "assets.experiments.profilers.settings": "assets.experiments.profile_settings",
    "assets.experiments.profilers.prepare": "assets.experiments.profile_prepare",
    "assets.experiments.profilers.data": "assets.experiments.profile_data",
}


def module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if name not in FORMERLY or not name.startswith(str(error.name)):
            raise
        return importlib.import_module(FORMERLY[name])


def digest(*arrays: np.ndarray) -> str:
    state = sha256()
    for array in arrays:
        state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()[:16]


def ranked(settings: Any, history: Any, hours: list[Any], long_term: Any) -> str:
    """Of the day's scores, each hour scored and then adapted on."""
    ranker = module("models.ranking.ranker").Ranker.train(
        settings, history, seed=0, long_term=long_term if settings.uses_long_term else None
    )
    scores = []
    for hour in hours:
        scores += list(ranker.score_details(hour).values())
        ranker.adapt(hour)
    return digest(*scores)


def tiny_rankers(names: list[str]) -> Iterator[tuple[str, str]]:
    toy = module("tests.models.ranking.toy")
    log = toy.toy_log()
    past = log.between(toy.START, toy.START + toy.TRAIN_HOURS * 3_600_000)
    hours = [toy.hour_of(log, number) for number in range(toy.TRAIN_HOURS, toy.TRAIN_HOURS + 4)]
    graph = long_term_of(past, "tiny")
    yield "tiny long-term graph", digest(graph.user_vectors, graph.item_vectors)
    for name in names:
        yield f"tiny {name}", ranked(systems()[name].tiny, past, hours, graph)


def kuairand(data: Path, names: list[str]) -> Iterator[tuple[str, str]]:
    settings = module("assets.experiments.comparison.settings").CompareSettings(
        source="kuairand", systems=tuple(names), days=(DAY,)
    )
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOURFOLD_HOME"] = home
        logs = module("assets.experiments.comparison.prepare").prepare(settings, data)
        history, hours = module("assets.experiments.source_logs").read_day(logs, DAY)
    graph = long_term_of(history, "real")
    yield f"KuaiRand {DAY} long-term graph", digest(graph.user_vectors, graph.item_vectors)
    for name in names:
        yield f"KuaiRand {DAY} {name}", ranked(systems()[name].real, history, hours, graph)


def systems() -> dict[str, Any]:
    return module("models.ranking.registry").SYSTEMS


def long_term_of(log: Any, size: str) -> Any:
    settings = module("models.ranking.registry").long_term_settings(size)
    return module("models.ranking.lsttm.long_term_graph").train_long_term(log, settings, seed=0)


def profiled(names: list[str], evaluation: Any, size: str, targets: list[int]) -> Iterator[tuple[str, str]]:
    catalogue = module("assets.experiments.profilers.systems")
    folds = module("assets.experiments.profilers.folds")
    for name in names:
        system = catalogue.PROFILE_SYSTEMS[name]
        with tempfile.TemporaryDirectory() as scratch:
            fold = folds.Fold(evaluation, 0, 0, size, "cpu", Path(scratch), target="a brand")
            scorer = system.make(fold)
            asked = targets[:1] if system.trains_on_brand else targets
            train = evaluation.train_users(0)
            customers = [np.flatnonzero(evaluation.members[target] & train) for target in asked]
            yield name, digest(*(scorer.score(some[:take], None) for some in customers for take in (1, None)))


def tiny_profilers(names: list[str]) -> Iterator[tuple[str, str]]:
    data = module("tests.models.profiling.toy").toy_data()
    users, brands = len(data), [3, 9]
    test = np.arange(users) % 4 == 0
    members = np.zeros((len(brands), users), dtype=bool)
    for row, brand in enumerate(brands):
        members[row, data.purchases.user[data.purchases.brand == brand]] = True
    evaluation = SimpleNamespace(
        data=data,
        folds=(test,),
        members=members,
        excluded=np.array(brands),
        dates=SimpleNamespace(horizon=60),
        train_users=lambda fold: ~test,
    )
    for name, value in profiled(names, evaluation, "tiny", [0, 1]):
        yield f"tiny {name}", value


def complete_journey(names: list[str]) -> Iterator[tuple[str, str]]:
    settings = module("assets.experiments.profilers.settings").ProfileEvalSettings(
        source="complete-journey", systems=tuple(names)
    )
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOURFOLD_HOME"] = home
        shop = module("assets.experiments.profilers.prepare").prepare_shop(settings, None)
        evaluation = module("assets.experiments.profilers.data").evaluation_of(shop, settings)
        for name, value in profiled(names, evaluation, "tiny", [0, 1, 2]):
            yield f"complete-journey {name}", value


def main() -> None:
    import torch

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kuairand", type=Path)
    parser.add_argument("--complete-journey", action="store_true")
    parser.add_argument("--systems", help="names with commas; default: all")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    rankers = list(systems())
    profilers = list(module("assets.experiments.profilers.systems").PROFILE_SYSTEMS)
    if asked.systems:
        wanted = asked.systems.split(",")
        rankers, profilers = ([n for n in names if n in wanted] for names in (rankers, profilers))
    parts = [tiny_rankers(rankers), tiny_profilers(profilers)]
    if asked.kuairand:
        parts.append(kuairand(asked.kuairand, rankers))
    if asked.complete_journey:
        parts.append(complete_journey(profilers))
    for part in parts:
        for name, value in part:
            print(f"{value}  {name}", flush=True)


if __name__ == "__main__":
    main()
