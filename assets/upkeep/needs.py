"""What must stay whatever its age, and why: for the champion, an alias, a stored hour, the next training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlparse

from assets.common.provenance import content_hash
from assets.common.tuned import Values
from assets.ranking.training_window import system_settings
from assets.ranking.window_days import event_days, longest
from assets.ranking.withheld import withheld
from assets.upkeep.due import Entry
from warehouse.keeping import first_day

if TYPE_CHECKING:
    from assets.ranking.states import States
    from warehouse.home import Deployment

BASE = "base of a stored hour"
LINK = "a stored hour leans on it"
WINDOW = "window of the next training"


@dataclass(frozen=True)
class Alias:
    """A version of a registered model that an alias points at."""

    name: str  #: such as `champion`
    model: str
    system: str
    day: str
    source: str  #: where it lies, as the registry has it
    run_id: str

    @property
    def why(self) -> str:
        """As a reason to stay."""
        return self.name if self.name == "champion" else f"alias {self.name} of {self.model}"

    def folder(self) -> Path | None:
        """Its folder on this machine, if it has one."""
        parts = urlparse(self.source)
        return Path(unquote(parts.path)) if parts.scheme in ("", "file") and parts.path else None


def of_aliases(models: Path, aliases: Iterable[Alias]) -> dict[Path, str]:
    """The models that aliases point at, by system and day and by address, and the graphs of their days."""
    needed: dict[Path, str] = {}
    for alias in sorted(aliases, key=lambda alias: alias.name == "champion"):
        by_name = (models / kind / alias.system / alias.day for kind in ("daily", "profile"))
        needed |= {path: alias.why for path in (alias.folder(), *by_name) if path is not None}
        needed[models / "long_term" / alias.day] = f"graph of {alias.why}"
    return needed


def of_hours(states: States, hours: Iterable[Path]) -> dict[Path, str]:
    """The daily models from which stored hours were made, for they hold only what moved since."""
    bases: dict[Path, str] = {}
    for folder in hours:
        record = states.record(folder)
        if record is not None and record.base_partition is not None:
            bases[states.daily(record.system, record.base_partition)] = BASE
    return bases


def links_of(states: States, hours: Iterable[Path]) -> dict[Path, str]:
    """The earlier hours that hours which stay lean on, and those that these lean on in turn."""
    needed: dict[Path, str] = {}
    waiting = list(hours)
    while waiting:
        new = [path for path in states.leans_on(waiting.pop()) if path not in needed]
        needed |= dict.fromkeys(new, LINK)
        waiting += new
    return needed


def newest_sound(states: States, entries: Sequence[Entry]) -> set[Path]:
    """The newest finished state of each owner that is what its record says, and what is newer.

    Files whose bytes changed, and a model that is withheld, are none to go on with: the one before stays too.
    """
    sound: set[Path] = set()
    settled = {""}
    for entry in sorted(entries, key=lambda entry: entry.day, reverse=True):
        if entry.owner in settled:
            continue
        sound.add(entry.path)
        record = None if withheld(entry.path) else states.record(entry.path)
        if record is not None and content_hash(states.ranker_path(entry.path)) == record.state_hash:
            settled.add(entry.owner)
    return sound


def newest_of(entries: Sequence[Entry]) -> set[Path]:
    """The newest entry of each owner."""
    newest = {entry.owner: entry.path for entry in sorted(entries, key=lambda entry: entry.day)}
    return {path for owner, path in newest.items() if owner}


def in_window(entries: Sequence[Entry], today: str, days: int | None) -> dict[Path, str]:
    """The entries of the last `days` days that end with the newest day not after today; None: all."""
    past = [entry.day for entry in entries if entry.day <= today]
    if not past:
        return {}
    first = "" if days is None else first_day(max(past), days)
    return {entry.path: WINDOW for entry in entries if entry.day >= first}


class WindowDays(NamedTuple):
    """How many days the next training reads; None: all."""

    trained: int | None  #: of instances to train on; their mornings' graphs begin a day earlier
    events: int | None  #: of partitions: also those whose clicks are read by graphs and factors


def window_of(deployment: Deployment, tuned: Mapping[str, Values]) -> WindowDays:
    """The longest windows of the deployment's systems."""
    systems = system_settings(deployment.systems, deployment.size, tuned).values()
    trained = longest([system.training.window_days for system in systems])
    return WindowDays(trained, longest([event_days(system) for system in systems]))
