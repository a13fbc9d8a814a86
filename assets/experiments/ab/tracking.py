"""An A/B test on MLflow: one run a test, with its pictures and JSON; users are simulated, and so it says."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assets.common.provenance import flat
from assets.common.tracking import RunRecord, Tracking
from assets.experiments.ab.plots import NAMES, ab_pictures

AB_TESTS = "ab tests"  #: the experiment of all tests
KIND = "ab_test"


def record(folder: Path, result: Mapping[str, Any], out: Path | None = None) -> str:
    """Write a test on its run, found again where it was recorded before.

    Args:
        folder: of MLflow, `Home.mlflow`.
        result: the test's JSON.
        out: the file that holds it.

    Returns:
        the run's id.
    """
    days = result["settings"]["test_days"]
    settings = flat(result["settings"] | {"arms": ",".join(result["arms"])})
    with tempfile.TemporaryDirectory() as scratch:
        plots = Path(scratch)
        for name, png in ab_pictures(result).items():
            (plots / name).write_bytes(png)
        return Tracking(folder, result["source"], result["simulated"], AB_TESTS).record(
            RunRecord(
                kind=KIND,
                system=" against ".join(reversed(result["arms"])),
                partition=f"{days[0]}..{days[-1]}",
                seed=result["settings"]["seed"],
                settings={name: value for name, value in settings.items() if name != "seed"},
                tags={"valid": str(result["valid"]).lower(), "tested_git": result["git"]},
                metrics=_metrics(result),
                artifacts={"plots": plots} | ({"json": out} if out is not None else {}),
            )
        )


def _metrics(result: Mapping[str, Any]) -> dict[str, float | None]:
    """`<arm>.ctr` of every arm, `<arm>.ctr_lift` and its interval and p over the base."""
    found: dict[str, float | None] = {
        f"{row['arm']}.{name}": row[name] for row in result["pooled"] for name in NAMES
    }
    for entry in result["metrics"]:
        stem = f"{entry['arm']}.{entry['metric']}"
        found |= {f"{stem}_{part}": entry[part] for part in ("lift", "low", "high")}
        found[f"{stem}_p"] = entry["p_value"]
    return found
