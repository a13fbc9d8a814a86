"""What a file is by its name and first bytes, and its content unpacked no further than a limit."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from warehouse.landing.limits import UnpackedLimit
from warehouse.landing.rejection import FileRejected, guarded

#: between the cells of a line, and how they are called
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

_CHUNK = 2**24
_OTHER_KINDS = {
    b"\xd0\xcf\x11\xe0": "is an Excel workbook of the old form: export its sheet as CSV (UTF-8)",
    b"%PDF": "is a PDF: export its data as CSV (UTF-8)",
    b"7z\xbc\xaf": "is a 7-Zip archive: unpack it, or use gzip",
    b"Rar!": "is a RAR archive: unpack it, or use gzip",
    b"\x28\xb5\x2f\xfd": "is compressed by Zstandard: unpack it, or use gzip",
    b"BZh": "is compressed by bzip2: unpack it, or use gzip",
    b"\xfd7zXZ": "is compressed by xz: unpack it, or use gzip",
    b"SQLite format 3": "is an SQLite database: export its table as CSV (UTF-8)",
    b"Obj\x01": "is an Avro file: write it as Parquet",
}
#: names inside of a ZIP archive → what the archive is
_INSIDE_ZIP = {
    b"xl/workbook": "an Excel workbook",
    b"opendocument.spreadsheet": "an OpenDocument spreadsheet",
    b".iwa": "a Numbers spreadsheet",
}


def refuse_other_kinds(path: Path, content: bytes) -> None:
    """Raise FileRejected for a workbook, an archive or a database, with what to do, whatever its name is."""
    if content.startswith(b"PK"):
        for inside, what in _INSIDE_ZIP.items():
            if inside in content:
                raise FileRejected(path, f"is {what}: export its sheet as CSV (UTF-8)")
        if content[2:4] in (b"\x03\x04", b"\x05\x06"):
            raise FileRejected(
                path, "is a ZIP archive or an Excel workbook: unpack it, or export the sheet as CSV"
            )
    for magic, what in _OTHER_KINDS.items():
        if content.startswith(magic):
            raise FileRejected(path, what)


def is_gzip(content: bytes) -> bool:
    """Whether the bytes begin as gzip does."""
    return content[:2] == b"\x1f\x8b"


def unpacked(path: Path, content: bytes, limit: UnpackedLimit) -> bytes:
    """The content of a gzip file; FileRejected where it is damaged, or larger than the limit."""
    stream = guarded(path, lambda: pa.CompressedInputStream(pa.BufferReader(content), "gzip"))
    chunks, size = [], 0
    while chunk := guarded(path, lambda: stream.read(min(_CHUNK, limit.size + 1))):
        chunks.append(chunk)
        size += len(chunk)
        if size > limit.size:
            raise limit.refusal(path)
    return b"".join(chunks)
