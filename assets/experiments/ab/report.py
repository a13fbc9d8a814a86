"""The paragraphs of docs/results/ranking.md on an A/B test: its users are simulated, and it says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from assets.experiments.ab.results import ABResult, ArmFigures, ArmLift
from assets.experiments.ab.settings import ABSettings
from assets.experiments.comparison.compact_json import rounded
from assets.experiments.number_format import duration, markdown, number, p_value, percent
from models.metrics import FIGURES
from models.metrics.ab import METRICS

PAPER = {"ctr": 0.0960, "acn": 0.0993, "hcr": 0.0342, "dt": 0.0252}  #: lifts of the paper's Table 3
HEADLINE = "ctr"  #: the figure that is told first
SAME_EXPOSURES = 0.001  #: share by which exposures may differ where visits do not respond to what is shown
OPTIONS = ("first_day", "users", "candidates", "explore", "salt", "seed", "world_seed")


def compact(result: ABResult) -> dict[str, Any]:
    """Without the hours and every setting of every arm: what a repository keeps."""
    document = result.document()
    document.pop("hours", None)
    document["settings"].pop("of", None)
    small: dict[str, Any] = rounded(document)
    return small


def head(result: ABResult) -> str:
    """The command, and what it ran on."""
    settings, made = result.settings, result.made
    flags = f" --arms {','.join(result.arms)} --days {settings.days}"
    for name in OPTIONS:
        value = getattr(settings, name)
        if value != ABSettings.model_fields[name].default:
            flags += f" --{name.replace('_', '-')} {value}"
    flags += " --aa" * settings.aa + " --no-bounds" * (not settings.bounds)
    flags += " --tiny" * (settings.size == "tiny")
    flags += "".join(f" --set {override}" for override in settings.overrides)
    users = ", ".join(f"{name} {count:,}" for name, count in result.srm.users.items())
    sentences = [
        f"Simulated users, {settings.test_days[0]} to {settings.test_days[-1]}, world "
        f"`{result.world.settings_hash}`, commit {result.git}"
        + (f", {made.date}, {made.machine}." if made else "."),
        f"Users: {users}; sample-ratio test p {number(result.srm.p_value)}"
        + (", as it should be." if result.valid else ": **the split is broken, and so is the test**."),
        f"Training and serving took {duration(sum(result.seconds.values()))} in all.",
    ]
    return f"```\nhourfold ab{flags} --out ab.json\n```\n\n" + " ".join(sentences)


def lifts(result: ABResult) -> str:
    """The headline on the same users, the unpaired test beside it, and the base against itself."""
    parts = [headline(result)]
    if result.paired:
        parts.append(_lifts(result.paired, paper=False))
    parts.append(
        "**Unpaired**, as a test on real users is, and as Table 3 of the paper: the arm's users against the "
        "base's. The luck of the split is in it."
    )
    parts.append(_lifts(result.metrics, paper=True))
    if result.aa is not None:
        parts.append("The base against itself (A/A), where nothing is to be found:")
        parts.append(_lifts(result.aa.metrics, paper=False))
    return "\n\n".join((*parts, "![lift, simulated users](../images/ranking-ab-lift.png)"))


def headline(result: ABResult) -> str:
    """The paired lift in click rate with its interval, the unpaired one named beside it."""
    unpaired = {entry.arm: entry for entry in result.metrics if entry.metric == HEADLINE}
    lines = [
        f"**{_ranged(entry)}** in click rate for `{entry.arm}` over `{entry.base}`, paired; unpaired "
        f"{_ranged(unpaired[entry.arm])}."
        for entry in result.paired
        if entry.metric == HEADLINE
    ]
    if not lines:
        return (
            "There is no paired figure, because the base did not serve the arms' users (`--aa`): the luck of "
            "the split is in what follows."
        )
    return (
        "**Paired**: an arm against the base on the arm's own users, in two worlds, as a simulator alone can "
        f"do. {' '.join(lines)}{visits(result)}"
    )


def visits(result: ABResult) -> str:
    """That ACN is no second witness, where the same users were shown as much by either system."""
    if result.aa is None:
        return ""
    again = dict(zip(result.arms[1:], result.aa.pooled[1:], strict=False))
    pairs = [(row, again[row.arm]) for row in result.pooled if row.arm in again]
    moved = max((abs(ours.exposures / max(theirs.exposures, 1) - 1) for ours, theirs in pairs), default=1.0)
    if moved > SAME_EXPOSURES:
        return ""
    base = result.pooled[0]
    shares = ", ".join(
        f"{percent(row.exposures / row.users / (base.exposures / base.users) - 1)} for `{row.arm}`"
        for row, _ in pairs
        if row.users and base.exposures
    )
    return (
        " Visits are exogenous in the simulator: who comes, and how much is shown, does not depend on what "
        "was liked, so that ACN moves as CTR does and is no second witness; HCR and DT are made of the same "
        "clicks. Unpaired, ACN also holds how many exposures the users of either half happened to have: "
        f"{shares} a user."
    )


def bounds(result: ABResult) -> str:
    """Every arm's figures, and those of rules that need no training."""
    cells = [
        [row.arm + users, *(f"{count:,}" for count in (row.users, row.exposures, row.clicks)), *_figures(row)]
        for rows, users in ((result.pooled, ""), (result.bounds, ", all users"))
        for row in rows
    ]
    columns = ("arm", "users", "exposures", "clicks", *(FIGURES[name].label for name in METRICS))
    picture = "![click rate by day, simulated users](../images/ranking-ab-ctr-by-day.png)"
    return f"{markdown(columns, cells)}\n\n{picture}"


def _figures(row: ArmFigures) -> list[str]:
    return [_short(row.value(name)) for name in METRICS]


def _lifts(metrics: Sequence[ArmLift], paper: bool) -> str:
    rows = [
        [
            entry.arm,
            FIGURES[entry.metric].label,
            _short(entry.base_value),
            _short(entry.arm_value),
            _ranged(entry),
            p_value(entry.p_value),
            *([percent(PAPER[entry.metric])] if paper else []),
        ]
        for entry in metrics
    ]
    columns = ("arm", "metric", "base", "arm's", "lift [95 %]", "p", *(["in the paper"] if paper else []))
    return markdown(columns, rows)


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _ends(entry: ArmLift) -> str:
    if entry.low is None or entry.high is None:
        return "–"
    return f"{percent(entry.low)}, {percent(entry.high)}"


def _ranged(entry: ArmLift) -> str:
    return "–" if entry.lift is None else f"{percent(entry.lift)} [{_ends(entry)}]"


def _lift(result: ABResult, metric: str, arm: str | None = None) -> str:
    """The unpaired lift, with its p."""
    return _tested(result.lift(metric, arm))


def _paired(result: ABResult, metric: str, arm: str | None = None) -> str:
    """The paired lift, with its p."""
    return _tested(result.lift(metric, arm, paired=True))


def _tested(entry: ArmLift) -> str:
    if entry.lift is None:
        raise LookupError(f"no lift of {entry.metric}")
    return f"{_ranged(entry)}, p {p_value(entry.p_value)}"


PARTS: dict[str, Callable[..., str]] = {
    "head": head,
    "lifts": lifts,
    "bounds": bounds,
    "lift": _lift,
    "paired": _paired,
}
