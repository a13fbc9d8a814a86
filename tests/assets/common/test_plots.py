"""Figures are small PNGs that an asset's page can embed."""

import base64
import re

import pytest

from assets.common import plots


@pytest.mark.parametrize(
    "png",
    [
        plots.by_hour({"deepfm": {0: 0.6, 1: None, 3: 0.7}, "lsttm": {}}, "AUC by hour", "AUC"),
        plots.by_hour({}, "nothing yet", "AUC"),
        plots.by_hour(
            {"deepfm": {0: 0.6, 1: None, 3: 0.7}, "lsttm": {}},
            *("AUC by hour", "AUC"),
            errors={"deepfm": {0: 0.01, 3: None}},
            dashed={"deepfm": {0: 0.6, 3: 0.65}},
            dash="static",
        ),
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
    one = plots.by_hour({"deepfm": {0: 0.6, 1: 0.7}}, "t", "AUC")
    other = plots.by_hour({"deepfm": {0: 0.6, 1: None}}, "t", "AUC")
    assert one != other
    bars = plots.by_hour({"deepfm": {0: 0.6, 1: 0.7}}, "t", "AUC", errors={"deepfm": {0: 0.02, 1: 0.02}})
    dashed = plots.by_hour({"deepfm": {0: 0.6, 1: 0.7}}, "t", "AUC", dashed={"deepfm": {0: 0.6, 1: 0.65}})
    assert len({one, bars, dashed}) == 3
