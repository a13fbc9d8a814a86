"""Paragraphs of the page of a comparison: where it comes from, tables and the pictures beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assets.experiments.comparison import roles
from assets.experiments.comparison.differences import PairTest
from assets.experiments.comparison.parts import SegmentFigures
from assets.experiments.comparison.results import Comparison
from assets.experiments.number_format import count, duration, less, markdown, number, p_value, ranged, signed
from models.metrics import FIGURES, PERIODS, POOLED

IMAGES = "../images"
PAPER = {  #: AUC of the paper's Tables 2 and 4 by period; ablations are read against its `lsttm`
    "lsttm": (0.8395, 0.8504, 0.8502),
    "lsttm_no_meta": (0.8373, 0.8428, 0.8421),
    "lsttm_no_external": (0.8385, 0.8459, 0.8459),
    "lsttm_concat": (0.8378, 0.8488, 0.8489),
    "lsttm_no_gat": (0.8304, 0.8410, 0.8411),
}
DATA = {"kuairand": "path/to/KuaiRand-Pure", "landing": "path/to/your/logs"}
WIDE = 60  #: characters of a command line's names before it is broken
SEGMENT_HEADS = {
    "users": "AUC by exposures of the user before the day",
    "items": "AUC by novelty of the item",
}


def section(result: Comparison) -> str:
    """The section of the page: named after the source, unless the page has another of the same source."""
    return result.section or result.label


def picture_name(result: Comparison, name: str) -> str:
    """The file of a figure in docs/images."""
    return f"ranking-{section(result)}-{name}"


def head(result: Comparison) -> str:
    """The command, and what it ran on."""
    settings, made = result.settings, result.made
    source = settings.source
    flags = f" --data {DATA[source]}" if source in DATA else ""
    flags += f" --days {_days(settings.days)} --seeds {len(settings.seeds)}"
    flags += f" --workers {made.workers}" if made is not None and made.workers > 1 else ""
    flags += " --tiny" * (settings.size == "tiny") + " --defaults" * (not result.tuned)
    flags += "".join(f" --set {override}" for override in settings.overrides)
    names = ",".join(settings.systems)
    lines = [
        f"hourfold compare --source {source}{flags}",
        f"  --systems {names} --out {section(result)}.json",
    ]
    spent = sum(day.train_seconds + day.hours_seconds for day in result.days)
    tuned = [name for name in settings.systems if name in result.tuned]
    nulls = max(entry.null_hours for entry in result.summary)
    said = [
        "Simulated logs." * result.simulated,
        f"Commit {result.git}, data hash `{result.data_hash[:16]}`"
        + (f", {made.date}, {made.machine}." if made else "."),
        f"Training and scoring took {duration(spent)} in all, added up over {len(result.summary)} "
        f"systems, {count(settings.days, 'day')} and {count(settings.seeds, 'seed')}.",
        f"Settings: `hourfold tune` chose those of {count(tuned, 'system')}; the others have their defaults."
        if tuned
        else "Settings: all defaults.",
        f"At most {nulls} hours of a system had one class only and have no AUC." * (nulls > 0),
    ]
    return "```\n" + " \\\n".join(lines) + "\n```\n\n" + " ".join(part for part in said if part)


def table(result: Comparison) -> str:
    """Every system's figures, the best first; the ceiling of simulated logs below."""
    truth = result.truth
    pooled = [name for name in POOLED if any(getattr(entry, name) is not None for entry in result.summary)]
    columns = ["system", *_labels(*pooled, *PERIODS, "auc", "auc_std"), "not updated"]
    columns += [*_labels("gain", "log_loss", "gauc", "ece"), "training, s"]
    columns += ["share of the possible"] * bool(truth)
    rows = []
    for name in result.ranked():
        entry = result.systems[name]
        rows.append(
            [
                f"**{name}**" if name == result.best() else name,
                *(number(getattr(entry, name)) for name in pooled),
                *map(number, entry.periods),
                number(entry.auc),
                number(entry.auc_std),
                number(entry.auc_static),
                signed(entry.gain),
                *map(number, (entry.log_loss, entry.gauc, entry.ece)),
                f"{entry.train_seconds:.0f}",
                *([_share(entry.auc, truth.auc)] if truth else []),
            ]
        )
    if truth:
        of_periods = [getattr(truth, name) for name in pooled]
        figures = [number(value) for value in (*of_periods, *truth.periods, truth.auc)]
        ends = [number(truth.log_loss), number(truth.gauc), "", "", "100 %"]
        rows.append(["true probability", *figures, "", "", "", *ends])
    said = (
        "AUC: all exposures of a day pooled, mean over days and seeds. *Not updated*: the same daily model, "
        "which received each hour but took no step. *Gain*: what the hourly step adds. Training: mean of a "
        "day. [Definitions](../metrics.md)."
    )
    if truth:
        said += " *Share of the possible*: (AUC − .5) / (AUC of the true probability − .5)."
    if result.failed:
        said += " Failed: " + "; ".join(f"{entry.system} ({entry.reason})" for entry in result.failed) + "."
    return f"{said}\n\n{markdown(columns, rows)}"


def tests(result: Comparison) -> str:
    """Every system against the best."""
    order = result.ranked()
    rows = [
        [test.first, interval(test), p_value(test.p_delong), p_value(test.p_holm)]
        for test in (result.between(name, order[0]) for name in order[1:])
        if test is not None
    ]
    if not rows:
        return ""
    columns = ("less the best", f"AUC − AUC of {order[0]} [95 %]", "p", "p, Holm")
    return (
        "p: DeLong's test on placements averaged over seeds, days independent. Interval: bootstrap over "
        f"users. Holm's correction is over all {len(result.tests)} pairs.\n\n"
        f"{markdown(columns, rows)}\n\n{_image(result, 'differences.png', 'differences to the best')}"
    )


def hours(result: Comparison) -> str:
    """Figure 3 of the paper."""
    shown = [_image(result, "auc-by-hour.png", "AUC by hour")]
    if result.best(roles.PAPER_BASELINES) is not None and len(result.summary) > 1:
        shown.append(_image(result, "auc-against.png", "AUC by hour less the best baseline"))
    return "\n\n".join(shown)


def ages(result: Comparison) -> str:
    """The gain of hourly updates by hours since the retrain and by the item's age."""
    if not result.by_hour("auc_static"):
        return ""
    parts = [_image(result, "gain.png", "gain of hourly updates")]
    heads = {
        "hours_since_retrain": "Gain by hours since the retrain",
        "item_age": "Gain by age of the item, hours",
    }
    parts += [
        _segment(result, segment, title, lambda entry: signed(entry.gain)) for segment, title in heads.items()
    ]
    return "\n\n".join(part for part in parts if part)


def segments(result: Comparison) -> str:
    """AUC of kinds of users and items."""
    parts = [
        _segment(result, segment, title, lambda entry: number(entry.auc))
        for segment, title in SEGMENT_HEADS.items()
    ]
    return "\n\n".join(part for part in parts if part)


def gates(result: Comparison) -> str:
    """Where the gate looks."""
    return _image(result, "gate.png", "gate weights") if result.gate else ""


def calibration(result: Comparison) -> str:
    """Predicted and clicked."""
    return _image(result, "calibration.png", "calibration") if result.calibration else ""


def ablations(result: Comparison) -> str:
    """Table 4 of the paper: every other system of the family against `lsttm`, and the paper's own figures."""
    base = roles.REFERENCE
    others = [name for name in roles.family(result) if name != base]
    if base not in result.systems or not others:
        return ""
    rows = []
    for name in others:
        paper = ""
        if name in PAPER:
            paper = " ".join(signed(one - other) for one, other in zip(PAPER[name], PAPER[base], strict=True))
        test = result.between(name, base)
        periods = result.systems[name].periods, result.systems[base].periods
        rows.append(
            [
                name,
                *(signed(less(*pair)) for pair in zip(*periods, strict=True)),
                "" if test is None else interval(test),
                p_value(None if test is None else test.p_holm),
                paper,
            ]
        )
    columns = (f"less {base}", *_labels(*PERIODS), "AUC [95 %]", "p, Holm", "in the paper")
    return (
        f"Differences to `{base}`; *in the paper*: its Table 4, the three periods, on its own log.\n\n"
        f"{markdown(columns, rows)}\n\n{_image(result, 'ablations.png', 'ablations')}"
    )


def difference(result: Comparison, first: str, second: str) -> str:
    """`+.0043 [+.0031, +.0055]`; raises LookupError where the two were not tested."""
    test = result.between(first, second)
    if test is None:
        raise LookupError(f"{first} and {second} were not compared")
    return interval(test)


def interval(test: PairTest) -> str:
    """The same of a test."""
    return ranged(test.difference, test.low, test.high)


def _segment(result: Comparison, segment: str, title: str, cell: Callable[[SegmentFigures], str]) -> str:
    entries = [entry for entry in result.segments if entry.segment == segment]
    values = list(dict.fromkeys(entry.value for entry in entries))
    if len(values) < 2:
        return ""
    by = {(entry.system, entry.value): entry for entry in entries}
    sizes = {entry.value: entry.exposures for entry in entries}
    rows = [
        [name, *(cell(by[name, value]) if (name, value) in by else "" for value in values)]
        for name in result.ranked()
    ]
    columns = ("system", *(f"{value} ({sizes[value]:,})" for value in values))
    return f"{title}; in brackets: exposures.\n\n{markdown(columns, rows)}"


def _labels(*figures: str) -> list[str]:
    return [FIGURES[figure].label for figure in figures]


def _image(result: Comparison, name: str, text: str) -> str:
    return f"![{text}, {result.about}]({IMAGES}/{picture_name(result, name)})"


def _share(auc: float | None, ceiling: float | None) -> str:
    if auc is None or ceiling is None:
        return number(None)
    return f"{(auc - 0.5) / (ceiling - 0.5):.0%}".replace("%", " %").replace("-", "−")


def _days(days: Sequence[str]) -> str:
    """As the command line names them."""
    from assets.common.options import days_named

    whole = f"{days[0]}..{days[-1]}"
    return whole if len(days) > 1 and days_named(whole) == tuple(days) else ",".join(days)
