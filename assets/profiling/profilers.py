"""The profilers by name, and the one that a date may use: found if it was trained, trained if not."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from assets.common.provenance import flat, git_revision
from assets.profiling.states import ProfileStates
from assets.ranking.states import StateRecord
from models.progress import Progress

if TYPE_CHECKING:
    from pydantic import BaseModel

    from models.profiling.data import ProfileData
    from models.profiling.profiler import Scorer

LOG = logging.getLogger(__name__)
HASHED_AT_ONCE = 1 << 20  #: entries of an array
FITTED_AT = "heatmaps.fitted_at"  #: among the settings of a model's record


class StoredProfiler(Protocol):
    """A profiler that can be written and read again; one that is trained by steps has `losses`."""

    def ready(self, data: ProfileData) -> Scorer:
        """Embed the users of an as-of date."""

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""


class Reader(Protocol):
    """A source that can be asked what was known before a date."""

    def read(self, as_of: str, fitted_at: str | None = None) -> ProfileData:
        """All of it; heatmaps with the channels fixed at `fitted_at`, by default those in use at the date."""

    def fitted_at(self, as_of: str) -> str:
        """When the channels were fixed that `read` of the date, read before, has by default."""


@dataclass(frozen=True)
class ProfilerEntry:
    """How one system is set up, trained and read."""

    settings: Callable[[str], BaseModel]  #: of a size, 'real' or 'tiny'
    train: Callable[..., StoredProfiler]  #: (settings, data, seed=, device=, progress=)
    load: Callable[[Path, str], StoredProfiler]  #: path, device


@dataclass(frozen=True)
class Trained:
    """A profiler, where it came from, and how its training went."""

    record: StateRecord
    profiler: StoredProfiler
    losses: tuple[float, ...] = ()  #: by step; empty for one that is fitted in closed form, or was loaded

    @property
    def fitted_at(self) -> str:
        """The date at which the channels of the heatmaps were fixed that it was trained on."""
        return self.record.settings[FITTED_AT]


@dataclass(frozen=True)
class Trainer:
    """Finds and trains the profilers of one source."""

    states: ProfileStates
    source: Reader
    size: str = "real"  #: which configuration
    seed: int = 0
    device: str = "cpu"
    progress: Progress | None = None
    listener: Callable[[Trained], object] | None = None  #: told of every model that was trained

    def at(self, system: str, as_of: str) -> Trained:
        """The newest model that an as-of date may use; trained at that date where there is none yet, or where
        the newest was written by an earlier version of its system.

        Raises what the source's `read` raises for a date without data, and DamagedState.
        """
        record = self.states.newest(system, as_of)
        if record is None:
            return self.train(system, as_of)
        from models.profiling.profiler import OutdatedModel

        try:
            return Trained(record, PROFILERS[system].load(self.states.path(record), self.device))
        except OutdatedModel as outdated:
            LOG.warning("%s: %s is trained again as of %s", outdated, system, as_of)
            return self.train(system, as_of)

    def train(self, system: str, as_of: str) -> Trained:
        """Train on everything known before the as-of date, store the model and return it."""
        entry, data = PROFILERS[system], self.source.read(as_of)
        settings = entry.settings(self.size)
        profiler = entry.train(settings, data, seed=self.seed, device=self.device, progress=self.progress)
        record = StateRecord(
            system=system,
            partition=as_of,
            seed=self.seed,
            settings=flat(settings) | {FITTED_AT: self.source.fitted_at(as_of)},
            git_revision=git_revision(),
            data_hash=hash_of(data),
        )
        with self.states.write(record) as path:
            profiler.save(path)
        stored = self.states.finished(system, as_of)
        trained = Trained(stored, profiler, tuple(getattr(profiler, "losses", ())))
        if self.listener is not None:
            self.listener(trained)
        return trained


def hash_of(data: ProfileData) -> str:
    """Sixteen hex digits of all that is known before the as-of date.

    Heatmaps that lie on disk count by the digest of what they were made of: nothing is read for it.
    """
    from models.profiling.data import StoredModalities

    digest = hashlib.blake2b(str(data.as_of_day).encode(), digest_size=8)
    digest.update("\n".join(data.user_ids.tolist()).encode())
    heat = [data.modalities.digest] if isinstance(data.modalities, StoredModalities) else data.modalities
    clicks = [] if data.clicks is None else [data.clicks]
    for part in (data.purchases, *heat, data.demographics, data.labels, *clicks):
        _add(digest, part)
    return digest.hexdigest()


def _add(digest: hashlib.blake2b, value: Any) -> None:
    """Add a value to a digest: the bytes of an array, the fields of a dataclass, anything else as text."""
    if is_dataclass(value):
        for field in fields(value):
            digest.update(f"{field.name} ".encode())
            _add(digest, getattr(value, field.name))
    elif hasattr(value, "tobytes"):
        flat_value = value.reshape(-1)
        for start in range(0, len(flat_value), HASHED_AT_ONCE):
            digest.update(flat_value[start : start + HASHED_AT_ONCE].tobytes())
    else:
        digest.update(repr(value).encode())


def _prior_settings(size: str) -> BaseModel:
    from models.profiling.prior import MetaProfilePriorSettings

    if size == "real":
        return MetaProfilePriorSettings()
    spaces = tuple(s.model_copy(update={"width": 16}) for s in MetaProfilePriorSettings().spaces)
    return MetaProfilePriorSettings(spaces=spaces, supports=(1, 10, 100), shrinkages=(0.03, 0.3), draws=1)


def _printed_settings(size: str) -> BaseModel:
    from models.profiling import settings

    return settings.PRINTED if size == "real" else settings.TINY


def _class(system: str) -> Any:
    from models.profiling.meta_profile import MetaProfile
    from models.profiling.prior import MetaProfilePrior

    return {"meta_profile_prior": MetaProfilePrior, "meta_profile": MetaProfile}[system]


def _train(system: str, settings: BaseModel, data: ProfileData, **options: Any) -> StoredProfiler:
    # Nothing is held out: the brand that will be asked about may teach by what it did before the date. Who
    # has only a row of demographics or a label teaches nothing, and undated ones may be of later accounts.
    return _class(system).train(settings, data, data.known_before(data.as_of_day), **options)


def _entry(system: str, settings: Callable[[str], BaseModel]) -> ProfilerEntry:
    return ProfilerEntry(
        settings, partial(_train, system), lambda path, device: _class(system).load(path, device)
    )


#: What can be asked for; MODELS in assets/profiling/audience/requests.py names the same.
PROFILERS: dict[str, ProfilerEntry] = {
    "meta_profile_prior": _entry("meta_profile_prior", _prior_settings),
    "meta_profile": _entry("meta_profile", _printed_settings),
}
