"""What was known at an earlier day, from the data of a later one: no purchase, cell or label since then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.profiling.data import DAYS, ProfileData, SparseHeatmaps


def as_known_at(data: ProfileData, day: int) -> ProfileData:
    """`data` with the clock held back to local day `day`; users keep their positions.

    Heatmaps end before `day`; the days that then enter at the old end are empty, as in a shorter history.
    Labels of the table `labels` are left out, since they are of the as-of date of `data`. Demographics stay:
    a survey has no date. Channels stay those of `data`.

    Raises:
        ValueError: `day` lies after the as-of day.
    """
    if day > data.as_of_day:
        raise ValueError(f"data as of local day {data.as_of_day} do not know what was known at day {day}")
    later = data.as_of_day - day
    return replace(
        data,
        as_of_day=day,
        modalities=tuple(_moved(heat, later) for heat in data.modalities),
        purchases=data.purchases.before(day),
        labels=None,
    )


def _moved(heat: SparseHeatmaps, days: int) -> SparseHeatmaps:
    """Cells `days` later in the image, those that leave it dropped."""
    inside = heat.day + days < DAYS
    counts = np.bincount(heat.rows[inside], minlength=len(heat.offsets) - 1)
    return replace(
        heat,
        offsets=np.concatenate([[0], np.cumsum(counts)]),
        day=heat.day[inside] + days,
        hour=heat.hour[inside],
        channel=heat.channel[inside],
        value=heat.value[inside],
    )
