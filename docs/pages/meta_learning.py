"""docs/results/meta-learning.md from the JSON of the study of meta-training: tables that a template asks for.

The study is `docs/results/data/meta-learning.json`. Of every log, training, hourly step and segment of
exposures it holds the AUC; the gain over the same model without updates; and the difference to other
trainings after the same step: each with a standard error clustered by user, means over the days.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from assets.experiments.number_format import markdown, number, signed
from docs.pages.ranking import filled

Study = Mapping[str, Any]
HOURS = ("h0_4", "h4_8", "h8_12", "h12_16", "h16_20", "h20_24")
AGES = {"a1": "under 1 h", "a3": "1–3 h", "a6": "3–6 h", "a24": "6–24 h", "old": "over 24 h"}
ALL = "all"


def page(study: Study, template: str) -> str:
    """The template with its tables.

    Raises:
        ValueError: it asks for what is not in the study.
    """
    return filled(template, study, PARTS)


def day(study: Study, log: str, system: str, against: str, step: str) -> str:
    """AUC without and with the hourly step, by training, and against one of them after the same step."""
    rows = []
    for name, label in trainings(study, log, system):
        steps = study["figures"][log][name]
        one, still = steps[step][ALL], steps["still"][ALL]
        rows.append(
            [
                label,
                number(still["auc"]),
                number(one["auc"]),
                with_error(one["gain"]),
                with_error(one["against"].get(against)),
                with_error(one["loss_against"].get(against)),
            ]
        )
    columns = ["training", "AUC, still", "after the step", "gain of the step"]
    columns += ["against the control, AUC", "against the control, log-loss"]
    return markdown(columns, rows)


def trainings(study: Study, log: str, system: str) -> list[tuple[str, str]]:
    """Names and descriptions of the trainings of a system that a log has figures of."""
    return [pair for pair in study["trainings"][system].items() if pair[0] in study["figures"][log]]


def by_segment(
    study: Study, log: str, system: str, segments: Mapping[str, str], step: str, against: str
) -> str:
    """By training and segment: gain of the hourly step; below it the difference to one training after it."""
    shown = [s for s in segments if s in study["figures"][log][against][step]]
    rows = []
    for name, label in trainings(study, log, system):
        its = study["figures"][log][name][step]
        rows.append([label, "gain", *(with_error(its[s]["gain"]) for s in shown)])
        if against in its[ALL]["against"]:
            cells = [with_error(its[s]["against"][against]) for s in shown]
            rows.append(["", "against the control", *cells])
    return markdown(["training", "", *(segments[s] for s in shown)], rows)


def hours(study: Study, log: str, system: str, against: str, step: str) -> str:
    """`by_segment` of the hours since the retrain."""
    labels = {name: f"{name[1:].replace('_', '–')} h" for name in HOURS}
    return by_segment(study, log, system, labels, step, against)


def ages(study: Study, log: str, system: str, against: str, step: str) -> str:
    """`by_segment` of the age of the item."""
    return by_segment(study, log, system, AGES, step, against)


def steps(study: Study, log: str) -> str:
    """What one inner step does to a query set, by where its support set comes from."""
    rows = [
        [
            row["support"],
            row["step"],
            with_error((row["loss"], row["loss_error"])),
            with_error((row["auc"], row["auc_error"])),
            f"{row['shift']:+.3f}".replace("-", "−"),
            f"{row['spread']:.3f}",
        ]
        for row in study["inner_steps"]
        if row["log"] == log
    ]
    columns = ["support set", "inner step", "log-loss of the query set", "its AUC", "mean shift of logits"]
    return markdown([*columns, "spread of the shift"], rows)


def with_error(pair: tuple[float, float] | None) -> str:
    """`+.0012 ± .0004`, or a dash; an error of 0 is left out, as nothing was compared."""
    if pair is None:
        return "–"
    difference, error = pair
    return f"{signed(difference)} ± {number(error)}" if error else "–"


def difference(study: Study, log: str, name: str, against: str, step: str, segment: str = ALL) -> str:
    """AUC of a training less that of another, after the same step."""
    return with_error(study["figures"][log][name][step][segment]["against"][against])


def gain(study: Study, log: str, name: str, step: str, segment: str = ALL) -> str:
    """What the hourly step adds to the AUC of a training."""
    return with_error(study["figures"][log][name][step][segment]["gain"])


def about(study: Study, name: str) -> str:
    """A word about the study."""
    return str(study["about"][name])


PARTS: dict[str, Callable[..., str]] = {
    "day": day,
    "hours": hours,
    "ages": ages,
    "steps": steps,
    "difference": difference,
    "gain": gain,
    "about": about,
    "auc": lambda study, log, name, step: number(study["figures"][log][name][step][ALL]["auc"]),
}
