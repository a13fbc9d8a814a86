"""Paragraphs of the page of a comparison: where it comes from, tables and the pictures beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from assets.experiments.comparison import roles
from assets.experiments.comparison.parts import SegmentFigures
from assets.experiments.comparison.results import Comparison
from assets.experiments.number_format import count, duration, markdown, number, signed
from models.metrics import FIGURES, PERIODS, POOLED

IMAGES = "../images"
DATA = {"kuairand": "path/to/KuaiRand-Pure", "landing": "path/to/your/logs"}
#: columns of the table, where a result has them
MEASURES = (
    *("auc", "auc_std", "auc_static", "gain", "gain_error", "aupr", "log_loss", "ece"),
    *("gauc", "gauc_hour", "gauc_request", "request_auc", "request_mrr", "request_ndcg5", "request_ndcg10"),
)
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
    """Every system's figures, the best first, then AUC by period; the ceiling of simulated logs below."""
    truth = result.truth
    names = [name for name in MEASURES if any(getattr(entry, name) is not None for entry in result.summary)]
    columns = ["system", *labels(*names), "training, s", *["share of the possible"] * bool(truth)]
    rows = []
    for name in result.ranked():
        entry = result.systems[name]
        rows.append(
            [
                f"**{name}**" if name == result.best() else name,
                *(_cell(figure, getattr(entry, figure)) for figure in names),
                f"{entry.train_seconds:.0f}",
                *([_share(entry.auc, truth.auc)] if truth else []),
            ]
        )
    if truth:
        figures = [_cell(figure, getattr(truth, figure, None), absent="") for figure in names]
        rows.append(["true probability", *figures, "", "100 %"])
    said = (
        "AUC: all exposures of a day pooled, mean over days and seeds. *Static*: the same daily model, "
        "which received each hour but took no step; *gain*: what the hourly step adds, with its error over "
        "users. *GAUC* is within a user's whole day, and low for what follows the user through it "
        f"([why](../metrics.md#gauc)). {_order_said(result)} Training: mean of a day. "
        "[Definitions](../metrics.md)."
    )
    if truth:
        said += " *Share of the possible*: (AUC − .5) / (AUC of the true probability − .5)."
    if result.failed:
        said += " Failed: " + "; ".join(f"{entry.system} ({entry.reason})" for entry in result.failed) + "."
    return f"{said}\n\n{markdown(columns, rows)}\n\n{_periods(result)}"


def _order_said(result: Comparison) -> str:
    """What is known of the order within lists, in a sentence."""
    requests = [entry.requests for entry in result.summary if entry.requests is not None]
    if not requests:
        return "The order within users' hours and within lists was not computed when this result was made."
    if not max(requests):
        return "No requests in these logs: no figure of lists; *GAUC hour* is within a user's hour."
    return (
        f"{max(requests):,.0f} lists a day; AUC list, MRR and nDCG: plain means over those with a click and "
        "a skip, equal scores as in random order."
    )


def _periods(result: Comparison) -> str:
    """AUC by thirds of the day: the exposures of each pooled, and the paper's means of hourly AUCs."""
    pooled = [name for name in POOLED if any(getattr(entry, name) is not None for entry in result.summary)]
    names = [*pooled, *PERIODS]
    rows = [
        [name, *(number(getattr(result.systems[name], figure)) for figure in names)]
        for name in result.ranked()
    ]
    if result.truth:
        rows.append(["true probability", *(number(getattr(result.truth, figure)) for figure in names)])
    return f"AUC by period.\n\n{markdown(['system', *labels(*names)], rows)}"


def _cell(figure: str, value: float | None, absent: str = "–") -> str:
    if value is None:
        return absent
    return signed(value) if FIGURES[figure].signed else number(value)


def hours(result: Comparison) -> str:
    """Figure 3 of the paper."""
    shown = [image(result, "auc-by-hour.png", "AUC by hour")]
    if result.best(roles.PAPER_BASELINES) is not None and len(result.summary) > 1:
        shown.append(image(result, "auc-against.png", "AUC by hour less the best baseline"))
    return "\n\n".join(shown)


def ages(result: Comparison) -> str:
    """The gain of hourly updates by hours since the retrain and by the item's age."""
    if not result.by_hour("auc_static"):
        return ""
    parts = [image(result, "gain.png", "gain of hourly updates")]
    heads = {
        "hours_since_retrain": "Gain by hours since the retrain",
        "item_age": "Gain by age of the item, hours",
        "item_born": "Gain by the day on which the item was published",
    }
    parts += [_segment(result, segment, title, gained) for segment, title in heads.items()]
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
    return image(result, "gate.png", "gate weights") if result.gate else ""


def calibration(result: Comparison) -> str:
    """Predicted and clicked."""
    return image(result, "calibration.png", "calibration") if result.calibration else ""


def gained(entry: SegmentFigures) -> str:
    """`+.0043 ± .0010`: the gain and its error over users."""
    return signed(entry.gain) + ("" if entry.gain_error is None else f" ± {number(entry.gain_error)}")


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


def labels(*figures: str) -> list[str]:
    """How headings call some figures."""
    return [FIGURES[figure].label for figure in figures]


def image(result: Comparison, name: str, text: str) -> str:
    """A picture of the page."""
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
