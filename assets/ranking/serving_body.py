"""The body of a request over HTTP → columns: the JSON that MLflow's scoring server reads, without a frame."""

from __future__ import annotations

import json
from typing import Any

MOST_CANDIDATES = 10_000  #: of a request: others wait while it is answered


class NoTable(ValueError):
    """A body that is no table; `status` is the answer's."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def read_body(body: bytes, kind: str) -> dict[str, list[Any]]:
    """Columns of equal length by name, of `dataframe_records`, `dataframe_split` or `inputs`.

    Args:
        body: of the request.
        kind: its content type.

    Raises:
        NoTable: it is none of these, or holds too many candidates.
    """
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise NoTable(415, f"the content type is {kind!r}: send application/json")
    try:
        sent = json.loads(body)
    except ValueError as error:
        raise NoTable(400, f"the body is no JSON: {error}") from error
    except RecursionError as error:
        raise NoTable(400, "the body is nested too deep: send a table") from error
    readers = {"dataframe_records": _records, "dataframe_split": _split, "inputs": _lists}
    named = [name for name in readers if isinstance(sent, dict) and name in sent]
    if len(named) != 1:
        raise NoTable(400, f"send a JSON object with one of {', '.join(readers)}")
    columns = readers[named[0]](sent[named[0]])
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise NoTable(400, f"{named[0]}: the columns have different lengths: {sorted(lengths)}")
    if max(lengths, default=0) > MOST_CANDIDATES:
        raise NoTable(413, f"{max(lengths)} candidates: send at most {MOST_CANDIDATES} in a request")
    return columns


def _records(sent: Any) -> dict[str, list[Any]]:
    if not isinstance(sent, list) or not all(isinstance(one, dict) for one in sent):
        raise NoTable(400, "dataframe_records: send a list of objects, one for each candidate")
    names = dict.fromkeys(name for one in sent for name in one)
    return {name: [one.get(name) for one in sent] for name in names}


def _split(sent: Any) -> dict[str, list[Any]]:
    names, rows = (sent.get("columns"), sent.get("data")) if isinstance(sent, dict) else (None, None)
    if (
        not isinstance(names, list)
        or not isinstance(rows, list)
        or len({str(n) for n in names}) != len(names)
    ):
        raise NoTable(400, "dataframe_split: send `columns`, different names, and `data`, a list of rows")
    bad = [i for i, row in enumerate(rows) if not isinstance(row, list) or len(row) != len(names)]
    if bad:
        raise NoTable(400, f"dataframe_split: row {bad[0]} is no list of {len(names)} values")
    return {str(name): [row[c] for row in rows] for c, name in enumerate(names)}


def _lists(sent: Any) -> dict[str, list[Any]]:
    if not isinstance(sent, dict) or not all(isinstance(values, list) for values in sent.values()):
        raise NoTable(400, "inputs: send an object with a list for each column")
    return sent
