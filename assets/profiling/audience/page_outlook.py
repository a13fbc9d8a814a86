"""The first parts of an audience's page: what to expect of it in words and figures, and what scores mean."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from assets.profiling.audience.html_parts import card, paragraphs, picture, table
from assets.profiling.audience.in_words import cautions, outlook, score_meaning, times
from assets.profiling.audience.plots import lift_picture, score_picture
from assets.profiling.audience.verdict import LABELS, LiftVerdict, verdict

if TYPE_CHECKING:
    from assets.profiling.audience.make import AudienceResult

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  #: of the candidates, in the table of the lift


def expected(result: AudienceResult) -> str:
    """What to expect, in words first: nothing is told by colour that is not told by them."""
    judged, kind, label = verdict(result), "unclear", "Cannot be told"
    if judged is not None:
        label = LABELS[judged.told]
        kind = "good" if judged.marked else "worse" if judged.told == "worse" else "unclear"
    first, *others = outlook(result)
    unusual = cautions(result)
    notes = f'<div class="cautions">{paragraphs(unusual)}</div>' if unusual else ""
    return (
        f'<section class="outlook {kind}"><h2>What to expect</h2><p class="label">{label}</p>'
        f'<p class="first">{escape(first)}</p>{paragraphs(others)}</section>\n{notes}'
    )


def figures(result: AudienceResult) -> str:
    """The figures that a reader takes along."""
    judged = verdict(result)
    cards = [
        card(f"{len(result.audience):,}", f"in the audience, of {result.audience.candidates:,} candidates")
    ]
    if judged is not None:
        interval = f"{judged.least_times:.2f} to {judged.most_times:.2f}, 95 %"
        meaning = f"as many future customers as a random audience of this size ({interval})"
        cards.append(card(times(judged.times), meaning, good=judged.marked))
        meaning = f"of the future customers are expected in it ({judged.low:.0%} to {judged.high:.0%})"
        cards.append(card(f"{judged.reached:.0%}", meaning))
    listed = len(result.customers.ids)
    cards.append(card(f"{result.known:,}", f"known customers of {listed:,} ids in the list"))
    return f'<section class="cards">{"".join(cards)}</section>\n'


def lift(result: AudienceResult) -> str:
    """The expected lift at several sizes, as a picture and a table."""
    if result.lift is None:
        return (
            f"<section><h2>Expected lift</h2><p>None can be told: {escape(result.no_lift)}.</p></section>\n"
        )
    curve = result.lift.curve
    rows = [
        (
            f"{share:.0%}",
            f"{share * result.audience.candidates:,.0f}",
            f"{at.reached:.0%}",
            times(at.times),
            f"{at.least_times:.2f} to {at.most_times:.2f}",
            {"better": "yes", "worse": "yes, worse", "not told apart": "no"}[at.told],
        )
        for share, at in ((share, LiftVerdict.of(curve, share)) for share in SHARES)
    ]
    heading = ("contacted", "users", "future customers reached", "lift", "95 %", "told apart from chance")
    note = (
        f"With the clock held back to {result.lift.since}. The model that ranked there is of "
        f"{result.lift.model_as_of}; neither it nor its data knew what came after {result.lift.since}. The "
        "band holds 95 %."
    )
    words = "Expected lift curve; the table below holds its figures"
    return (
        "<section><h2>Expected lift</h2>"
        f"{picture(lift_picture(result), words)}{table(heading, rows, 'Expected lift by size')}"
        f'<p class="note">{escape(note)}</p></section>\n'
    )


def scores(result: AudienceResult) -> str:
    """How the scores of the audience stand among all, and what a score means."""
    lowest, highest = result.audience.score[-1], result.audience.score[0]
    words = f"Distribution of all scores; those of the audience lie between {lowest:.3g} and {highest:.3g}"
    meaning = paragraphs([score_meaning(result.model.system)])
    shown = picture(score_picture(result), words)
    return f"<section><h2>What the score means</h2>{meaning}{shown}</section>\n"
