"""A day's instances as a folder: one that any process, in any language with Arrow, can read.

- rows.arrow: a record batch for each chunk of `chunks_of`: the fields, shown_at, clicked, dwell_seconds
- external.arrow: the external clicks that the day received
- spans/<field>.npy: int32 [3, n], the distinct codes of an open field with their first and last hours
- state/: the features as of the day's end, for the next day and for rankers trained on this one
- manifest.json: what the day holds, with size and hash of each file

A day that is encoded again gives the same bytes. Files are read, not mapped: the memory of a training then
stays that of its blocks, however many days it reads.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import ipc

from models.files import replace_folder
from models.ranking.features.codes import Codes, FieldSpec, Layout
from models.ranking.features.event_log import Exposures, ExternalClicks
from models.ranking.features.feature_settings import SWITCHES
from models.ranking.features.features import Features, FeatureSettings
from models.ranking.instances.day import InstanceDay
from models.ranking.instances.manifest import FORMAT, MANIFEST, REMEDY, STATE, read_manifest
from models.ranking.instances.rows import CHUNK_ROWS, InstanceRows
from models.ranking.instances.spans import Spans, open_fields

ROWS, EXTERNAL, SPANS = "rows.arrow", "external.arrow", "spans"
OUTCOMES = {"shown_at": pa.int64(), "clicked": pa.bool_(), "dwell_seconds": pa.float32()}


def version_of(settings: FeatureSettings, layout: Layout) -> str:
    """Twelve hexadecimal digits that name what a partition's values mean: those of one version may be mixed.

    What `SWITCHES` names only leaves columns out, so that it makes no version of its own.

    Args:
        settings: of the features.
        layout: of any settings that differ in these alone; its open fields are read.
    """
    values = settings.model_dump(exclude=set(SWITCHES))
    about = {"format": FORMAT, "settings": values, "fields": open_fields(layout)}
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]


def write_day(day: InstanceDay, features: Features, folder: Path, about: dict[str, Any]) -> None:
    """Write a day into `folder`, whole or not at all.

    Args:
        day: the instances.
        features: the state as of the day's end.
        folder: of the partition; what it held before is replaced.
        about: more facts for the manifest, as JSON values; they do not count for the fingerprint.
    """
    with replace_folder(folder) as temporary:
        _write_rows(day, temporary / ROWS)
        _write_external(day.source.external(), temporary / EXTERNAL)
        (temporary / SPANS).mkdir()
        for name, spans in day.spans.items():
            np.save(temporary / SPANS / f"{name}.npy", np.stack([spans.codes, spans.first, spans.last]))
        features.save(temporary / STATE)
        manifest = _manifest(day, features, temporary) | {"about": about}
        (temporary / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")


def read_day(folder: Path) -> InstanceDay:
    """Open a partition: its manifest is read and its files are measured, no row is read.

    Raises:
        FileNotFoundError: there is no partition in `folder`, or a file of it is missing.
        ValueError: it was written by another version of the format, or a file is damaged.
    """
    manifest = read_manifest(folder)
    for name, (size, _) in manifest["files"].items():
        file = folder / name
        if not file.is_file():
            raise FileNotFoundError(f"{file} is missing, of the instances of {manifest['day']}: {REMEDY}")
        if file.stat().st_size != size:
            raise ValueError(
                f"{file} has {file.stat().st_size} bytes where {size} were written, of the instances of "
                f"{manifest['day']}: it is damaged; {REMEDY}"
            )
    layout = Layout(tuple(FieldSpec(**spec) for spec in manifest["fields"]))
    hours = np.array(manifest["hours"], np.int64).reshape(-1, 3)
    return InstanceDay(
        day=manifest["service_day"],
        start_ms=manifest["start_ms"],
        end_ms=manifest["end_ms"],
        zone_offset_ms=manifest["zone_offset_ms"],
        layout=layout,
        hours=hours,
        clicks=manifest["clicks"],
        spans=StoredSpans(folder / SPANS, open_fields(layout)),
        source=StoredRows(folder, layout, manifest["day"], _fingerprint(manifest)),
        folder=folder,
    )


class StoredSpans(dict[str, Spans]):
    """Spans by field, each read when it is asked for."""

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        super().__init__(dict.fromkeys(names))  # type: ignore[arg-type]
        self._folder = folder

    def __getitem__(self, name: str) -> Spans:
        return Spans(*np.load(self._folder / f"{name}.npy"))


@dataclass(frozen=True)
class StoredRows:
    """A `RowSource` of a partition on disk."""

    folder: Path
    layout: Layout
    day: str
    fingerprint: str  #: of the manifest, and so of the hashes of all files

    def read(self, layout: Layout, chunks: np.ndarray) -> Iterator[InstanceRows]:
        """See `RowSource.read`."""
        names = [*(spec.name for spec in layout.specs), *OUTCOMES]
        for batch in self._batches(ROWS, names, chunks):
            columns = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in names}
            outcomes = [columns.pop(name) for name in OUTCOMES]
            yield InstanceRows(Codes(layout, tuple(columns.values())), *outcomes)

    def exposures(self) -> Exposures:
        """See `RowSource.exposures`."""
        few = Layout(tuple(spec for spec in self.layout.specs if spec.name in ("user_id", "item_id")))
        parts = [rows.exposures() for rows in self.read(few, np.arange(self._length(ROWS)))]
        if not parts:
            parts = [_no_rows(few).exposures()]
        return Exposures(
            **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Exposures)}
        )

    def external(self) -> ExternalClicks:
        """See `RowSource.external`."""
        (batch,) = self._batches(EXTERNAL, [f.name for f in fields(ExternalClicks)], np.arange(1))
        return ExternalClicks(**{f.name: batch.column(f.name).to_numpy() for f in fields(ExternalClicks)})

    def _length(self, name: str) -> int:
        with pa.OSFile(str(self.folder / name)) as file:
            return int(ipc.open_file(file).num_record_batches)

    def _batches(self, name: str, columns: list[str], numbers: np.ndarray) -> Iterator[pa.RecordBatch]:
        path = self.folder / name
        try:
            with pa.OSFile(str(path)) as file:
                reader = ipc.open_file(file)
                indices = sorted(reader.schema.get_field_index(column) for column in columns)
                if len(indices) < len(reader.schema):
                    reader = ipc.open_file(file, options=ipc.IpcReadOptions(included_fields=indices))
                for number in numbers.tolist():
                    yield reader.get_batch(number)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{path} is missing, of the instances of {self.day}: {REMEDY}") from error
        except pa.ArrowInvalid as error:
            raise ValueError(
                f"{path}, of the instances of {self.day}, is damaged ({error}); {REMEDY}"
            ) from error


def _write_rows(day: InstanceDay, path: Path) -> None:
    kinds = {spec.name: pa.uint8() if spec.kind == "bins" else pa.int32() for spec in day.layout.specs}
    schema = pa.schema(list((kinds | OUTCOMES).items()))
    with pa.OSFile(str(path), "wb") as file, ipc.new_file(file, schema) as writer:
        for rows in day.read():
            columns = [*rows.codes.columns, *(getattr(rows, name) for name in OUTCOMES)]
            arrays = [pa.array(column, kind.type) for column, kind in zip(columns, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _write_external(clicks: ExternalClicks, path: Path) -> None:
    names = [f.name for f in fields(ExternalClicks)]
    kinds = [pa.int64() if name.endswith("_at") else pa.int32() for name in names]
    arrays = [pa.array(getattr(clicks, name), kind) for name, kind in zip(names, kinds, strict=True)]
    batch = pa.record_batch(arrays, names=names)
    with pa.OSFile(str(path), "wb") as file, ipc.new_file(file, batch.schema) as writer:
        writer.write_batch(batch)


def _manifest(day: InstanceDay, features: Features, folder: Path) -> dict[str, Any]:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.parent.name != STATE)
    return {
        "format": FORMAT,
        "version": version_of(features.settings, day.layout),
        "day": day.name,
        "service_day": day.day,
        "start_ms": day.start_ms,
        "end_ms": day.end_ms,
        "zone_offset_ms": day.zone_offset_ms,
        "rows": len(day),
        "clicks": day.clicks,
        "external_clicks": len(day.source.external()),
        "fields": [vars(spec) for spec in day.layout.specs],
        "hours": day.hours.tolist(),
        "chunk_rows": CHUNK_ROWS,
        "distinct": {name: len(spans) for name, spans in day.spans.items()},
        "settings": features.settings.model_dump(),
        "files": {str(file.relative_to(folder)): [file.stat().st_size, _hash(file)] for file in files},
    }


def _fingerprint(manifest: dict[str, Any]) -> str:
    counted = {name: value for name, value in manifest.items() if name != "about"}
    return hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _no_rows(layout: Layout) -> InstanceRows:
    columns = tuple(np.empty(0, np.int32) for _ in layout.specs)
    return InstanceRows(
        Codes(layout, columns), np.empty(0, np.int64), np.empty(0, bool), np.empty(0, np.float32)
    )
