"""The table of docs/poisons.md, computed: `python -m tests.assets.ranking.poison_table` writes it."""

from __future__ import annotations

from pathlib import Path

from assets.ranking.promotion_labels import judge_labels
from tests.assets.ranking.test_promotion_labels import POISONS, USUAL, clean_day

PAGE = Path(__file__).parents[3] / "docs" / "poisons.md"
BEGIN, END = "<!-- poisons -->\n", "<!-- /poisons -->"


def table() -> str:
    """A row a poison: how many faults were named, and the first."""
    rows = ["| poison (simulated) | promoted | faults | the first |", "|---|---|---|---|"]
    for name, poison in {"none": lambda day: day, **POISONS}.items():
        faults = judge_labels(poison(clean_day()), "fm", USUAL).faults
        first = faults[0] if faults else "–"
        rows.append(f"| {name} | {'no' if faults else 'yes'} | {len(faults)} | {first} |")
    return "\n".join(rows) + "\n"


def with_table(page: str) -> str:
    """The page with the table of today."""
    before, rest = page.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
