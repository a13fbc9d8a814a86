"""The audience as one page: it opens anywhere, can be mailed, and asks nothing of any server.

Pictures are inside it, there is no script, and everything that came from a file is escaped.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from assets.profiling.audience.make import GROUPS
from assets.profiling.audience.plots import lift_picture, score_picture

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
        _figures(result),
        _lift(result),
        _scores(result),
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
{"".join(sections)}
</body>
</html>
"""


def _lead(result: AudienceResult) -> str:
    days = result.settings.horizon_days
    made = " The log is simulated: nothing here is about people." if result.simulated else ""
    return (
        f"{len(result.audience):,} users, ranked by how likely they are to become customers in the "
        f"{days} days from {result.settings.as_of}, going by {result.known:,} known customers.{made}"
    )


def _figures(result: AudienceResult) -> str:
    cards = [(f"{len(result.audience):,}", f"in the audience, of {result.audience.candidates:,} candidates")]
    if result.lift is not None:
        reached, error = result.lift.curve.at(result.share)
        lift = reached / result.share
        cards.append((f"{lift:.1f} ×", "as many new customers as a random audience of this size (expected)"))
        low, high = max(reached - 1.96 * error, 0.0), min(reached + 1.96 * error, 1.0)
        meaning = f"of the new customers are expected in it ({low:.0%} to {high:.0%})"
        cards.append((f"{reached:.0%}", meaning))
        if result.lift.rate is not None:
            expected = result.lift.rate * result.audience.candidates * reached
            meaning = (
                f"expected among them within {result.settings.horizon_days} days, if as many come as before"
            )
            cards.append((f"{expected:,.0f}", meaning))
    listed = f"known customers of {len(result.customers.ids):,} in the list"
    cards.append((f"{result.known:,}", listed))
    body = "".join(f"<div><b>{escape(big)}</b><span>{escape(small)}</span></div>" for big, small in cards)
    return f'<section class="cards">{body}</section>\n'


def _lift(result: AudienceResult) -> str:
    if result.lift is None:
        return (
            f"<section><h2>Expected lift</h2><p>None can be told: {escape(result.no_lift)}.</p></section>\n"
        )
    rows = [
        (
            f"{share:.0%}",
            f"{share * result.audience.candidates:,.0f}",
            f"{reached:.0%}",
            f"{reached / share:.2f}\u00a0×",
        )
        for share in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
        for reached in (result.lift.curve.at(share)[0],)
    ]
    basis = "the brand itself" if result.lift.basis == "brand" else "other brands with as many customers"
    note = (
        f"Seen on {basis}, with the clock held back: {result.lift.why}. The model that ranked there is of "
        f"{result.lift.model_as_of}; neither it nor its data knew what came after {result.lift.since}. The "
        "band is two standard errors wide on each side."
    )
    table = _table(("contacted", "users", "new customers reached", "lift"), rows)
    return (
        "<section><h2>Expected lift</h2><div class='pair'>"
        f"{_picture(lift_picture(result), 'Expected lift curve')}{table}</div>"
        f'<p class="note">{escape(note)}</p></section>\n'
    )


def _scores(result: AudienceResult) -> str:
    note = "A score is an order, not a probability. The percentile says how many candidates rank lower."
    return (
        "<section><h2>Scores of all candidates</h2>"
        f'{_picture(score_picture(result), "Distribution of scores")}<p class="note">{note}</p></section>\n'
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
    return f'<section><h2>The audience</h2>{_table(heading, rows)}<p class="note">{note}</p></section>\n'


def _portrait(traits: Sequence[Trait]) -> str:
    blocks = []
    for kind, heading in _HEADINGS.items():
        rows = [(t.name, *(_figure(kind, value) for value in t.values)) for t in traits if t.kind == kind]
        if rows:
            blocks.append(_table((heading, *GROUPS), rows))
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
        f"<section><h2>Unknown ids</h2><p>{len(result.unknown):,} ids of the list are not in the log before "
        f"{result.settings.as_of} and were left out: {shown}{rest}.</p></section>\n"
    )


def _settings(result: AudienceResult) -> str:
    settings = {
        "customers' file": Path(result.settings.customers).name,
        "ids in it": result.customers.remark,
        "known customers": "kept in the ranking" if result.settings.keep_customers else "left out",
        "model": f"{result.model.system}, as of {result.model.partition}",
        "model state": result.model.state_hash,
        "code": result.model.git_revision,
        "data": result.data_hash,
        "horizon": f"{result.settings.horizon_days} days",
    }
    rows = "".join(f"<dt>{escape(k)}</dt><dd>{escape(str(v))}</dd>" for k, v in settings.items())
    return f"<section><h2>How it was made</h2><dl>{rows}</dl></section>"


def _table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heading)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _picture(png: bytes, label: str) -> str:
    return f'<img alt="{label}" src="data:image/png;base64,{base64.b64encode(png).decode()}">'
