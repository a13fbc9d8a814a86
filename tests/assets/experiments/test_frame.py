"""The frame of the studies: what is finished survives a kill, and is not worked on again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from assets.experiments.frame import Finished, Record, Study, artifacts, key_of
from assets.experiments.workers import WorkProgress


class Square(Record):
    number: int
    square: int


def square(unit, emit):
    emit(WorkProgress(f"unit {unit}", 1, 1))
    if unit < 0:
        emit(Finished(without_row=1))
        return
    if unit == 3:
        raise KeyboardInterrupt
    emit(Finished((Square(number=unit, square=unit**2),), {f"ones {unit}": {"ones": np.ones(unit)}}))


def opened(tmp_path, key="key", told=None):
    report = None if told is None else lambda *stage: told.append(stage)
    return Study(tmp_path / "out" / "study.json", key, Square, unit="numbers", progress=report)


def test_a_killed_study_goes_on_and_leaves_one_file(tmp_path):
    study, told = opened(tmp_path), []
    study.expect(4)
    with pytest.raises(KeyboardInterrupt):
        study.run(square, [1, 2, 3, 4], 1)
    again = opened(tmp_path, told=told)
    assert again.rows == [Square(number=1, square=1), Square(number=2, square=4)]
    assert again.arrays("ones 2")["ones"].tolist() == [1, 1] and not again.out.exists()
    again.expect(4)
    again.run(square, [4, -1], 1)
    assert told == [
        ("numbers", 2, 4),
        ("unit 4", 1, 1),
        ("numbers", 3, 4),
        ("unit -1", 1, 1),
        ("numbers", 4, 4),
    ]
    again.write({"rows": [row.model_dump() for row in again.rows]})
    assert json.loads(again.out.read_text())["rows"][-1] == {"number": 4, "square": 16}
    assert [path.name for path in again.out.parent.iterdir()] == ["study.json"]


def test_rows_of_another_key_are_forgotten(tmp_path):
    opened(tmp_path).run(square, [1], 1)
    assert opened(tmp_path).rows and not opened(tmp_path, "other").rows
    assert not opened(tmp_path).rows, "they are gone for good"


def test_a_result_that_is_no_json_replaces_nothing(tmp_path):
    study = opened(tmp_path)
    study.run(square, [1], 1)
    with pytest.raises(ValueError):
        study.write({"auc": float("nan")})
    assert not study.out.exists() and opened(tmp_path).rows


def test_the_key_is_of_all_that_it_is_made_of():
    assert key_of({"a": 1, "b": 2}, "hash") == key_of({"b": 2, "a": 1}, "hash")
    assert len({key_of({"a": 1}, "hash"), key_of({"a": 2}, "hash"), key_of({"a": 1}, "other")}) == 3
    assert len(key_of()) == 12


def test_artifacts_lie_in_a_folder_for_as_long_as_they_are_recorded(tmp_path):
    with artifacts({"a.png": b"png"}, tmp_path / "f.json") as recorded:
        assert (recorded["plots"] / "a.png").read_bytes() == b"png"
        assert recorded["json"] == tmp_path / "f.json"
    assert not recorded["plots"].exists()
    with artifacts({}, None) as recorded:
        assert set(recorded) == {"plots"}
