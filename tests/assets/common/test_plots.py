"""Figures are small PNGs that an asset's page can embed."""

import base64
import re

import pytest

from assets.common import plots


@pytest.mark.parametrize(
    "png",
    [
        plots.curves({"loss": [3.0, 2.0]}, "loss", "loss"),
        plots.bars({"known_item": 3, "dwell": 1}, "quarantine", "rows"),
    ],
)
def test_figures_are_small_pngs(png):
    assert png.startswith(b"\x89PNG")
    assert len(png) < 60_000
    shown = plots.embedded(png).value
    (data,) = re.findall(r"base64,([^)]+)\)", shown)
    assert base64.b64decode(data) == png


def test_different_figures_differ():
    one, other = (plots.curves({"loss": values}, "loss", "loss") for values in ([3.0, 2.0], [3.0, 2.5]))
    assert one != other
