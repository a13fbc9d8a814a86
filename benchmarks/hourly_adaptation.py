"""Claim (c): an hour's adaptation costs in proportion to the hour, not to the history before it.

The same hour of 10,000 exposures is adapted on (mini-batches of 128) and saved, once after a history of one
length and once after one four times as long. Both are long enough for full neighbour lists (K = 30), so that
the history is compared and not a fuller neighbourhood. Aim: the time grows by less than 1.2 times. The peer
is the same system with a quarter of the history; loading the daily model is printed apart. Times are CPU
seconds.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.simulated_log import START_MS, simulated_log
from models.ranking.features.event_log import HOUR_MS, EventLog
from models.ranking.lsttm.long_term_state import LongTermState
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from models.ranking.training.system import SystemSettings

USERS, ITEMS = 2_000, 1_000
HOURS, EXPOSURES = 288, 500  #: of the short history
ROUNDS = 3
SYSTEMS_MEASURED = ("deepfm", "lsttm", "lsttm_typed")  #: `lsttm_no_meta` adapts by the same step as `lsttm`


def history(times: int) -> EventLog:
    """`times` × HOURS hours that end where the measured hour starts."""
    return simulated_log(
        users=USERS,
        items=ITEMS,
        hours=times * HOURS,
        exposures_per_hour=EXPOSURES,
        seed=0,
        first_hour=(4 - times) * HOURS,
    )


def the_hour() -> EventLog:
    hour = simulated_log(
        users=USERS, items=ITEMS, hours=1, exposures_per_hour=10_000, seed=9, first_hour=4 * HOURS
    )
    assert hour.start_ms == START_MS + 4 * HOURS * HOUR_MS
    return hour


def long_term() -> LongTermState:
    g = np.random.default_rng(1)
    users, items = (g.normal(0, 0.3, (n, 16)).astype(np.float32) for n in (USERS, ITEMS))
    return LongTermState(users, items, users.any(1), items.any(1), (), (), "{}")


def train(system: SystemSettings, times: int, folder: Path) -> None:
    """A daily model with the whole history behind it; trained on its last day only, to save time."""
    training = system.training.model_copy(update={"window_days": 1, "epochs": 1})
    state = long_term() if system.uses_long_term else None
    Ranker.train(
        system.model_copy(update={"training": training}), history(times), seed=0, long_term=state
    ).save(folder)


def measure(name: str, folder: Path) -> float:
    """Prints one line; returns time after 4 × the history ÷ time after 1 ×."""
    system = SYSTEMS[name].real
    for times in (1, 4):
        train(system, times, folder / f"{name}-{times}")
    hour = the_hour()
    adapting: dict[int, list[float]] = {1: [], 4: []}
    loading: dict[int, list[float]] = {1: [], 4: []}
    for _ in range(ROUNDS):
        for times in (1, 4):
            began = time.process_time()
            ranker = Ranker.load(folder / f"{name}-{times}")
            loaded = time.process_time()
            ranker.adapt(hour)
            ranker.save_hour(folder / "hour")
            adapting[times].append(time.process_time() - loaded)
            loading[times].append(loaded - began)
    one, four = (statistics.median(adapting[times]) for times in (1, 4))
    load_one, load_four = (statistics.median(loading[times]) for times in (1, 4))
    short, long = HOURS * EXPOSURES, 4 * HOURS * EXPOSURES
    print(
        f"   {name}: {one:.2f} s after {short:,} exposures, {four:.2f} s after {long:,}: {four / one:.2f}x"
        f" (loading {load_one:.2f} s and {load_four:.2f} s)"
    )
    return four / one


def main() -> None:
    torch.set_num_threads(1)
    print("   an hour of 10,000 exposures, adapted and saved (CPU seconds, one thread)")
    with tempfile.TemporaryDirectory() as folder:
        for name in SYSTEMS_MEASURED:
            if name in SYSTEMS:
                measure(name, Path(folder))


if __name__ == "__main__":
    main()
