"""The audience as one page: it opens anywhere, can be mailed, and asks nothing of any server.

Pictures are inside it, there is no script, and everything that came from a file is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from assets.profiling.audience import page_outlook
from assets.profiling.audience.html_parts import table
from assets.profiling.audience.make import GROUPS

if TYPE_CHECKING:
    from assets.profiling.audience.make import AudienceResult
    from models.profiling.portrait import Trait

SHOWN_ROWS = 25  #: of the audience; the files hold all
SHOWN_UNKNOWN = 50
STYLE = Path(__file__).with_name("report.css")
_HEADINGS = {
    "habit": "Habits (median)",
    "genre": "Bought there (share)",
    "survey": "Survey (share of answers)",
}


def page(result: AudienceResult) -> str:
    """The page as HTML."""
    name = Path(result.settings.customers).name
    brand = result.settings.brand or (result.lift.brand if result.lift is not None else None)
    title = f"Audience for {name if brand is None else f'brand {brand}'}"
    simulated = '<span class="simulated">simulated</span>' if result.simulated else ""
    sections = (
        page_outlook.expected(result),
        page_outlook.figures(result),
        page_outlook.lift(result),
        page_outlook.scores(result),
        _head(result),
        _portrait(result.traits),
        _unknown(result),
        _settings(result),
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}, as of {result.settings.as_of}</title>
<style>
{STYLE.read_text()}</style>
</head>
<body>
<header>
<p class="eyebrow">Hourfold · {escape(result.source)} · as of {result.settings.as_of} {simulated}</p>
<h1>{escape(title)}</h1>
<p class="lead">{escape(_lead(result))}</p>
</header>
<main>
{"".join(sections)}
</main>
</body>
</html>
"""


def _lead(result: AudienceResult) -> str:
    settings = result.settings
    made = " The log is simulated: nothing here is about people." if result.simulated else ""
    return (
        f"{len(result.audience):,} users, in the order in which the model expects them to become customers "
        f"within {settings.horizon_days} days from {settings.as_of}, going by {result.known:,} known "
        f"customer{'' if result.known == 1 else 's'}.{made}"
    )


def _head(result: AudienceResult) -> str:
    rows = [
        (
            f"{rank + 1}",
            str(result.user_ids[rank]),
            f"{result.audience.score[rank]:.4f}",
            f"{result.audience.percentile[rank]:.2f}",
            ", ".join(
                f"{name} ({cosine:.2f})"
                for name, cosine in zip(
                    result.nearest_ids[rank], result.audience.similarity[rank], strict=True
                )
                if name
            ),
        )
        for rank in range(min(SHOWN_ROWS, len(result.audience)))
    ]
    heading = ("rank", "user", "score", "percentile", "nearest known customers (similarity)")
    note = f"The first {len(rows)} of {len(result.audience):,}; the CSV and Parquet files hold all."
    return f'<section><h2>The audience</h2>{table(heading, rows)}<p class="note">{note}</p></section>\n'


def _portrait(traits: Sequence[Trait]) -> str:
    blocks = []
    for kind, heading in _HEADINGS.items():
        rows = [(t.name, *(_figure(kind, value) for value in t.values)) for t in traits if t.kind == kind]
        if rows:
            blocks.append(table((heading, *GROUPS), rows))
    note = "Genres and answers are those in which the customers stand out most from everyone."
    return f'<section><h2>Who the customers are</h2>{"".join(blocks)}<p class="note">{note}</p></section>\n'


def _figure(kind: str, value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:,.1f}" if kind == "habit" else f"{value:.0%}"


def _unknown(result: AudienceResult) -> str:
    if not result.unknown:
        return ""
    shown = ", ".join(escape(name) for name in result.unknown[:SHOWN_UNKNOWN])
    more = len(result.unknown) - SHOWN_UNKNOWN
    rest = f" and {more:,} more, all in the JSON file" if more > 0 else ""
    return (
        "<section><h2>Unknown ids</h2><p>Ids of the list that are not in the log before "
        f"{result.settings.as_of}, left out ({len(result.unknown):,}): {shown}{rest}.</p></section>\n"
    )


def _settings(result: AudienceResult) -> str:
    settings = {
        "customers' file": Path(result.settings.customers).name,
        "read from it": result.customers.remark,
        "read otherwise than written": result.listed.remark or "nothing",
        "known customers": "kept in the ranking" if result.settings.keep_customers else "left out",
        "model": f"{result.model.system}, as of {result.model.partition}",
        "model state": result.model.state_hash,
        "code": result.model.git_revision,
        "data": result.data_hash,
        "horizon": f"{result.settings.horizon_days} days",
    }
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in settings.items())
    return f"<section><h2>How it was made</h2><dl>{rows}</dl></section>"
