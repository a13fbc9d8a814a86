"""What the ranking assets put on MLflow runs: one shape for all of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from assets.common.tracking import RunRecord, Tracking
from assets.ranking.run_colour import colour_tag
from assets.ranking.states import StateRecord

BY_HOUR = "_by_hour"  #: ends the name of a curve whose step is the hour of the day
SERVED = (  #: what a training's run tells of the day it served
    *("auc", "aupr", "auc_se", "log_loss", "gauc", "gauc_hour"),
    *("request_auc", "request_mrr", "request_ndcg5", "request_ndcg10"),
)


@contextmanager
def pictures(drawn: Mapping[str, bytes | str]) -> Iterator[dict[str, Path]]:
    """A folder with a file a name, PNG or SVG, as the artifacts of a run, while the run is recorded."""
    with tempfile.TemporaryDirectory() as folder:
        for name, picture in drawn.items():
            path = Path(folder) / name.replace(" ", "_").lower()
            if isinstance(picture, str):
                path.with_suffix(".svg").write_text(picture)
            else:
                path.with_suffix(".png").write_bytes(picture)
        yield {"plots": Path(folder)}


def record_training(
    tracking: Tracking,
    record: StateRecord,
    kind: str,
    *,
    losses: Sequence[float],
    plot: bytes,
    metrics: Mapping[str, float | None] | None = None,
    started: float | None = None,
) -> str:
    """The run of a daily training (`training` or `long_term`) with its losses; returns its id.

    `started` is when the training began, Unix seconds; without one, when the tracker was opened.
    """
    with pictures({"loss": plot}) as artifacts:
        return tracking.record(
            RunRecord(
                kind=kind,
                system=record.system,
                partition=record.partition,
                seed=record.seed,
                settings=record.settings,
                tags={
                    "data_hash": record.data_hash,
                    "state_hash": record.state_hash,
                    **colour_tag(record.system, record.partition),
                },
                curves={"loss": losses},
                metrics=metrics or {},
                artifacts=artifacts,
                started=started,
            )
        )


def record_served(
    tracking: Tracking, base: StateRecord, day: str, metrics: Mapping[str, float | None]
) -> str | None:
    """Put how a model did on the day that it served on the run of its training: `auc`, `aupr`, `auc_se`.

    The tag `served_day` names the day. Returns the run's id; None where the training has none.
    """
    return tracking.amend(
        RunRecord(
            kind="training",
            system=base.system,
            partition=base.partition,
            seed=base.seed,
            settings=base.settings,
            tags={"served_day": day},
            metrics={name: metrics.get(name) for name in SERVED},
        )
    )


def record_day(
    tracking: Tracking,
    base: StateRecord,
    day: str,
    *,
    metrics: Mapping[str, float | None] | None = None,
    by_hour: Mapping[str, float | None] | None = None,
    step: int | None = None,
    artifacts: Mapping[str, Path] | None = None,
    started: float | None = None,
) -> str:
    """The parent run of a served day; returns its id.

    Args:
        tracking: where it is recorded.
        base: the state that the day began from.
        day: key of the day served.
        metrics: figures of all the day's hours pooled, under their plain names: `auc`, `aupr`, `auc_se`.
        by_hour: figures of one hour, under their plain names; they become points of the curves
            `auc_by_hour`, `aupr_by_hour`, ….
        step: that hour of the day, 0 to 23.
        artifacts: folder in the run → local file, or folder of files.
        started: when the work began, Unix seconds; without one, when the tracker was opened.
    """
    if by_hour and step is None:
        raise ValueError(f"figures of an hour of {day} need the hour: step=0 to 23")
    points = {f"{name}{BY_HOUR}": value for name, value in (by_hour or {}).items()}
    return tracking.record(
        RunRecord(
            kind="day",
            system=base.system,
            partition=day,
            seed=base.seed,
            settings=base.settings,
            tags={
                "base_partition": base.partition,
                "base_hash": base.state_hash,
                "data_hash": base.data_hash,
                **colour_tag(base.system, day),
            },
            metrics=metrics or {},
            steps={} if step is None else {step: points},
            artifacts=artifacts or {},
            started=started,
        )
    )


def record_hour(
    tracking: Tracking,
    base: StateRecord,
    hour: str,
    parent: str,
    *,
    metrics: Mapping[str, float | None],
    tags: Mapping[str, str],
    started: float | None = None,
) -> str:
    """The child run of an hour, with its figures under their plain names; both hourly assets write on it.

    `started` is when the work on the hour began, Unix seconds; without one, when the tracker was opened.
    Returns the run's id.
    """
    return tracking.record(
        RunRecord(
            kind="hour",
            system=base.system,
            partition=hour,
            seed=base.seed,
            settings=base.settings,
            parent=parent,
            tags=tags,
            metrics=metrics,
            started=started,
        )
    )
