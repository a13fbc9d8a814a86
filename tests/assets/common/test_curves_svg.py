"""Curves by hour as SVG: every value a point, gaps where there is none, whatever the names hold."""

import base64
from xml.etree import ElementTree

from assets.common import curves_svg

SPACE = "{http://www.w3.org/2000/svg}"


def test_points_lines_and_gaps():
    svg = curves_svg.by_hour(
        {"a<b": {0: 0.6, 1: 0.7, 2: None, 4: 0.8}, "b": {0: 0.5}, "empty": {}},
        "AUC & more",
        "AUC",
        errors={"a<b": {0: 0.02, 1: None}},
        dashed={"a<b": {0: 0.55, 1: 0.56}},
        dash="static",
    )
    tree = ElementTree.fromstring(svg)
    assert len(tree.findall(f"{SPACE}circle")) == 4
    lines = [line for line in tree.findall(f"{SPACE}polyline") if line.get("stroke") != "#444"]
    assert [len(line.get("points").split()) for line in lines] == [2, 1, 2, 1]
    words = [text.text for text in tree.findall(f"{SPACE}text")]
    assert {"AUC & more", "a<b (dashed: static)", "b", "hour of service time"} <= set(words)
    heights = [float(point.get("cy")) for point in tree.findall(f"{SPACE}circle")]
    assert heights[0] > heights[1] > heights[2], "a higher value stands higher"
    code = curves_svg.embedded(svg).value.partition("base64,")[2].rstrip(")")
    assert base64.b64decode(code).decode() == svg


def test_no_value_and_one_value_are_drawn():
    for curves in ({}, {"a": {}}, {"a": {3: 0.5}}, {"a": {3: 0.0, 4: 0.0}}):
        ElementTree.fromstring(curves_svg.by_hour(curves, "t", "AUC"))
