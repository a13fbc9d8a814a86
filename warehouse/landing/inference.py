"""A landing folder without `source.json`: what can be told from its files, by rules a person can check.

- zone: UTC; people live in it too. First and last day: the `date=` folders of exposures and purchases.
- user and item fields: of the first file of the table, in file order, the first six columns outside the
  contract that are text, flags or integers, have at least two distinct values, and not nearly one for every
  row (at most 1,000, or half the rows): a name or a counter is no category.
- demographic numbers: of the first file, columns outside the contract that hold numbers with decimals, or
  more than 20 different whole ones; text counts as numbers where all of it reads as such, as in CSV.
  Demographic fields: by the rule for users, among the others, as many as there are.
- user and item vector: of the first file, the first column outside the contract that holds lists of numbers,
  in CSV as the text of JSON arrays.
- context fields: the `ctx_*` columns of the first exposures file. Domains: any. Points: balances.
- never a column of the contract, one that differs from another in case alone, or one whose name the reader
  needs; which columns are left out, and why, is said.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from warehouse.landing import layout
from warehouse.landing.column_kinds import LeftOut, is_vector, why_no_category, why_no_number
from warehouse.landing.contract import CONTEXT_PREFIX, MAX_FIELDS, TABLES, TableContract
from warehouse.landing.description import (
    FIELD_SETTINGS,
    FILE_NAME,
    RESERVED,
    VECTOR_SETTINGS,
    SourceDescription,
)
from warehouse.landing.files import contract_headers, letters, opened_file
from warehouse.landing.formats import OpenedFile

DATED = ("exposures", "purchases")  #: tables whose days are the days of a source

#: What the id of a list shown together is called elsewhere (`letters` of the name).
_LISTS = ("request", "impressionid", "impression", "slateid", "slate", "listid", "requestuuid", "pageviewid")
_AROUND = " \ufeff\t"  #: what may stand around a name in a header

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Inference:
    """A description taken from the files, and the columns that it does not choose."""

    description: SourceDescription
    left_out: tuple[LeftOut, ...]

    def text(self) -> str:
        """What was chosen and left out, a line each, for people."""
        source = self.description
        lines = [f"zone {source.zone}, days {source.first_day} to {source.last_day}, domains: any"]
        for what, chosen in (
            ("user fields", source.user_fields),
            ("item fields", source.item_fields),
            ("context fields", source.context_fields),
            ("demographic fields", source.demographic_fields),
            ("demographic numbers", source.demographic_numbers),
        ):
            lines += [f"{what}: {', '.join(chosen)}"] if chosen else []
        for what, vector in (("user vector", source.user_vector), ("item vector", source.item_vector)):
            lines += [f"{what}: {vector}"] if vector else []
        lines += [f"left out: {column.table}.{column.column} {column.why}" for column in self.left_out]
        return "\n".join(f"  {line}" for line in lines)


def infer(landing: Path) -> SourceDescription:
    """The description that the module's rules give, with a warning that says what was chosen and left out.

    Raises FileNotFoundError where no file has a day, FileRejected for a file that cannot be read.
    """
    inference = inferred(landing)
    _say(landing, inference.text())
    return inference.description


@lru_cache(maxsize=64)
def _say(landing: Path, text: str) -> None:
    """Warn once in a process of what was taken from the files."""
    log.warning("%s has no %s; taken from its files:\n%s", landing, FILE_NAME, text)


def inferred(landing: Path) -> Inference:
    """`infer`, with the columns that are left out, and without a warning."""
    dated = (*DATED, "external_clicks", "points")
    days = {name: layout.dates(layout.partitions(landing, TABLES[name])) for name in dated}
    all_days = sorted({day for name in DATED for day in days[name]})
    if not all_days:
        raise FileNotFoundError(_nothing(landing))
    # A year of purchases before the feed's first day must not give the feed a year of empty hours.
    first = days["exposures"][0] if days["exposures"] else all_days[0]
    shop = min([*days["purchases"][:1], *days["points"][:1]], default=first)
    external = days["external_clicks"][0] if days["exposures"] and days["external_clicks"] else first
    users, items, demographics, exposures = (
        list(judged_columns(landing, TABLES[name]))
        for name in ("users", "items", "demographics", "exposures")
    )
    source = SourceDescription(
        name="landing",
        first_day=first,
        shop_first_day=shop if shop < first else None,
        external_first_day=external if external < first else None,
        last_day=all_days[-1],
        user_fields=_of(users, "category"),
        item_fields=_of(items, "category"),
        user_vector=next(iter(_of(users, "vector")), None),
        item_vector=next(iter(_of(items, "vector")), None),
        context_fields=_of(exposures, "category"),
        demographic_fields=_of(demographics, "category"),
        demographic_numbers=_of(demographics, "number"),
    )
    judged = [*users, *items, *exposures, *demographics]
    left_out = tuple(LeftOut(j.table, j.column, j.why) for j in judged if j.role == "none")
    return Inference(source, left_out)


@dataclass(frozen=True)
class JudgedColumn:
    """A column outside the contract: `category`, `number`, `vector` or `none`, and why it is none."""

    table: str
    column: str  #: without spaces around it
    role: str
    why: str = ""


def judged_columns(landing: Path, contract: TableContract) -> Iterator[JudgedColumn]:
    """The columns outside the contract of a table's first file that has any, in file order."""
    opened = _first_file(landing, contract)
    if opened is not None:
        yield from judge_columns(opened, contract)


def judge_columns(opened: OpenedFile, contract: TableContract) -> Iterator[JudgedColumn]:
    """The columns of a file outside the contract, in file order."""
    own = {letters(column.name) for column in contract.columns}
    seen: dict[str, str] = {}
    outside = [header for header in opened.names if letters(header) not in own]
    context = contract.open_prefix is not None
    values = opened.read(outside) if outside and not context else None
    chosen, vector = 0, ""
    for header in outside:
        name = header.strip(_AROUND)
        other = seen.setdefault(name.casefold(), name)
        why = None
        if other != name or outside.count(header) > 1:
            why = f"differs from {other!r} in case alone"
        elif not name or name in RESERVED:
            why = "has a name that the reader needs for itself"
        elif context:
            name = name if name.startswith(CONTEXT_PREFIX) else name.lower()
            if not name.startswith(CONTEXT_PREFIX):
                why = f"is none of the contract, and its name does not begin with {CONTEXT_PREFIX}"
                if letters(name) in _LISTS:
                    why += ": if it names the list that was shown together, call it request_id"
        elif contract.name == "demographics" and values and why_no_number(values[header]) is None:
            yield JudgedColumn(contract.name, name, "number")
            continue
        elif contract.name in VECTOR_SETTINGS and values and is_vector(values[header]):
            if not vector:
                vector = name
                yield JudgedColumn(contract.name, name, "vector")
                continue
            why = f"holds lists, and {vector!r} is taken: models see one list an account or item"
        elif values:
            why = why_no_category(values[header])
            if why is None and contract.name != "demographics" and chosen == MAX_FIELDS:
                why = f"comes after {MAX_FIELDS} others, which are all that models take"
        chosen += why is None
        yield JudgedColumn(contract.name, name, "category" if why is None else "none", why or "")


def left_out_of(path: Path, contract: TableContract) -> Iterator[LeftOut]:
    """The columns of a file that a source's contract (its chosen columns included) leaves out, and why."""
    setting = FIELD_SETTINGS.get(contract.name)
    opened = opened_file(path)
    headers = contract_headers(path, contract, opened.names) if opened.names else {}
    read = {letters(name): name for name in headers}
    columns = list(judge_columns(opened, contract)) if setting else []
    judged = {j.column: j.why for j in columns}
    vectors = {j.column for j in columns if j.role == "vector"}
    for header in opened.names:
        name = header.strip(_AROUND)
        if header in headers:
            continue
        if letters(header) in read:
            why = f"differs from {read[letters(header)]!r} in case or spacing alone"
        elif setting:
            why = judged.get(name) or f"is not among {setting}"
            if name in vectors:
                why = f"holds lists, and is not {VECTOR_SETTINGS[contract.name]}"
        else:
            why = "is none of the contract"
        yield LeftOut(contract.name, name, why)


def _of(columns: list[JudgedColumn], role: str) -> tuple[str, ...]:
    return tuple(column.column for column in columns if column.role == role)


def _first_file(landing: Path, contract: TableContract) -> OpenedFile | None:
    """The table's first file that has columns: a quiet hour of JSON lines has none."""
    for paths in layout.listing(landing, contract).files.values():
        for path in paths:
            opened = opened_file(path)
            if opened.names:
                return opened
    return None


def _nothing(landing: Path) -> str:
    """The sentence for a folder without a dated file, with what lies there instead."""
    text = (
        f"{landing} has no folder exposures/date=YYYY-MM-DD/hour=HH and no purchases/date=YYYY-MM-DD with "
        f"a file ({', '.join(layout.EXTENSIONS)}): is this the landing folder?"
    )
    strange = layout.unread_tables(landing)
    for name in DATED:
        strange += layout.unread(landing, TABLES[name])
    return " ".join([text, *(f"{file.path.name}: {file.why}." for file in strange[:3])])
