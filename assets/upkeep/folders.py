"""What lies in a source's folders, by kind, and what of it is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assets.ranking.states import States
from assets.upkeep.due import DAY, Entry, Kind, dated, judge
from assets.upkeep.heatmap_files import heatmap_kinds
from assets.upkeep.needs import (
    Alias,
    WindowDays,
    in_window,
    links_of,
    newest_of,
    newest_sound,
    of_aliases,
    of_hours,
)
from models.ranking.instances.manifest import MANIFEST, STATE
from warehouse.home import Deployment, SourceHome

#: As replace_folder and replace_file name what is not finished, and what is about to go.
LEFTOVERS = (".*.tmp", ".*.old")
PICTURES = ("*.png", "*.svg")


@dataclass(frozen=True)
class Census:
    """What of a source is judged, and by what."""

    home: SourceHome
    deployment: Deployment
    today: str  #: of service time
    aliases: Sequence[Alias]
    window: WindowDays  #: of the next training

    @property
    def states(self) -> States:
        """The models folder."""
        return States(self.home.models)

    def kinds(self) -> list[Kind]:
        """Every kind, in the order in which what is due may go: what leans on another goes first."""
        hours = self._hours()
        return [
            hours,
            self._checkpoints(),
            self._daily([entry.path for entry in hours.rest]),
            self._graphs(),
            *self._instances(),
            self._profilers(),
            *heatmap_kinds(self.home, self.deployment.keep.heatmaps, self.today),
            self._pictures(),
            self._leftovers(),
        ]

    def _hours(self) -> Kind:
        entries = dated(self._models("hourly"), self.deployment.systems)
        newest = newest_of(entries)
        alone = self._judged("hourly_states", self.home.models, entries, newest=newest)
        needed = links_of(self.states, [entry.path for entry in alone.rest])
        hours = self._judged("hourly_states", self.home.models, entries, needed, newest)
        hours.due.reverse()  # an hour goes before those that it leans on
        return hours

    def _checkpoints(self) -> Kind:
        return self._judged("checkpoints", self.home.models, dated(self._models("checkpoints")))

    def _daily(self, hours: Sequence[Path]) -> Kind:
        entries = dated(self._models("daily"), self.deployment.systems)
        needed = of_hours(self.states, hours) | of_aliases(self.home.models, self.aliases)
        newest = newest_sound(self.states, entries)
        return self._judged("daily_models", self.home.models, entries, needed, newest)

    def _graphs(self) -> Kind:
        entries = dated((self.home.models / "long_term").glob("*"))
        # A training of D reads the graphs of the mornings of its window, the first made the day before it.
        window = self._window(entries, self.window.trained, 1) | of_aliases(self.home.models, self.aliases)
        newest = newest_sound(self.states, entries)
        return self._judged("long_term_graphs", self.home.models, entries, window, newest)

    def _instances(self) -> list[Kind]:
        root = self.home.instances
        entries = [Entry(entry.day, entry.path) for entry in dated(root.glob("*/*"))]
        finished = [entry.path for entry in entries if (entry.path / MANIFEST).is_file()]
        last = set(finished[-1:])
        days = self._judged("instances", root, entries, self._window(entries, self.window.events), last)
        states = [
            Entry(entry.day, entry.path / STATE)
            for entry in entries
            if (entry.path / STATE).is_dir() and entry not in days.due
        ]
        newest = {entry.path for entry in states[-1:]}
        return [self._judged("instance_states", root, states, newest=newest), days]

    def _profilers(self) -> Kind:
        entries = dated(self._models("profile"))
        newest = newest_of(entries)
        needed = of_aliases(self.home.models, self.aliases)
        return self._judged("profilers", self.home.models, entries, needed, newest)

    def _pictures(self) -> Kind:
        entries = []
        # Pictures of days were PNG files once.
        for path in sorted(file for form in PICTURES for file in self.home.reports.glob(form)):
            day = DAY.search(path.name)
            if day is not None:
                entries.append(Entry(day.group(), path))
        return self._judged("plots", self.home.reports, entries)

    def _leftovers(self) -> Kind:
        from assets.upkeep.leftovers import half_made, leftovers

        kind = Kind("leftovers of killed runs", self.home.root)
        folders = (self.home.models, self.home.instances, self.home.heatmaps, self.home.reports)
        left = leftovers((*folders, self.home.requests), LEFTOVERS) + half_made(self.home.warehouse)
        kind.due = [Entry("", path) for path in left]
        return kind

    def _models(self, kind: str) -> list[Path]:
        return list((self.home.models / kind).glob("*/*"))

    def _window(self, entries: Sequence[Entry], days: int | None, more: int = 0) -> dict[Path, str]:
        return in_window(entries, self.today, None if days is None else days + more)

    def _judged(
        self,
        name: str,
        root: Path,
        entries: Sequence[Entry],
        needed: dict[Path, str] | None = None,
        newest: set[Path] | None = None,
    ) -> Kind:
        keep = self.deployment.keep
        return judge(name, root, entries, getattr(keep, name), self.today, needed, newest or ())
