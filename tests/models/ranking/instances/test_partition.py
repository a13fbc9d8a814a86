"""A day on disk: the same bytes whenever it is made, whole or a clear error, and never of two versions."""

import json
import shutil

import numpy as np
import pytest

from models.ranking.features.features import Features, FeatureSettings
from models.ranking.instances.manifest import MANIFEST, REMEDY, STATE, read_manifest
from models.ranking.instances.partition import EXTERNAL, OUTCOMES, ROWS, StoredRows, read_day, version_of
from models.ranking.instances.rows import InstanceRows
from models.ranking.instances.window import TrainingWindow
from tests.models.ranking.instances.folders import written
from tests.models.ranking.toy import toy_log

LOG = toy_log(hours=50)
SETTINGS = FeatureSettings()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return written(LOG, SETTINGS, tmp_path_factory.mktemp("instances"))


@pytest.fixture
def copied(folders, tmp_path):
    return [shutil.copytree(folder, tmp_path / folder.name) for folder in folders]


def columns(rows: InstanceRows):
    return [*rows.codes.columns, rows.shown_at, rows.clicked, rows.dwell_seconds]


def test_a_day_made_again_has_the_same_bytes(folders, tmp_path):
    for folder, again in zip(folders, written(LOG, SETTINGS, tmp_path), strict=True):
        files = sorted(f.relative_to(folder) for f in folder.rglob("*") if f.is_file())
        assert len(files) > 10
        assert files == sorted(f.relative_to(again) for f in again.rglob("*") if f.is_file())
        for file in files:
            assert (folder / file).read_bytes() == (again / file).read_bytes(), file


def test_a_day_on_disk_is_the_one_in_memory(folders):
    memory = TrainingWindow.of(LOG, SETTINGS)
    for day, folder in zip(memory.days, folders, strict=True):
        stored = read_day(folder)
        assert len(stored) == len(day) > 0 and stored.clicks == day.clicks and stored.name == day.name
        np.testing.assert_array_equal(stored.hours, day.hours)
        parts, others = list(stored.read()), list(day.read())
        assert len(parts) == len(others) == len(day.chunks)
        for part, other in zip(parts, others, strict=True):
            for one, two in zip(columns(part), columns(other), strict=True):
                assert one.dtype == two.dtype
                np.testing.assert_array_equal(one, two)
        for name, spans in day.spans.items():
            for one, two in zip(vars(spans).values(), vars(stored.spans[name]).values(), strict=True):
                np.testing.assert_array_equal(one, two)
        events, expected = stored.log(), LOG.between(day.start_ms, day.end_ms)
        for part in ("exposures", "external"):
            for name, column in vars(getattr(expected, part)).items():
                if name != "context":
                    np.testing.assert_array_equal(getattr(getattr(events, part), name), column)
        assert events.exposures.context.shape == (len(day), 0)


def test_the_events_of_a_day_are_read_without_other_columns(folders, monkeypatch):
    asked = []
    honest = StoredRows._batches

    def watching(rows, name, columns, numbers):
        asked.append(columns)
        return honest(rows, name, columns, numbers)

    monkeypatch.setattr(StoredRows, "_batches", watching)
    read_day(folders[0]).source.exposures()
    assert asked == [["user_id", "item_id", *OUTCOMES]]


def test_some_chunks_and_some_fields_are_read_alone(folders):
    day = read_day(folders[0])
    few = day.layout.__class__(day.layout.specs[:3] + day.layout.specs[-2:])
    (rows,) = day.read(few, np.array([5]))
    _, first, last = day.chunks[5]
    assert len(rows) == last - first and rows.codes.layout == few
    whole = list(day.read())[5]
    for one, two in zip(
        columns(rows), columns(InstanceRows(whole.codes.select(few), *columns(whole)[-3:])), strict=True
    ):
        np.testing.assert_array_equal(one, two)


def test_fewer_columns_are_no_other_version_and_other_values_are(folders):
    layout = read_day(folders[0]).layout
    version = version_of(SETTINGS, layout)
    assert version == read_manifest(folders[0])["version"] and len(version) == 12
    for switch in ("counts", "external"):
        narrower = FeatureSettings(**{switch: False})
        its = Features.start(narrower, LOG).layout
        assert len(its) < len(layout) and version_of(narrower, its) == version
        window = TrainingWindow.open(folders, narrower)
        assert window.layout == its
        rows = next(window.days[0].read(window.layout))
        np.testing.assert_array_equal(
            rows.codes.matrix(), next(TrainingWindow.of(LOG, narrower).days[0].read()).codes.matrix()
        )
    assert version_of(FeatureSettings(long_seconds=3), layout) != version
    users = layout.__class__(tuple(spec for spec in layout.specs if spec.name != "user_field0"))
    assert version_of(SETTINGS, users) != version


def test_partitions_of_two_versions_are_never_mixed(folders, tmp_path):
    other = FeatureSettings(smoothing=9.0)
    changed = written(LOG, other, tmp_path)
    for days in (folders[:-1] + changed[-1:], changed[:1] + folders[1:]):
        for settings in (SETTINGS, other):
            with pytest.raises(ValueError, match="other feature settings"):
                TrainingWindow.open(days, settings)
    with pytest.raises(ValueError, match="other feature settings"):
        TrainingWindow.open(folders, other)
    assert (
        TrainingWindow.open(changed, other).fingerprint != TrainingWindow.open(folders, SETTINGS).fingerprint
    )


@pytest.mark.parametrize("name", [MANIFEST, ROWS, EXTERNAL, "spans/user_id.npy"])
def test_a_missing_file_names_folder_day_and_remedy(copied, name):
    (copied[1] / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{copied[1]}.*{REMEDY}"):
        TrainingWindow.open(copied, SETTINGS)
    shutil.rmtree(copied[2])
    with pytest.raises(FileNotFoundError, match=str(copied[2])):
        TrainingWindow.open(copied[2:], SETTINGS)


def test_a_damaged_file_names_folder_day_and_remedy(copied):
    rows = copied[1] / ROWS
    whole = rows.read_bytes()
    rows.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match=f"damaged; {REMEDY}"):
        TrainingWindow.open(copied, SETTINGS)
    rows.write_bytes(b"\xff" * len(whole))  # as long as it should be
    day = TrainingWindow.open(copied, SETTINGS).days[1]
    with pytest.raises(ValueError, match=f"{rows}.*{day.name}.*damaged.*materialise"):
        list(day.read())
    (copied[1] / MANIFEST).write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        read_day(copied[1])
    (copied[1] / MANIFEST).write_text(json.dumps({"format": 99}))
    with pytest.raises(ValueError, match="format 99"):
        read_day(copied[1])


def test_days_must_follow_one_another(folders):
    for days in (folders[::2], folders[::-1]):
        with pytest.raises(ValueError, match="missing or out of order"):
            TrainingWindow.open(days, SETTINGS)
    with pytest.raises(ValueError, match="no day"):
        TrainingWindow.open([], SETTINGS)


def test_opening_a_window_reads_no_row(copied):
    """Rows that cannot be read are no hindrance as long as nobody reads them."""
    for folder in copied:
        for name in (ROWS, EXTERNAL):
            (folder / name).write_bytes(b"\0" * (folder / name).stat().st_size)
    window = TrainingWindow.open(copied, SETTINGS)
    assert len(window) == len(LOG.exposures) and len(window.spans()[0]) == 60
    with pytest.raises(ValueError, match="damaged"):
        next(window.days[0].read())


def test_the_fingerprint_follows_the_rows_and_not_what_is_said_about_them(copied, folders):
    one = TrainingWindow.open(folders, SETTINGS).fingerprint
    manifest = read_manifest(copied[0])
    (copied[0] / MANIFEST).write_text(json.dumps(manifest | {"about": {"seconds": 12}}))
    assert TrainingWindow.open(copied, SETTINGS).fingerprint == one
    manifest["files"][ROWS][1] = "another hash"
    (copied[0] / MANIFEST).write_text(json.dumps(manifest))
    assert TrainingWindow.open(copied, SETTINGS).fingerprint != one
    assert (folders[0] / STATE).is_dir()
