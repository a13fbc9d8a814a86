"""What a night and an hour cost at N exposures in the training window: seconds and peak memory, part by part.

    python -m benchmarks.night --exposures 1000000 --json
    python -m benchmarks.night --exposures 100000000 --train-seconds 300 --json
    python -m benchmarks.night --nights 60 --exposures 160000 --json     # night 60 against night 10

The log is not the simulator's: it is drawn day by day (`benchmarks.simulated_log`, Zipf-like users and items,
six fields each), which costs a fraction of it. Days are encoded one after another, as the asset
`training_instances` does, each in its own step: `encode` (state of the day before, codes), `write` (rows,
manifest and the merged state). Then a process of its own for each system trains one epoch on the window, and
one opens the model and lives through an hour. `peak_gib` is the process's resident memory at most, pages of
files mapped by it included; `peak_anonymous_gib` and `peak_mapped_gib` are the peaks of both kinds apart,
sampled: the system may take mapped pages back when others need memory. Where `--train-seconds` ends an epoch
early, `share` says how much of it was trained, and `seconds_an_epoch` is projected from that share; memory is
then as for a whole epoch, since graph, table and blocks are in place from the first step on, and mapped pages
have a bound (`models.mapped`), which a large window reaches soon.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.night_parts import apart, encode, live_hour, train, train_coarsely

SYSTEMS = ("deepfm", "lsttm_spectral")
EXPOSURES_A_USER, EXPOSURES_AN_ITEM = 50, 500  #: in the window
NIGHT, LATER_NIGHT = 10, 60  #: that are compared where there are as many


@dataclass(frozen=True)
class Size:
    """How large the log of a benchmark is."""

    exposures: int  #: in the window
    window: int  #: days

    @property
    def day(self) -> tuple[int, int, int]:
        """Exposures of a day, users and items."""
        users, items = self.exposures // EXPOSURES_A_USER, self.exposures // EXPOSURES_AN_ITEM
        return self.exposures // self.window, max(users, 100), max(items, 50)


def nights(folder: Path, size: Size, count: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Encode `count` days in order; with `--nights`, every one is trained on as well."""
    measured = []
    for day in range(count):
        noted = folder / f"{day}.json"  # beside what a run before left in a folder of the user's
        if not noted.exists():
            noted.write_text(json.dumps(apart(encode, folder, day, *size.day)))
        night: dict[str, Any] = {"night": day + 1, "encoding": json.loads(noted.read_text())}
        if options.nights and day + 1 >= size.window:
            night["training"] = {
                system: apart(train, _window(folder, day, size), system, options.train_seconds)
                for system in options.systems
            }
        if not options.json:
            print(json.dumps(night), flush=True)
        measured.append(night)
    return measured


def _window(folder: Path, day: int, size: Size) -> list[Path]:
    return [folder / str(d) for d in range(day + 1 - size.window, day + 1)]


def summary(encoded: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Encoding of a day: medians over all but the first, which has no state to take over."""
    days = encoded[1:] or encoded
    out = {name: statistics.median(day[name] for day in days) for name in ("encode", "write", "cpu")}
    exposures = days[-1]["exposures"]
    out["us_an_exposure"] = 1e6 * out["cpu"] / exposures
    out |= {name: days[-1][name] for name in ("exposures", "bytes", "state_bytes")}
    out["draw_us_an_exposure"] = 1e6 * statistics.median(day["draw"] for day in days) / exposures
    return out | {"peak_gib": max(day["peak_gib"] for day in encoded)}


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Everything that was asked for, as one object."""
    size = Size(options.exposures, options.window_days)
    measured = nights(folder, size, options.nights or size.window, options)
    last = len(measured) - 1
    out: dict[str, Any] = {
        "exposures": options.exposures,
        "window_days": size.window,
        "simulated": True,
        "users": size.day[1],
        "items": size.day[2],
        "encoding_a_day": summary([night["encoding"] for night in measured]),
    }
    if options.only_encode:
        return out
    if options.nights:
        return out | {"nights": measured, "later_against_earlier": growth(measured, size.window)}
    out["training"] = {
        system: apart(train, _window(folder, last, size), system, options.train_seconds)
        for system in options.systems
    }
    model = folder / "model"
    out["hour_model"] = apart(train_coarsely, folder / str(last), model)
    out["hour"] = apart(live_hour, folder, model, last + 1, *size.day)
    return out


def growth(measured: Sequence[dict[str, Any]], window: int) -> dict[str, Any]:
    """The last nights against those around night 10, CPU seconds of encoding and seconds of training."""
    early = [night for night in measured if abs(night["night"] - NIGHT) <= 1 and night["night"] >= window]
    late = measured[-3:]
    out: dict[str, Any] = {"nights": [night["night"] for night in early], "against": late[-1]["night"]}
    if early:
        out["encoding"] = _middle(late, "encoding") / _middle(early, "encoding")
        for system in early[0]["training"]:
            out[system] = _middle(late, system) / _middle(early, system)
    return out


def _middle(chosen: Sequence[dict[str, Any]], part: str) -> float:
    if part == "encoding":
        return statistics.median(night["encoding"]["cpu"] for night in chosen)
    return statistics.median(night["training"][part]["cpu"] for night in chosen)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--exposures", type=int, default=200_000, help="in the training window")
    parser.add_argument("--window-days", type=int, default=8)
    parser.add_argument("--nights", type=int, help="so many nights in a row, each trained on")
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS))
    parser.add_argument("--train-seconds", type=float, help="end an epoch after so long, and project it")
    parser.add_argument("--folder", type=Path, help="for the partitions, which stay; days in it are taken")
    parser.add_argument("--only-encode", action="store_true", help="no training and no hour")
    parser.add_argument("--json", action="store_true", help="one JSON object, nothing else")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        print(json.dumps(measure(options, folder), indent=None if options.json else 1))


if __name__ == "__main__":
    main(sys.argv[1:])
