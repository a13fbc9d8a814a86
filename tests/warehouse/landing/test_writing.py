"""A file is written whole or not at all, whether its writer fails or its process is killed."""

import multiprocessing
import os
import signal

import pytest

from warehouse.landing import writing
from warehouse.landing.walking import walk
from warehouse.landing.writing import replace_file, replace_text


def test_a_file_is_replaced_and_nothing_else_lies_there(tmp_path):
    path = tmp_path / "new" / "a.csv"
    for text in ("first", "second, é"):
        replace_text(path, text)
        assert path.read_text(encoding="utf-8") == text
        assert os.listdir(path.parent) == ["a.csv"]


def test_a_failing_write_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / "a.csv"
    replace_text(path, "old")
    with pytest.raises(OSError, match="disk"), replace_file(path) as temporary:
        temporary.write_text("half a")
        raise OSError("disk full")
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.csv"]


def _die_in_the_middle(path):
    with replace_file(path) as temporary:
        temporary.write_text("half a")
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_kill_leaves_the_old_file_whole_and_nothing_that_a_reader_takes(tmp_path):
    path = tmp_path / "a.csv"
    replace_text(path, "old")
    process = multiprocessing.get_context("fork").Process(target=_die_in_the_middle, args=(path,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert [file.path for file in walk(tmp_path).files] == [path], (
        "the rest of the dead process is passed over"
    )


def test_the_file_is_on_the_disk_before_its_name_is_and_the_name_after(tmp_path, monkeypatch):
    path, order = tmp_path / "a.csv", []
    monkeypatch.setattr(writing, "_flush", lambda flushed: order.append((flushed.name, path.exists())))
    replace_text(path, "text")
    assert [exists for _, exists in order] == [False, True]
    assert order[1][0] == tmp_path.name
