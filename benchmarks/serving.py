"""Claim: the champion answers 200 candidates within 10 ms (`deepfm`) or 15 ms (`lsttm_spectral`) on one core.

`hourfold serve` runs in a process of its own that may use one core, on a small simulated home with models of
the real size, one hour adapted. Requests of one user and 200 items come at fixed instants, whether earlier
ones are answered or not, and a latency counts from the instant at which its request was due: p50 and p99, of
HTTP and all. The peer, in the same run: MLflow's own scoring server (`mlflow models serve`) with the same
version on the same core, both at a rate that it can hold. CPU time a request is told too, because others may
be busy on the machine. Memory is that of the server, after a tenth of the requests and at the end.

    python -m benchmarks.serving --json figures.json
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.serving_home import SYSTEMS, bodies, make, point
from benchmarks.serving_load import Load, serving, tell

AIMS = {"deepfm": 10.0, "lsttm_spectral": 15.0}  #: p99 in ms


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=SYSTEMS)
    parser.add_argument("--seconds", type=float, default=60.0, help="of requests at the full rate")
    parser.add_argument("--rate", type=float, default=50.0, help="requests a second")
    parser.add_argument("--peer-rate", type=float, default=10.0, help="requests a second beside the peer")
    parser.add_argument("--peer-seconds", type=float, default=15.0, help="of requests beside the peer")
    parser.add_argument("--candidates", type=int, default=200)
    parser.add_argument(
        "--home", type=Path, help="where the home is made, and is used again; default: thrown away"
    )
    parser.add_argument("--json", type=Path, help="where figures are written")
    chosen = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DAGSTER_DISABLE_TELEMETRY"] = "true"
    with tempfile.TemporaryDirectory(prefix="serving-") as scratch:
        home = (chosen.home or Path(scratch) / "home").resolve()
        make(home)
        figures = {system: measure(home, system, chosen) for system in chosen.systems}
    for system, figure in figures.items():
        print(tell(system, figure, AIMS[system]))
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(figures, indent=2) + "\n")


def measure(home: Path, system: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """Figures of one system."""
    name = point(home, system)
    requests = bodies(home, chosen.candidates)
    core = max(os.sched_getaffinity(0))
    figures: dict[str, Any] = {
        "candidates": chosen.candidates,
        "rate": chosen.rate,
        "seconds": chosen.seconds,
        "cores": len(os.sched_getaffinity(0)),
    }
    ours = ["-m", "orchestration.cli", "serve", "--port", "{port}"]
    with serving(home, ours, core) as server:
        load = Load(server, requests)
        load.run(chosen.rate, 2.0)  # the first requests map files
        load.run(chosen.rate, chosen.seconds / 10)
        before = server.memory_mb()
        full = load.run(chosen.rate, chosen.seconds)
        figures |= full.figures() | {"memory_mb": [before, server.memory_mb()]}
        figures["beside_peer"] = {"rate": chosen.peer_rate} | load.run(
            chosen.peer_rate, chosen.peer_seconds
        ).figures()
    peer = ["-m", "mlflow", "models", "serve", "--env-manager", "local", "-m", f"models:/{name}@champion"]
    with serving(home, [*peer, "--port", "{port}"], core) as server:
        load = Load(server, requests)
        load.run(chosen.peer_rate, 2.0)
        figures["peer"] = load.run(chosen.peer_rate, chosen.peer_seconds).figures()
    figures["peer"]["name"] = "mlflow models serve"
    for part in ("p50_ms", "cpu_ms"):
        figures[f"{part} of the peer, in ours"] = figures["peer"][part] / figures["beside_peer"][part]
    return figures


if __name__ == "__main__":
    main()
