"""A checkpoint that cannot be read is set aside, with a warning, and its training begins anew."""

from __future__ import annotations

import pytest
import torch

from models.unfinished import UnreadableCheckpoint, read_unfinished
from tests.models.ranking.test_ranker import assert_same
from tests.models.ranking.toy import toy_log, train


def _flipped(data: bytes) -> bytes:
    """One bit of the weights, which `torch.load` would not see."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


DAMAGES = {
    "empty": lambda data: b"",
    "cut short": lambda data: data[: len(data) // 2],
    "no checkpoint": lambda data: b"an epoch",
    "a flipped bit": _flipped,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_set_aside(tmp_path, damage):
    path = tmp_path / "2026-03-04"
    torch.save({"weights": torch.arange(5000.0)}, path)
    assert torch.equal(read_unfinished(path, "cpu")["weights"], torch.arange(5000.0))
    damaged = DAMAGES[damage](path.read_bytes())
    path.write_bytes(damaged)
    with pytest.warns(UnreadableCheckpoint, match=r"2026-03-04 cannot be read.*begins anew"):
        assert read_unfinished(path, "cpu") is None
    assert [file.name for file in tmp_path.iterdir()] == ["2026-03-04.unreadable"]
    assert (tmp_path / "2026-03-04.unreadable").read_bytes() == damaged
    assert read_unfinished(path, "cpu") is None, "a second run finds none"


@pytest.mark.parametrize("damage", ["cut short", "a flipped bit"])
def test_a_training_begins_anew_to_the_same_weights(tmp_path, damage):
    path, log = tmp_path / "checkpoint", toy_log()
    whole = train("deepfm", log, checkpoint=path)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.warns(UnreadableCheckpoint, match="checkpoint cannot be read"):
        again = train("deepfm", log, checkpoint=path)
    assert_same(whole, again)
