"""MLflow's runs of single hours, and later those of days, removed with their artifacts.

`MlflowClient.delete_run` marks a run; what removes it for good is `mlflow gc`. That command also removes
every experiment and model that someone has marked elsewhere, so the store's own deletion of one run is called
here, which `gc` calls too. On a team's server runs are only marked: the rest is for whoever runs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from assets.common.mlflow_store import ARTIFACTS, on_server
from assets.upkeep.due import DAY, NEWEST
from assets.upkeep.trash import empty, put_away, weight
from warehouse.keeping import first_day

if TYPE_CHECKING:
    from mlflow.entities import Run

    from assets.common.tracking import Tracking

HOURS, DAYS = ("hour",), ("day", "training", "long_term")
PLOTS = "plots"  #: the artifacts' folder with pictures
PAGE = 500


@dataclass
class DueRuns:
    """Runs of some kinds that are older than they are kept."""

    name: str  #: as in `KeepSettings`
    runs: list[str] = field(default_factory=list)
    artifacts: list[Path] = field(default_factory=list)  #: folders of those and, for pictures, of others
    stays: dict[str, str] = field(default_factory=dict)  #: run → why it stays

    @property
    def bytes(self) -> int:
        """Of the artifacts; rows of the database leave space that is used again."""
        return sum(map(weight, self.artifacts))


def due_runs(
    tracking: Tracking,
    name: str,
    kinds: tuple[str, ...],
    days: int | None,
    today: str,
    needed: Mapping[str, str],
) -> DueRuns:
    """The runs of this source and of `kinds` that are due; `needed` says of run ids why they stay.

    A run that someone marked as deleted is not touched unless it is due anyway.
    """
    due = DueRuns(name)
    if days is None:
        return due
    runs = list(_runs(tracking, kinds))
    past = [day for _, day in runs if day <= today]
    if not past:
        return due
    first = first_day(max(past), days)
    for run, day in runs:
        if day >= first:
            continue
        if run.info.run_id in needed:
            due.stays[run.info.run_id] = needed[run.info.run_id]
            continue
        due.runs.append(run.info.run_id)
        folder = _folder(tracking, run)
        if folder is not None:
            due.artifacts.append(folder)
    return due


def due_pictures(tracking: Tracking, days: int | None, today: str) -> DueRuns:
    """Folders of pictures among the artifacts of runs older than `days`, in the home's own store alone."""
    due = DueRuns("plots of MLflow's runs")
    if days is None or on_server():
        return due
    runs = [(run, day) for run, day in _runs(tracking, DAYS) if day <= today]
    if not runs:
        return due
    first = first_day(max(day for _, day in runs), days)
    for run, day in runs:
        folder = _folder(tracking, run)
        if day < first and folder is not None and (folder / ARTIFACTS / PLOTS).is_dir():
            due.artifacts.append(folder / ARTIFACTS / PLOTS)
    return due


def remove(tracking: Tracking, due: DueRuns) -> None:
    """Mark each run through MLflow's interface, then its artifacts go, then its rows.

    A run is found until its rows are gone, marked or not, so a kill between leaves work and nothing else.
    """
    for run_id in due.runs:
        if tracking.client.get_run(run_id).info.lifecycle_stage == "active":
            tracking.client.delete_run(run_id)
    root = tracking.folder / ARTIFACTS
    for folder in due.artifacts:
        put_away(root, folder)
    hard = None if on_server() else getattr(_store(tracking), "_hard_delete_run", None)
    if hard is not None:
        for run_id in due.runs:
            hard(run_id)
    empty(root)


def reasons(due: DueRuns) -> dict[str, int]:
    """Why runs stay → how many."""
    counted: dict[str, int] = {}
    for why in due.stays.values():
        counted[why or NEWEST] = counted.get(why or NEWEST, 0) + 1
    return counted


def _runs(tracking: Tracking, kinds: tuple[str, ...]) -> Iterator[tuple[Run, str]]:
    """Each run of this source and of these kinds, deleted ones too, with its day."""
    from mlflow.entities import ViewType

    for kind in kinds:
        token: str | None = None
        while True:
            page = tracking.client.search_runs(
                [tracking.experiment],
                filter_string=f"tags.kind = '{kind}' and tags.source = '{tracking.source}'",
                run_view_type=ViewType.ALL,
                max_results=PAGE,
                order_by=["attributes.start_time ASC"],
                page_token=token,
            )
            for run in page:
                partition = run.data.tags.get("partition", "")
                if DAY.match(partition):
                    yield run, partition[:10]
            token = page.token
            if not token:
                break


def _folder(tracking: Tracking, run: Run) -> Path | None:
    """A run's folder among the home's own artifacts; None where they lie elsewhere, or there are none."""
    if on_server():
        return None
    root = tracking.folder / ARTIFACTS
    folder = Path(unquote(urlparse(run.info.artifact_uri).path)).parent
    return folder if folder.parent == root and folder.is_dir() else None


def _store(tracking: Tracking) -> Any:
    return tracking.client._tracking_client.store
