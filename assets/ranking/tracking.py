"""What the ranking assets put on MLflow runs: one shape for all of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from assets.common.tracking import RunRecord, Tracking
from assets.ranking.states import StateRecord


@contextmanager
def pictures(pngs: Mapping[str, bytes]) -> Iterator[dict[str, Path]]:
    """A folder with a PNG file a name, as the artifacts of a run, while the run is recorded."""
    with tempfile.TemporaryDirectory() as folder:
        for name, png in pngs.items():
            (Path(folder) / f"{name.replace(' ', '_').lower()}.png").write_bytes(png)
        yield {"plots": Path(folder)}


def record_training(
    tracking: Tracking,
    record: StateRecord,
    kind: str,
    *,
    losses: Sequence[float],
    plot: bytes,
    metrics: Mapping[str, float | None] | None = None,
) -> str:
    """The run of a daily training (`training` or `long_term`) with its losses; returns its id."""
    with pictures({"loss": plot}) as artifacts:
        return tracking.record(
            RunRecord(
                kind=kind,
                system=record.system,
                partition=record.partition,
                seed=record.seed,
                settings=record.settings,
                tags={"data_hash": record.data_hash, "state_hash": record.state_hash},
                curves={"loss": losses},
                metrics=metrics or {},
                artifacts=artifacts,
            )
        )


def record_day(
    tracking: Tracking,
    base: StateRecord,
    day: str,
    *,
    metrics: Mapping[str, float | None],
    step: int = 0,
    artifacts: Mapping[str, Path] | None = None,
) -> str:
    """The parent run of a served day, with figures by hour (step = hour of day); returns its id."""
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
            },
            metrics=metrics,
            step=step,
            artifacts=artifacts or {},
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
) -> str:
    """The child run of an hour; both hourly assets write on the same one. Returns its id."""
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
        )
    )
