"""Brands that a person names: read from a file, one a line, and looked up in the log."""

from __future__ import annotations

import codecs
import csv
import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HEADERS = {"brand", "brands", "brand_name", "manufacturer", "name", "target", "targets"}  #: of a first line
SHOWN = 5  #: names in a message


@dataclass(frozen=True)
class NamedBrands:
    """Positions of brands in the log, and what was assumed to find them."""

    brands: tuple[int, ...]
    remarks: tuple[str, ...]


def lines_of(path: Path) -> tuple[str, ...]:
    """The lines of a list of brands that hold something, as they are written; UTF-8 or UTF-16.

    Raises:
        ValueError: it is no file of text, or an empty one.
    """
    if not path.is_file():
        raise ValueError(f"{str(path)!r} is neither a number nor a file: name a file with one brand a line")
    content = path.read_bytes()
    utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: save the list of brands as CSV UTF-8") from error
    if "\0" in text:
        raise ValueError(f"{path} holds zero bytes, so it is no text: save the list of brands as CSV UTF-8")
    lines = tuple(line.strip() for line in text.splitlines() if line.strip())
    if not lines:
        raise ValueError(f"{path} is empty: write one brand a line")
    return lines


def named_brands(lines: Sequence[str], names: Sequence[str]) -> NamedBrands:
    """Each line's brand: the line whole or its first cell, as it is written, else but for case.

    A first line that is no brand but reads `brand` or the like is a header.

    Args:
        lines: as `lines_of` gives them.
        names: brands of the log.

    Raises:
        ValueError: a line that is no brand of the log, or is several but for case; the message has the names
            most like it.
    """
    exact = {name: brand for brand, name in enumerate(names)}
    folded: dict[str, list[int]] = {}
    for brand, name in enumerate(names):
        folded.setdefault(name.casefold(), []).append(brand)
    chosen: dict[int, None] = {}
    unknown, otherwise, twice, remarks = [], [], 0, []
    for number, line in enumerate(lines):
        cell = _first_cell(line)
        matches = [exact[text] for text in (line, cell) if text in exact][:1]
        if not matches:
            matches = folded.get(line.casefold()) or folded.get(cell.casefold()) or []
            if not matches and number == 0 and cell.casefold() in HEADERS:
                remarks.append(f"the first line of the list, {line!r}, was read as a header")
                continue
            if len(matches) > 1:
                several = ", ".join(repr(names[brand]) for brand in matches)
                raise ValueError(f"brand {line!r} of the list may be {several}: write it as the log does")
            if matches:
                otherwise.append(f"{line!r} as {names[matches[0]]!r}")
        if not matches:
            unknown.append(cell)
            continue
        twice += matches[0] in chosen
        chosen[matches[0]] = None
    if unknown:
        raise ValueError(_unknown(unknown, folded, names))
    if not chosen:
        raise ValueError("the list of brands holds a header alone: write one brand a line")
    if otherwise:
        remarks.append(f"brands of the list were found but for case: {_some(otherwise)}")
    if twice:
        remarks.append(f"{twice} lines of the list name a brand that an earlier line names")
    return NamedBrands(tuple(chosen), tuple(remarks))


def _first_cell(line: str) -> str:
    """The first cell of a line of CSV: with commas, semicolons or tabs, quoted or not."""
    delimiter = next((mark for mark in ("\t", ";") if mark in line), ",")
    cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [line])
    return cells[0].strip()


def _unknown(unknown: Sequence[str], folded: dict[str, list[int]], names: Sequence[str]) -> str:
    described = []
    for name in unknown[:SHOWN]:
        near = [names[folded[one][0]] for one in difflib.get_close_matches(name.casefold(), folded, n=2)]
        described.append(f"{name!r}" + (f" (like it: {', '.join(map(repr, near))})" if near else ""))
    more = f" and {len(unknown) - SHOWN} more" if len(unknown) > SHOWN else ""
    return (
        f"{len(unknown)} brands of the list are not in the log: {', '.join(described)}{more}. Correct them "
        'or take them out; the log\'s own names: hourfold sql "SELECT DISTINCT brand FROM named_purchases"'
    )


def _some(texts: Sequence[str]) -> str:
    return ", ".join(texts[:SHOWN]) + (f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else "")
