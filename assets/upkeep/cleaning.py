"""One clean-up of a home: what is due goes, kind by kind, and is told with what it weighed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from assets.common import clock, model_registry
from assets.common.mlflow_store import on_server
from assets.common.resources import HomeResource, WarehouseResource
from assets.common.tuned import tuned_settings
from assets.upkeep import dagster_runs, tracked_leftovers, tracked_runs
from assets.upkeep.due import Kind
from assets.upkeep.folders import Census
from assets.upkeep.needs import Alias, window_of
from assets.upkeep.trash import empty, put_away, weight

if TYPE_CHECKING:
    import dagster as dg

    from assets.common.tracking import Tracking


@dataclass
class Cleared:
    """What a clean-up removed, or would remove, and what it left although it is old."""

    dry_run: bool
    freed: dict[str, tuple[int, int]] = field(default_factory=dict)  #: kind → how many, bytes
    stays: dict[str, dict[str, int]] = field(default_factory=dict)  #: kind → reason → how many
    notes: list[str] = field(default_factory=list)

    def add(self, kind: str, count: int, size: int = 0) -> None:
        """Count what went of a kind."""
        known = self.freed.get(kind, (0, 0))
        self.freed[kind] = known[0] + count, known[1] + size

    def leave(self, kind: str, reasons: dict[str, int]) -> None:
        """Count what stays of a kind beyond its days, by reason."""
        if reasons:
            self.stays[kind] = dict(Counter(self.stays.get(kind, {})) + Counter(reasons))

    @property
    def total(self) -> tuple[int, int]:
        """Of all kinds."""
        return sum(count for count, _ in self.freed.values()), sum(size for _, size in self.freed.values())


@dataclass(frozen=True)
class Cleaning:
    """A home about to be cleaned up."""

    home: HomeResource
    warehouse: WarehouseResource
    tracking: Tracking
    instance: dg.DagsterInstance
    dry_run: bool

    def run(self) -> Cleared:
        """Remove what is due, in an order in which a kill leaves nothing half."""
        outcome = Cleared(self.dry_run)
        aliases = aliases_of(self.tracking)
        views = {view.paths.root: view for view in (self.home.shop, self.home)}
        for view in views.values():
            for kind in self.census(view, aliases).kinds():
                self._remove(kind, outcome)
        self._reports(outcome)
        self._results(outcome)
        self._tracked(aliases, outcome)
        self._dagster(dagster_runs.present(), outcome)
        return outcome

    def census(self, view: HomeResource, aliases: Sequence[Alias]) -> Census:
        """What of one source is due."""
        deployment, paths = view.deployment, view.paths
        tuned = tuned_settings(paths, deployment.source, deployment.size, deployment.systems)
        return Census(paths, deployment, self.today, aliases, window_of(deployment, tuned))

    @property
    def today(self) -> str:
        """The present day of service time."""
        return self.home.deployment.service_zone.day_key(clock.now_ms())

    def _remove(self, kind: Kind, outcome: Cleared) -> None:
        outcome.add(kind.name, len(kind.due), sum(weight(entry.path) for entry in kind.due))
        outcome.leave(kind.name, dict(Counter(kind.stays.values())))
        if self.dry_run:
            return
        for entry in kind.due:
            if kind.name in ("daily_models", "profilers"):
                # First the entry in the registry: a version without a folder would be served in vain.
                tracking = self.tracking if kind.name == "daily_models" else self._profiling()
                model_registry.strike(tracking, entry.path.parent.name, entry.day)
            put_away(kind.root, entry.path)
        empty(kind.root)

    def _profiling(self) -> Tracking:
        from assets.common.resources import TrackingResource
        from assets.common.tracking import PROFILING

        return TrackingResource(root=self.home.root, of_shop=True).open(PROFILING)

    def _reports(self, outcome: Cleared) -> None:
        from assets.upkeep.studies import old_studies

        for view in {view.paths.root: view for view in (self.home.shop, self.home)}.values():
            self._remove(old_studies(view.paths, self.home.deployment.keep.reports), outcome)

    def _results(self, outcome: Cleared) -> None:
        from warehouse.store.expiry import Results, expire, expired

        if not self.home.paths.warehouse.exists():
            return
        keep = self.home.deployment.keep
        with self.warehouse.open(read_only=self.dry_run) as opened:
            kinds: tuple[tuple[Results, int | None], ...] = (
                ("predictions", keep.predictions),
                ("metrics", keep.metrics),
            )
            for table, days in kinds:
                due = expired(opened, table, days, self.today)
                outcome.add(f"{table} (rows)", due[1] if due else 0)
                if due and not self.dry_run:
                    expire(opened, table, due[0])

    def _tracked(self, aliases: Sequence[Alias], outcome: Cleared) -> None:
        keep, needed = self.home.deployment.keep, {alias.run_id: alias.why for alias in aliases}
        groups = [
            tracked_runs.due_runs(self.tracking, name, kinds, getattr(keep, name), self.today, needed)
            for name, kinds in (("hour_runs", tracked_runs.HOURS), ("day_runs", tracked_runs.DAYS))
        ]
        for due in [*groups, tracked_runs.due_pictures(self.tracking, keep.plots, self.today)]:
            outcome.add(due.name, len(due.runs or due.artifacts), due.bytes)
            outcome.leave(due.name, tracked_runs.reasons(due))
            if not self.dry_run:
                tracked_runs.remove(self.tracking, due)
        if not self.dry_run:
            swept = tracked_leftovers.sweep(self.tracking.folder)
            if swept:
                outcome.notes.append(f"{swept:,} rows went that MLflow had left of removed runs and versions")
        if on_server():
            outcome.notes.append(
                "runs on a team's server are marked as deleted; `mlflow gc` there frees them"
            )

    def _dagster(self, now: datetime, outcome: Cleared) -> None:
        keep = self.home.deployment.keep
        old = dagster_runs.old_runs(self.instance, keep.dagster_runs, now)
        outcome.add("dagster_runs", len(old.runs), old.bytes)
        if old.why_not:
            outcome.notes.append(old.why_not)
        if not self.dry_run:
            dagster_runs.forget(self.instance, old.runs)
        events, freed = dagster_runs.pictures(self.instance, keep.plots, now, self.dry_run)
        outcome.add("plots on Dagster's pages", events, freed)
        if not self.dry_run:
            dagster_runs.give_back(self.instance)


def aliases_of(tracking: Tracking) -> list[Alias]:
    """Every alias of the registry; raises where the registry does not answer, and nothing is removed."""
    return [
        Alias(
            name=name,
            model=version.name,
            system=version.tags.get("system", ""),
            day=version.tags.get("day", ""),
            source=version.source or "",
            run_id=version.run_id or "",
        )
        for name, version in model_registry.aliased(tracking)
    ]
