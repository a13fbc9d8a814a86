"""A colour of its own for a system's runs in MLflow.

MLflow draws a run in one of some thirty colours by a hash of its random id: of nine systems laid over each
other, two share one in seven of ten days. A tag on the run says otherwise.
"""

from __future__ import annotations

import colorsys
import datetime as dt

TAG = "mlflow.runColor"  #: which the pages of MLflow read
GOLDEN = 0.618034  #: of a turn: neighbours in the registry lie far apart on the wheel
LIGHTNESS = (0.45, 0.60, 0.35)  #: of consecutive days, so that a system's own days differ too
STRENGTH = (0.65, 1.0, 0.8, 0.95)  #: saturation by turns: a few hues of twenty-seven lie close together


def colour_tag(system: str, partition: str) -> dict[str, str]:
    """The tag with the colour of a run: its hue is the system's, its lightness goes by the day.

    Args:
        system: name of a system; one that is not in the registry gets grey.
        partition: key of a day or hour, or a span of days, of which the first counts.
    """
    from models.ranking.registry import SYSTEMS

    lightness = LIGHTNESS[dt.date.fromisoformat(partition[:10]).toordinal() % len(LIGHTNESS)]
    hue, saturation = 0.0, 0.0
    if system in SYSTEMS:
        rank = list(SYSTEMS).index(system)
        hue, saturation = rank * GOLDEN % 1, STRENGTH[rank % len(STRENGTH)]
    red, green, blue = (round(255 * part) for part in colorsys.hls_to_rgb(hue, lightness, saturation))
    return {TAG: f"#{red:02x}{green:02x}{blue:02x}"}
