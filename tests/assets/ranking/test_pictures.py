"""The pictures of a served day become files of its run, each in its form."""

from assets.ranking.hourly_auc import CURVES, pictures_of
from assets.ranking.tracking import pictures


def test_the_pictures_of_a_day_are_svg_files_and_others_png():
    curves = {name: {"lsttm": {0: 0.6, 1: None}, "fm": {}} for name in CURVES}
    drawn = pictures_of(curves, "2026-05-01")
    assert list(drawn) == ["AUC by hour", "gate weights"]
    without_gate = curves | {"gate_short": {"lsttm": {}, "fm": {}}}
    assert list(pictures_of(without_gate, "2026-05-01")) == ["AUC by hour"]
    with pictures(drawn | {"loss": b"png"}) as folders:
        files = {path.name: path.read_bytes() for path in folders["plots"].iterdir()}
    assert set(files) == {"auc_by_hour.svg", "gate_weights.svg", "loss.png"}
    assert files["loss.png"] == b"png" and b"static" in files["auc_by_hour.svg"]
