"""An A/B test on MLflow: one run a test, with its pictures and JSON; users are simulated, and so it says."""

from __future__ import annotations

from pathlib import Path

from assets.common.provenance import flat
from assets.common.tracking import RunRecord, Tracking
from assets.experiments.ab.plots import ab_pictures
from assets.experiments.ab.results import ABResult
from assets.experiments.frame import artifacts
from models.metrics.ab import METRICS

AB_TESTS = "ab tests"  #: the experiment of all tests
KIND = "ab_test"


def record(folder: Path, result: ABResult, out: Path | None = None, started: float | None = None) -> str:
    """Write a test on its run, found again where it was recorded before.

    Args:
        folder: of MLflow, `Home.mlflow`.
        result: of the test.
        out: the file that holds it.
        started: when the test began, Unix seconds; default: now.

    Returns:
        the run's id.
    """
    document = result.document()["settings"]
    settings = flat(document | {"arms": ",".join(result.arms)})
    days = result.settings.test_days
    with artifacts(ab_pictures(result), out) as files:
        return Tracking(folder, result.source, result.simulated, AB_TESTS).record(
            RunRecord(
                kind=KIND,
                system=" against ".join(reversed(result.arms)),
                partition=f"{days[0]}..{days[-1]}",
                seed=result.settings.seed,
                settings={name: value for name, value in settings.items() if name != "seed"},
                tags={"valid": str(result.valid).lower(), "tested_git": result.git},
                metrics=_metrics(result),
                artifacts=files,
                started=started,
            )
        )


def page(folder: Path, result: ABResult, run_id: str) -> str:
    """Address of a test's run."""
    return Tracking(folder, result.source, result.simulated, AB_TESTS).url(run_id)


def _metrics(result: ABResult) -> dict[str, float | None]:
    """`<arm>.ctr` of every arm; the lift over the base with interval and p, on the same users
    (`<arm>.ctr_paired_lift` …) and of different ones (`<arm>.ctr_unpaired_lift` …).
    """
    metrics = {f"{row.arm}.{name}": row.value(name) for row in result.pooled for name in METRICS}
    lifts = [("paired", entry) for entry in result.paired]
    lifts += [("unpaired", entry) for entry in result.metrics]
    for design, entry in lifts:
        stem = f"{entry.arm}.{entry.metric}_{design}"
        metrics |= {f"{stem}_lift": entry.lift, f"{stem}_low": entry.low, f"{stem}_high": entry.high}
        metrics[f"{stem}_p"] = entry.p_value
    return metrics
