"""The parts of a night and an hour that `benchmarks.night` measures, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.memory import PeakMemory
from benchmarks.simulated_log import simulated_log
from models.ranking.features.event_log import HOUR_MS, EventLog

HOURS = 24


def day_log(day: int, exposures: int, users: int, items: int) -> EventLog:
    """Day number `day` of a log with `exposures` a day."""
    return simulated_log(
        users=users,
        items=items,
        hours=HOURS,
        exposures_per_hour=max(exposures // HOURS, 1),
        seed=day,
        first_hour=day * HOURS,
    )


def encode(folder: Path, day: int, exposures: int, users: int, items: int) -> dict[str, Any]:
    """Encode one day after those before it; seconds by part."""
    from models.ranking.features.features import Features, FeatureSettings
    from models.ranking.instances.day import encode_day
    from models.ranking.instances.manifest import STATE
    from models.ranking.instances.partition import write_day

    began = time.perf_counter()
    log = day_log(day, exposures, users, items)
    drawn, cpu = time.perf_counter(), time.process_time()
    before = folder / str(day - 1) / STATE
    features = Features.load(before) if day else Features.start(FeatureSettings(), log)
    instances = encode_day(features, log)
    encoded = time.perf_counter()
    write_day(instances, features, folder / str(day), {})
    written = time.perf_counter()
    if day > 1:
        shutil.rmtree(folder / str(day - 2) / STATE)
    return {
        "exposures": len(instances),
        "draw": drawn - began,
        "encode": encoded - drawn,
        "write": written - encoded,
        "cpu": time.process_time() - cpu,
        "bytes": sum(file.stat().st_size for file in (folder / str(day)).rglob("*") if file.is_file()),
        "state_bytes": sum(file.stat().st_size for file in (folder / str(day) / STATE).rglob("*")),
    }


class EnoughTrained(Exception):
    """The time for an epoch is over."""


def train(folders: list[Path], system: str, limit: float | None) -> dict[str, Any]:
    """One epoch on the window of these partitions; seconds before the first step and of the epoch."""
    from models.ranking.instances.window import TrainingWindow
    from models.ranking.ranker import Ranker
    from models.ranking.registry import SYSTEMS as REGISTRY

    settings = REGISTRY[system].real
    training = settings.training.model_copy(update={"epochs": 1, "window_days": len(folders)})
    settings = settings.model_copy(update={"training": training})
    began, first, share = time.perf_counter(), [0.0], [0.0, 0.0]

    def listen(stage: str, done: int, total: int) -> None:
        if stage != "train":
            return
        now = time.perf_counter()
        if not first[0]:
            first[:], share[0] = [now], done / total
        share[1] = done / total
        if limit is not None and now - first[0] > limit:
            raise EnoughTrained

    window = TrainingWindow.open(folders, settings.features)
    long_term = zero_vectors() if settings.uses_long_term else None
    with suppress(EnoughTrained):
        Ranker.train(settings, window, seed=0, long_term=long_term, progress=listen)
    trained = time.perf_counter() - first[0]
    epoch = trained / max(share[1] - share[0], 1e-9)
    return {
        "instances": len(window),
        "prepare": first[0] - began,
        "seconds": trained,
        "cpu": time.process_time(),
        "share": round(share[1], 6),
        "seconds_an_epoch": epoch,
        "us_an_instance": 1e6 * epoch / len(window),
    }


def train_coarsely(folder: Path, model: Path) -> dict[str, Any]:
    """A deepfm in steps of 8,192 instances of one day, for an hour that is timed and not judged."""
    from models.ranking.instances.window import TrainingWindow
    from models.ranking.ranker import Ranker
    from models.ranking.registry import SYSTEMS as REGISTRY

    settings = REGISTRY["deepfm"].real
    training = settings.training.model_copy(update={"batch_size": 8192, "window_days": 1})
    settings = settings.model_copy(update={"training": training})
    began = time.perf_counter()
    Ranker.train(settings, TrainingWindow.open([folder], settings.features), seed=0).save(model)
    return {"system": "deepfm", "batch_size": 8192, "seconds": time.perf_counter() - began}


def zero_vectors() -> Any:
    """Long-term vectors of nobody: their training has a benchmark of its own (`long_term_graph`)."""
    from models.ranking.lsttm.long_term_days import LongTermDays
    from models.ranking.lsttm.long_term_state import LongTermState

    nobody = np.zeros((1, 16), np.float32)
    return LongTermDays.single(LongTermState(nobody, nobody, nobody.any(1), nobody.any(1), (), (), "{}"))


def live_hour(folder: Path, model: Path, day: int, exposures: int, users: int, items: int) -> dict[str, Any]:
    """Open the model of the night before, score and adapt on the day's first hour, save what moved."""
    from models.ranking.ranker import Ranker

    log = day_log(day, exposures, users, items)
    hour = log.between(log.start_ms, log.start_ms + HOUR_MS)
    began = time.perf_counter()
    ranker = Ranker.load(model)
    opened = time.perf_counter()
    ranker.score(hour)
    scored = time.perf_counter()
    ranker.adapt(hour)
    adapted = time.perf_counter()
    ranker.save_hour(folder / "hour")
    return {
        "exposures": len(hour.exposures),
        "open": opened - began,
        "score": scored - opened,
        "adapt": adapted - scored,
        "save": time.perf_counter() - adapted,
    }


def apart(work: Callable[..., dict[str, Any]], *args: Any) -> dict[str, Any]:
    """What `work` gives in a process of its own with one thread, and the peaks of its memory in GiB."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measured, args=(sender, work, args))
    process.start()
    sender.close()
    try:
        result: dict[str, Any] = receiver.recv()
    except EOFError:
        process.join()
        raise SystemExit(f"{work.__name__}{args} ended with {process.exitcode}") from None
    process.join()
    return result


def _measured(sender: Any, work: Callable[..., dict[str, Any]], args: tuple[Any, ...]) -> None:
    import torch

    torch.set_num_threads(1)
    with PeakMemory() as memory:
        result = work(*args)
    sender.send(result | memory.peaks())
