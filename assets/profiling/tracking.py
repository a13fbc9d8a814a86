"""What the profiling assets put on MLflow: trainings, and audiences with their request and result."""

from __future__ import annotations

import hashlib
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assets.common import model_registry, plots
from assets.common.provenance import flat
from assets.common.tracking import RunRecord, Tracking
from assets.profiling.audience.in_words import cautions, outlook
from assets.profiling.audience.requests import as_day
from assets.profiling.audience.verdict import verdict
from assets.profiling.served_version import write_prospector

if TYPE_CHECKING:
    from assets.profiling.audience.files import AudienceFiles
    from assets.profiling.audience.followed import FollowedAudience
    from assets.profiling.audience.make import AudienceResult
    from assets.profiling.audience.outcome import Outcome
    from assets.profiling.held_back import Backtest
    from assets.profiling.profilers import Trained
    from assets.profiling.states import ProfileStates


def record_audience(tracking: Tracking, result: AudienceResult, files: AudienceFiles, name: str) -> str:
    """The run of a request: its settings, the model and data it used, the figures and the files.

    A second run of the same request finds it again. Returns the run's id.
    """
    lift, judged = result.lift, verdict(result)
    listed = hashlib.blake2b("\n".join(result.customers.ids).encode(), digest_size=8).hexdigest()
    settings = flat(result.settings) | {
        "customers": Path(result.settings.customers).name,
        "customers_hash": listed,
    }
    state = result.model
    return tracking.record(
        RunRecord(
            kind="audience",
            system=state.system,
            partition=name,
            seed=state.seed,
            settings=settings,
            tags={
                "model_as_of": state.partition,
                "model_state": state.state_hash,
                "model_version": model_registry.version_of(
                    tracking, state.system, _day_before(state.partition), state.state_hash
                )
                or "not registered",
                "data_hash": result.data_hash,
                "lift_basis": lift.basis if lift is not None else f"none: {result.no_lift}",
                "what_to_expect": " ".join([*outlook(result), *cautions(result)]),
                "told_apart_from_chance": judged.told if judged is not None else "cannot be told",
            },
            metrics=_figures(result),
            curves={} if lift is None else {"lift_curve": lift.curve.lift.tolist()},
            artifacts={"page": files.page, "rows": files.csv, "summary": files.summary}
            | ({"lift": files.lift} if lift is not None else {}),
        )
    )


def _figures(result: AudienceResult) -> dict[str, float | None]:
    figures: dict[str, float | None] = {
        "known": result.known,
        "unknown": len(result.unknown),
        "candidates": result.audience.candidates,
        "audience": len(result.audience),
    }
    judged = verdict(result)
    if judged is None or result.lift is None:
        return figures
    return figures | {
        "expected_reach": judged.reached,
        "expected_reach_error": result.lift.curve.at(result.share)[1],
        "expected_lift": judged.times,
        "expected_lift_low": judged.least_times,
        "expected_lift_high": judged.most_times,
    }


def record_outcome(tracking: Tracking, followed: FollowedAudience, came: Outcome) -> None:
    """Put what came true on the audience's run: `auroc`, `aupr`, `lift`, and how many there were to find."""
    from mlflow.entities import Metric, RunTag

    figures: dict[str, float | None] = {
        "auroc": came.auroc,
        "aupr": came.aupr,
        "newcomers": came.newcomers,
        "reached": came.reached,
    }
    if came.newcomers:
        figures |= {
            "lift": came.lift,
            "reach": came.share,
            "base_rate": came.newcomers / came.candidates,
        }
    now = int(time.time() * 1000)
    tags = {"outcome_through": followed.due, "outcome_days_without_purchases": len(came.missing_days)}
    tracking.client.log_batch(
        followed.run_id,
        metrics=[Metric(name, float(value), now, 0) for name, value in figures.items() if value is not None],
        tags=[RunTag(name, str(value)) for name, value in tags.items()],
    )


def record_backtest(tracking: Tracking, trained: Trained, backtest: Backtest | str) -> None:
    """Put a training's backtest on its run: `aupr`, `auroc` and what they rest on, or why there is none."""
    if isinstance(backtest, str):
        tracking.record(training_run(trained, tags={"backtest": f"none: {backtest}"}))
        return
    figures = backtest.figures
    tags = {
        "backtest": f"newcomers of {backtest.since} to {backtest.until}, nothing later known",
        "backtest_model_as_of": backtest.model_as_of,
    }
    metrics = {
        "aupr": figures.aupr,
        "auroc": figures.auroc,
        "auroc_error": figures.auroc_error,
        "base_rate": figures.base_rate,
        "backtest_brands": figures.brands,
        "backtest_newcomers": figures.newcomers,
    }
    tracking.record(training_run(trained, tags=tags, metrics=metrics))


def record_model(tracking: Tracking, states: ProfileStates, trained: Trained) -> str:
    """Put a training on its MLflow run and into the registry; returns the version's number.

    The alias of a system points at its newest model by as-of date, whichever was trained last.
    """
    state, losses = trained.record, list(trained.losses)
    with tempfile.TemporaryDirectory() as scratch:
        pictures = {}
        if losses:
            pictures["plots"] = Path(scratch) / "loss.png"
            pictures["plots"].write_bytes(loss_picture(trained))
        run_id = tracking.record(
            training_run(
                trained,
                tags={"data_hash": state.data_hash, "state_hash": state.state_hash},
                metrics={"last_loss": losses[-1] if losses else None},
                curves={"loss": losses},
                artifacts=pictures,
            )
        )
    folder = states.folder(state.system, state.partition)
    write_prospector(folder)
    tags = {"as_of": state.partition, "data_hash": state.data_hash, "git_revision": state.git_revision}
    through = _day_before(state.partition)
    version = model_registry.register(
        tracking, state.system, through, folder, run_id, state.state_hash, tags | {"seed": str(state.seed)}
    )
    newest = model_registry.at_alias(tracking, state.system)
    if newest is None or newest.tags["as_of"] <= state.partition:
        model_registry.point(tracking, state.system, version, {})
    return version


def training_run(trained: Trained, **about: Any) -> RunRecord:
    """The run of a training, with these fields of `RunRecord`."""
    state = trained.record
    return RunRecord(
        kind="training",
        system=state.system,
        partition=state.partition,
        seed=state.seed,
        settings=state.settings,
        **about,
    )


def _day_before(as_of: str) -> str:
    """The last day of what was known: a version is tagged with it, as the rankers' are."""
    return (as_day(as_of) - timedelta(days=1)).isoformat()


def loss_picture(trained: Trained) -> bytes:
    """Training loss by step, PNG."""
    title = f"{trained.record.system}, trained on what was known before {trained.record.partition}"
    return plots.curves({"loss": list(trained.losses)}, title, "training loss")
