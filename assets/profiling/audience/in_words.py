"""An audience in sentences: what it is expected to do, how sure that is, and what its scores mean.

The page, the asset's page, the MLflow run and the command all say these; none of them promises what the
interval does not.
"""

from __future__ import annotations

from math import hypot
from typing import TYPE_CHECKING

from assets.profiling.audience.verdict import ERRORS, LiftVerdict, verdict

if TYPE_CHECKING:
    from assets.profiling.audience.expected_lift import ExpectedLift
    from assets.profiling.audience.make import AudienceResult

_TOO_SMALL = (
    "The audience is too small a share of the candidates to be seen by itself: its lift is that of the first "
    "half per cent of the ranking."
)
FEW_CUSTOMERS = 10  #: in a list: the page says that they are little to go by

_ORDER = (
    "A score is an order, not a probability: it says who comes before whom in this audience, for this list "
    "at this date by this model, and is not compared with scores of another."
)
_SCALES = {
    "meta_profile_prior": (
        "Its scale is that of log-odds, relative: by the model's own account, which was taught on other "
        "brands, 0.7 more is about twice the odds. Its level is not that of this brand."
    ),
    "meta_profile": (
        "It lies between 0 and 1 because the printed network ends in a sigmoid: 0.8 does not mean that four "
        "of five become customers."
    ),
}
_PERCENTILE = "The percentile says how many of the candidates rank lower."


def outlook(result: AudienceResult) -> tuple[str, ...]:
    """What the audience is expected to do, a sentence each: how much, whether told apart, in people, why."""
    judged = verdict(result)
    if result.lift is None or judged is None:
        return (
            f"Whether this audience does better than a random one cannot be told: {result.no_lift}.",
            "The order of the users is the model's best guess; nothing says how good it is here.",
        )
    if judged.share >= 1:
        return (
            f"The audience holds all {result.audience.candidates:,} candidates, so it holds every future "
            "customer among them, as would any other order: ask for fewer users to gain from the ranking.",
        )
    return (
        _how_much(result, result.lift, judged),
        _told_apart(judged),
        _in_people(result, result.lift, judged),
        _seen_on(result.lift),
    )


def cautions(result: AudienceResult) -> tuple[str, ...]:
    """What is unusual about the list or the audience, and what follows from it; empty where nothing is."""
    audience, known, share = result.audience, result.known, result.share
    users = audience.candidates + (0 if result.settings.keep_customers else known)
    ids = known + len(result.unknown)
    said = (
        (
            bool(result.listed.remark),
            f"Ids were read otherwise than the list writes them: {result.listed.remark}.",
        ),
        (
            known * 2 < ids,
            f"Only {known:,} of {ids:,} ids are known: check that the list is of this shop and writes ids as "
            "its logs do.",
        ),
        (
            known == 1,
            "One known customer is very little to go by: the ranking follows what that one person did, and "
            "who is active.",
        ),
        (
            1 < known < FEW_CUSTOMERS,
            f"{known} known customers are little to go by: the ranking leans on who is active.",
        ),
        (
            known * 2 > users,
            f"The list holds {known / users:.0%} of all {users:,} users known: {users - known:,} are left to "
            "rank, and brands of like size to compare it with are rare.",
        ),
        (
            bool(result.unlisted) and not result.settings.keep_customers,
            f"{result.unlisted:,} customers of {result.brand} before {result.settings.as_of} are not in the "
            "list, so they are ranked as if they were none: list all customers, or expect some of them here.",
        ),
        (
            audience.candidates < result.settings.top,
            f"{audience.candidates:,} candidates are left, fewer than the {result.settings.top:,} asked for.",
        ),
        (
            0.5 <= share < 1,
            f"The audience holds {share:.0%} of the candidates: no ranking could hold more than "
            f"{times(1 / share)} as many future customers as a random one.",
        ),
        (
            result.settings.keep_customers,
            "The known customers are ranked too; what is expected is of a ranking without them.",
        ),
        (_is_too_small(result), _TOO_SMALL),
    )
    return tuple(sentence for applies, sentence in said if applies)


def score_meaning(system: str) -> str:
    """What the scores of a model mean, and what they do not."""
    return " ".join(part for part in (_ORDER, _SCALES.get(system, ""), _PERCENTILE) if part)


def times(figure: float) -> str:
    """A lift as it is written everywhere."""
    return f"{figure:.2f}\u00a0×"


def _how_much(result: AudienceResult, lift: ExpectedLift, judged: LiftVerdict) -> str:
    days = result.settings.horizon_days
    whose = " for a brand of like size" if lift.basis == "like brands" else ""
    return (
        f"In the {days} days from {lift.since} to {lift.until}, an audience of this size{whose}, ranked by "
        f"what was known before, held {times(judged.times)} as many future customers as a random one "
        f"(between {times(judged.least_times)} and {times(judged.most_times)}, 95 %)."
    )


def _told_apart(judged: LiftVerdict) -> str:
    if judged.told == "not told apart":
        return "This is not told apart from chance: a random audience of the size may do as well."
    if judged.told == "worse":
        return (
            "This is told apart from chance, and it is worse: a random audience of the size would hold more."
        )
    if not judged.marked:
        return (
            f"This is told apart from chance, but barely: it may be as little as {times(judged.least_times)}."
        )
    return "This is told apart from chance."


def _in_people(result: AudienceResult, lift: ExpectedLift, judged: LiftVerdict) -> str:
    size, days = len(result.audience), result.settings.horizon_days
    if why := _no_people(result, lift):
        return (
            f"Of all who become customers within {days} days, {judged.reached:.0%} ({judged.low:.0%} to "
            f"{judged.high:.0%}) are expected among these {size:,}, and {judged.share:.0%} would be among a "
            f"random {size:,}; how many people that is cannot be said, because {why}."
        )
    coming = (lift.rate or 0.0) * (result.audience.candidates - result.unlisted)
    about, chance = coming * judged.reached, coming * judged.share
    # Beside the ranking's error: how many come is counted from few, and comes about by chance again.
    spread = hypot(coming * lift.curve.at(judged.share)[1], about / max(lift.own_newcomers, 1) ** 0.5)
    error = ERRORS * hypot(spread, about**0.5)
    return (
        f"Of {size:,} addressed, about {_people(about)} ({_people(max(about - error, 0.0))} to "
        f"{_people(min(about + error, float(size)))}, 95 %) are expected to become customers within {days} "
        f"days, {_people(chance)} by chance, if as many come as in the {days} days before."
    )


def _no_people(result: AudienceResult, lift: ExpectedLift) -> str:
    """Why nobody can say how many people the lift means; empty where it can be said."""
    if result.settings.keep_customers:
        return "known customers are among them"
    if lift.rate is None:
        return "the list is no brand of the log"
    days = result.settings.horizon_days
    return "" if lift.rate else f"nobody became a customer of {lift.brand} in the {days} days before"


def _people(count: float) -> str:
    return f"{count:,.0f}" if count >= 10 or count == 0 else f"{count:.1f}"


def _seen_on(lift: ExpectedLift) -> str:
    if lift.basis == "brand":
        return f"This leans most on the brand itself: {lift.why}."
    return f"This leans most on other brands, and that the list does as they did is assumed: {lift.why}."


def _is_too_small(result: AudienceResult) -> bool:
    """Whether the audience is smaller than the first share at which a curve is told."""
    from models.profiling.lift import REACHED

    return result.lift is not None and result.share < float(REACHED[0])
