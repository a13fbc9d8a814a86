"""The SQL of the warehouse, read from warehouse/store/sql: files of statements, each headed `-- name: …`."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "sql"
_HEADING = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@cache
def _statements(file: str) -> dict[str, str]:
    parts = _HEADING.split((_FOLDER / f"{file}.sql").read_text())
    return {name: body.strip().rstrip(";") for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def statement(file: str, name: str, **identifiers: str) -> str:
    """The statement `name` of `sql/<file>.sql`; `{placeholders}` take names and clauses, never values."""
    text = _statements(file)[name]
    return text.format(**identifiers) if identifiers else text


def schema() -> str:
    """The whole of `sql/schema.sql`."""
    return (_FOLDER / "schema.sql").read_text()


def quoted(identifier: str) -> str:
    """An SQL identifier, quoted: column names of a user's logs may hold anything."""
    return '"' + identifier.replace('"', '""') + '"'


def text_literal(value: str) -> str:
    """An SQL string literal."""
    return "'" + value.replace("'", "''") + "'"
