"""Ids in JSON: an object a line, or one array; numbers stay as they are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from assets.common.faults import BadRequest
from assets.profiling.audience.id_headers import id_column
from assets.profiling.audience.id_text import IdCells

EXAMPLE = '{"user_id": "u17"}'
ENDINGS = (".json", ".jsonl", ".ndjson")


def is_json(path: Path, text: str) -> bool:
    """Whether the text is JSON, by the file's name or by its first line; an id in braces is none."""
    names = {suffix.lower() for suffix in path.suffixes}
    if names & set(ENDINGS):
        return True
    start = text.lstrip()
    if not start.startswith(("{", "[")):
        return False
    try:
        json.loads(start.split("\n", 1)[0])
    except json.JSONDecodeError:
        return start.startswith(("{\n", "[\n"))
    except RecursionError:  # brackets within brackets: no id begins so
        return True
    return True


def ids_of_json(path: Path, text: str, encoding: str) -> IdCells:
    """Ids of JSON lines or of one JSON array; a bare list of ids has no name.

    Raises BadRequest for what is neither objects nor ids, with the line.
    """
    import pyarrow as pa

    values, name, form = _values(path, text), None, f"JSON in {encoding}"
    if values and all(isinstance(value, dict) for value in values):
        names = list(dict.fromkeys(key for value in values for key in value))
        name = names[id_column(path, names, f"{form}; its keys are")]
        values = [value.get(name) for value in values]
    odd = [value for value in values if not isinstance(value, str | None)]
    if odd:
        raise BadRequest(
            f"{path} holds {_shown(odd[0])} where an id is expected: write one object a line, such "
            f"as {EXAMPLE}"
        )
    return IdCells(pa.chunked_array([pa.array(values, type=pa.large_string())]), name, form)


def _shown(value: Any) -> str:
    try:
        return json.dumps(value)[:60]
    except RecursionError:
        return "lists within lists"


def _values(path: Path, text: str) -> list[Any]:
    decoder = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
    if text.lstrip().startswith("["):
        values = _parsed(path, decoder, text, "the file")
        return values if isinstance(values, list) else [values]
    lines = enumerate(text.split("\n"), start=1)
    return [_parsed(path, decoder, line, f"line {number}") for number, line in lines if line.strip()]


def _parsed(path: Path, decoder: json.JSONDecoder, text: str, where: str) -> Any:
    try:
        return decoder.decode(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadRequest(
            f"{path}, {where} is no JSON ({error}): write one object a line, such as {EXAMPLE}"
        ) from error
