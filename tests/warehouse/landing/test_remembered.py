"""Files that are remembered: read once, and again whenever they may have changed."""

import os
import time

import pytest

from tests.warehouse.frames import DESCRIPTION
from warehouse.landing import layout, reading, remembered
from warehouse.landing.remembered import RememberedFiles


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(remembered, "SETTLED_NS", 0)
    path = tmp_path / "landing" / "users" / "a.csv"
    path.parent.mkdir(parents=True)
    path.write_text("user_id\n1\n")
    time.sleep(0.02)
    return path


def _hashes(landing, store):
    files = RememberedFiles.load(store)
    hashes = reading.fingerprints(landing, DESCRIPTION, "users", None, files)
    files.save()
    return hashes


def test_a_file_is_read_once_and_again_when_it_changed(file, tmp_path, monkeypatch):
    landing, store = file.parents[1], tmp_path / "known.json"
    plain = reading.fingerprints(landing, DESCRIPTION, "users")
    assert _hashes(landing, store) == plain
    with monkeypatch.context() as patch:
        patch.setattr(remembered.hashlib, "file_digest", lambda *_: pytest.fail("it was read"))
        assert _hashes(landing, store) == plain
    stat = file.stat()
    file.write_text("user_id\n2\n")  # as long as before, and the time of writing put back
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert _hashes(landing, store) == reading.fingerprints(landing, DESCRIPTION, "users") != plain


def test_a_file_that_was_just_written_is_not_remembered(file, tmp_path, monkeypatch):
    monkeypatch.setattr(remembered, "SETTLED_NS", 3600 * 10**9)
    _hashes(file.parents[1], tmp_path / "known.json")
    assert not (tmp_path / "known.json").exists()


def test_what_cannot_be_read_is_forgotten(file, tmp_path, caplog):
    store = tmp_path / "known.json"
    store.write_text("[1")
    assert _hashes(file.parents[1], store) and "cannot be read" in caplog.text


def test_folders_of_other_days_are_not_entered(tmp_path, monkeypatch):
    for day in ("2026-05-01", "2026-05-02", "2026-05-03"):
        for hour in ("00", "01"):
            folder = tmp_path / "exposures" / f"date={day}" / f"hour={hour}"
            folder.mkdir(parents=True)
            (folder / "a.csv").write_text("")
    entered, plain = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: entered.append(folder.name) or plain(folder))
    contract = DESCRIPTION.contract("exposures")
    listed = layout.listing(tmp_path, contract, DESCRIPTION.service_zone, ["2026-05-02"])
    assert list(listed.files) == ["2026-05-02-00:00", "2026-05-02-01:00"]
    assert entered == ["exposures", "date=2026-05-02", "hour=00", "hour=01"]
    whole = layout.listing(tmp_path, contract, DESCRIPTION.service_zone)
    assert len(whole.files) == 6 and whole.files["2026-05-02-00:00"] == listed.files["2026-05-02-00:00"]
