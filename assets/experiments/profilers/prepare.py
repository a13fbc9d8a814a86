"""Bring a source's purchases through the real gate, unless they are there already, and read them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assets.experiments.profilers.evaluation import PurchaseSource
from assets.experiments.profilers.settings import ProfileEvalSettings
from models.profiling.data import ProfileData
from models.progress import Progress
from warehouse.home import Home, same_accounts

if TYPE_CHECKING:
    from warehouse.home import SourceHome
    from warehouse.landing.description import SourceDescription


def prepare_shop(
    settings: ProfileEvalSettings, data: Path | None, *, progress: Progress | None = None
) -> PurchaseSource:
    """Fill the landing folder, load every partition of the profiler's tables that the warehouse lacks.

    Channels of heatmaps are fitted at the as-of date of the evaluation, whatever this home fitted before, so
    that the figures depend on the log alone.

    Raises:
        ValueError: the source needs `--data`, has no purchases, or this home has another folder.
        BatchRejected: a batch rule stopped a partition.
    """
    from assets.logs.sources import open_source
    from warehouse.landing.contract import PROFILING_TABLES
    from warehouse.store.connection import WarehouseMissing

    home = Home.current()
    opened = open_source(settings.source, home, data, progress=progress)
    opened.load(PROFILING_TABLES, progress)
    try:
        clicks = same_accounts(home, settings.source)
        return loaded_shop(settings.source, opened.home, opened.description, clicks)
    except WarehouseMissing as error:  # nothing was loaded: no table of the profiler has files
        remedy = "; `hourfold simulate --shop` writes some" * (settings.source == "simulator")
        raise ValueError(
            f"{settings.source} has no purchases: a profile evaluation needs the table `purchases`{remedy}"
        ) from error


def loaded_shop(
    source: str, paths: SourceHome, description: SourceDescription, clicks: bool = False
) -> PurchaseSource:
    """What the warehouse of a source holds, as an evaluation reads it; with what users click, if asked."""
    from assets.profiling.reading import profile_data, profile_data_hash, purchase_log

    user_ids, purchases = purchase_log(paths, description)

    def before(day: int) -> ProfileData:
        as_of = str(np.datetime64(day, "D"))
        return profile_data(paths, description, as_of, fitted_at=as_of, clicks=clicks)

    return PurchaseSource(
        source=source,
        simulated=description.simulated,
        data_hash=profile_data_hash(paths, description, clicks=clicks),
        user_ids=user_ids,
        purchases=purchases,
        before=before,
    )
