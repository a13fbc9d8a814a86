"""A request carried out from its settings to files and a run on MLflow, the same for whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from assets.profiling.audience.files import AudienceFiles, write
from assets.profiling.audience.followed import NO_BRAND, FollowedAudience, FollowedAudiences
from assets.profiling.audience.make import AudienceResult, make_audience
from assets.profiling.tracking import record_audience
from models.files import replace_folder

if TYPE_CHECKING:
    from assets.common.tracking import Tracking
    from assets.profiling.audience.requests import AudienceSettings
    from assets.profiling.sources import ProfileSource
    from models.progress import Progress


@dataclass(frozen=True)
class Prospecting:
    """An audience, written and recorded."""

    result: AudienceResult
    files: AudienceFiles
    run_id: str  #: on MLflow
    followed: FollowedAudience | None  #: None: nobody can say what becomes of it, for the list is no brand

    @property
    def outlook(self) -> str:
        """When its outcome is known, in words."""
        if self.followed is None:
            return NO_BRAND
        return f"what came true is known when the purchases before {self.followed.due} are loaded"


def carry_out(
    settings: AudienceSettings,
    source: ProfileSource,
    tracking: Tracking,
    out: Path,
    *,
    name: str | None = None,
    whole_folder: bool = False,
    size: str = "real",
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
    phase: Callable[[str], AbstractContextManager[None]] = lambda name: nullcontext(),  # noqa: ARG005
) -> Prospecting:
    """Rank with the newest model that the date may use (trained where there is none), write and record.

    Args:
        settings: the request.
        source: opened.
        tracking: takes the audience, and every model that is trained for it.
        out: a folder, or the name of the files, as `AudienceFiles.at`.
        name: of the request; default: that of the files.
        whole_folder: `out` is a folder of this audience alone, replaced as a whole.
        size, seed, device: of a model that is trained.
        progress: told of every step.
        phase: times the phases `compute`, `write` and `record`.

    Raises:
        BadRequest, LookupError, ValueError: as `make_audience`.
    """
    trainer, simulated = source.trainer(size, seed, device, progress, tracking), source.description.simulated
    with phase("compute"):
        result = make_audience(settings, trainer, source=source.name, simulated=simulated, progress=progress)
    with phase("write"):
        if whole_folder:
            with replace_folder(out) as temporary:
                write(result, AudienceFiles.at(temporary))
        else:
            write(result, AudienceFiles.at(out))
        files = AudienceFiles.at(out)
    with phase("record"):
        name = name or files.page.stem
        run_id = record_audience(tracking, result, files, name)
        followed = FollowedAudiences.of(source.home).follow(result, run_id, name)
    return Prospecting(result, files, run_id, followed)
