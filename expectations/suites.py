"""The suites as they lie in `suites/*.json`: Great Expectations' format, with a few keys in a rule's `meta`.

| key of `meta` | in | meaning |
|---|---|---|
| `rule` | both | stable name of the rule, as quarantine and failures show it |
| `remedy` | both | what to do about it |
| `each` | rows | repeated for every column of this kind; `*` stands for its name |
| `needs` | both | the rule is left out where this parameter is empty |
| `among` | rows | `survivors`: judged among rows that broke no other rule; `kept`: `expectations.values` |
| `warns` | rows | of a rule about values of kept rows: what breaks it is told of and stays |
| `subject` | rows | the contract's column that it is about, where its first column is another |
| `arguments` | rows | columns or tables that a fact needs (see `expectations.row_facts`) |
| `keep` | rows | `first`: of rows that are alike, the first is kept and only the later ones broke the rule |
| `message` | batch | text with the statistics and settings by name |
| `kept` | batch | the text where the rule is kept; default: `message` |
| `observed`, `band` | batch | statistic that is judged; its limits: statistics, settings or numbers |
| `settled_band` | batch | the limits (statistics) beyond which the rule stops history; within, it warns |

A batch suite's own meta (`hourfold`) names the columns that its statistics are about, `time`, `click`,
`level` and `request`, and the `cycle` in which former partitions are alike: `day` (default) or `week`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from expectations.admission import ColumnSpec

FOLDER = Path(__file__).parent / "suites"


def read_suite(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """A suite as stored; KeyError names the suites that there are."""
    path = folder / f"{name}.json"
    if not path.exists():
        known = ", ".join(sorted(suite.stem for suite in folder.glob("*.json")))
        raise KeyError(f"no suite {name!r} in expectations/suites; there are {known}")
    return json.loads(path.read_text(encoding="utf-8"))


def tables(folder: Path = FOLDER) -> tuple[str, ...]:
    """Tables that have both suites."""
    return tuple(
        sorted(path.stem[: -len("_batch")] for path in folder.glob("*_batch.json") if _rows_of(path).exists())
    )


def rules(name: str, folder: Path = FOLDER, *, of_values: bool = False) -> dict[str, str]:
    """Rule → remedy of a suite, in the order in which the rules are judged.

    Those that cost a row or stop a batch, or those about single `of_values` of rows that are kept.
    """
    remedies: dict[str, str] = {}
    for expectation in read_suite(name, folder)["expectations"]:
        meta = expectation["meta"]
        if (meta.get("among") == "kept") == of_values:
            remedies.setdefault(meta["rule"], meta["remedy"])
    return remedies


def row_rules(
    suite: Mapping[str, Any], columns: Mapping[str, ColumnSpec], parameters: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """The expectations of a row suite for this contract: `each` repeated, unmet `needs` left out."""
    unfolded: list[Mapping[str, Any]] = []
    for expectation in needed(suite["expectations"], parameters):
        meta = expectation["meta"]
        if "each" not in meta:
            unfolded.append(expectation)
            continue
        for name, spec in columns.items():
            if spec.kind == meta["each"]:
                kwargs = expectation["kwargs"]
                column = kwargs["column"].replace("*", name)
                unfolded.append({**expectation, "kwargs": {**kwargs, "column": column}})
    return unfolded


def needed(
    expectations: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """Those whose `needs` are met."""
    return [
        expectation
        for expectation in expectations
        if "needs" not in expectation["meta"] or parameters.get(expectation["meta"]["needs"])
    ]


def _rows_of(batch_path: Path) -> Path:
    return batch_path.with_name(batch_path.name.replace("_batch.json", ".json"))
