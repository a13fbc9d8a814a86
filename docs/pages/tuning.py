"""docs/results/tuning.md from the JSON of studies: tables and a picture of the trials of each source.

What a person adds below the line `NOTES` of the page is kept when the page is written again.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from assets.experiments.tuning.results import TunedTrials, TuningResult

NOTES = "<!-- notes: what stands below is kept -->"
SAME = ("size", "days", "trials", "seed", "sampler", "data_hash")
DPI = 120
TRIALS, DAYS = 12, 4  #: of a system, at least, for a comparison to call the tuning of its systems fair
GREY, TAKEN, DEFAULT = "#a7adb3", "#0b6e4f", "#b3442e"


def gathered(studies: Sequence[TuningResult]) -> list[TuningResult]:
    """One study a source, from studies of some of its systems each.

    Raises:
        ValueError: two of one source differ in days, trials, seed or logs: systems must have one budget.
    """
    by_source: dict[str, TuningResult] = {}
    for study in studies:
        held = by_source.setdefault(study.source, study)
        differs = [name for name in SAME if getattr(held, name) != getattr(study, name)]
        if differs:
            raise ValueError(
                f"studies of {study.source} differ in {', '.join(differs)}: tune all with one budget"
            )
        revisions = dict.fromkeys((*held.git.split(", "), *study.git.split(", ")))
        by_source[study.source] = held.model_copy(
            update={
                "systems": held.systems | study.systems,
                "inherited": held.inherited | study.inherited,
                "git": ", ".join(revisions),
            }
        )
    return list(by_source.values())


def page(studies: Sequence[TuningResult], before: str = "") -> str:
    """The page as Markdown.

    Args:
        studies: of `hourfold tune`, one a source.
        before: the page that stood before, whose notes are kept.
    """
    parts = [
        "# Tuning: the same number of trials for every system",
        "Written from the JSON of `hourfold tune` by `docs/build_tuning.py`: do not edit above the notes. "
        "Each system has the same number of trials on the same validation days, on which no result is "
        "reported; the first trial has the defaults. A trial's figure is the mean over the days of the AUC "
        "of a day's exposures, pooled, each hour scored before it is adapted on. Nothing is pruned. The "
        "number of trials is what is equal: what was tried by hand before is listed in the notes below.",
        f"Taken is {studies[0].rule}. The settings taken come with the package (`models/tuned/`); "
        "[tune on your own logs](../tune-on-your-logs.md).",
    ]
    for study in studies:
        parts += _source(study)
    notes = before.partition(NOTES)[2].strip("\n")
    return "\n\n".join(part for part in (*parts, NOTES, notes) if part) + "\n"


def picture(study: TuningResult) -> bytes:
    """Every trial of every system by its AUC, as PNG: defaults and what was taken stand out."""
    from matplotlib.figure import Figure

    systems = study.systems
    figure = Figure(figsize=(7.2, 1.2 + 0.3 * len(systems)), layout="constrained")
    axes = figure.subplots()
    for row, system in enumerate(systems.values()):
        aucs = [trial.auc for trial in system.trials]
        marks = (
            (aucs, "o", GREY, 22, "a trial"),
            ([system.default_auc], "|", DEFAULT, 160, "the defaults"),
            ([system.auc], "D", TAKEN, 30, "taken"),
        )
        for values, marker, colour, size, label in marks:
            known = [value for value in values if value is not None]
            rows = [row] * len(known)
            axes.scatter(known, rows, s=size, c=colour, marker=marker, label=label if row == 0 else None)
    axes.set_yticks(range(len(systems)), list(systems))
    axes.invert_yaxis()
    axes.set_xlabel(f"AUC, mean of {len(study.days)} validation day(s)")
    axes.set_title(f"Tuning on {study.about}: {study.trials} trials a system", loc="left", fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, loc="lower left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def picture_name(study: TuningResult) -> str:
    """The picture's file name."""
    return f"tuning-{study.source}.png"


def _named(days: Sequence[str]) -> str:
    """The days as `--days` takes them, a range where they follow each other."""
    first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    follow = [(first + timedelta(day)).isoformat() for day in range((last - first).days + 1)]
    return f"{days[0]}..{days[-1]}" if len(days) > 1 and follow == list(days) else ",".join(days)


def _source(study: TuningResult) -> list[str]:
    days = _named(study.days)
    flags = f" --seed {study.seed}" * bool(study.seed) + " --tiny" * (study.size == "tiny")
    flags += f" --sampler {study.sampler}" * (study.sampler != "tpe")
    flags += " --data path/to/logs" * (study.source != "simulator")
    return [
        f"## {study.about.capitalize() if study.simulated else study.source}",
        f"```\nhourfold tune --source {study.source}{flags} --days {days} --trials {study.trials} \\\n"
        f"  --systems {','.join(study.systems)} --out study.json\n```",
        f"Code {study.git}, data hash `{study.data_hash}`.{_drawn(study)}{_thin(study)}",
        _table(study.systems),
        f"![Trials of every system on {study.about}](../images/{picture_name(study)})",
        _settings(study.systems),
        _inherited(study),
    ]


def _drawn(study: TuningResult) -> str:
    """Where the trials after the first come from."""
    return {
        "tpe": " Trials are drawn by Optuna's tree-structured Parzen estimator.",
        "gp": " Trials are drawn by Optuna's Gaussian process.",
        "qmc": " Trials are points of a scrambled Sobol sequence in each system's space.",
    }[study.sampler]


def _inherited(study: TuningResult) -> str:
    """Which systems take the settings of others; nothing where none does."""
    if not study.inherited:
        return ""
    return (
        "Ablations are not tuned themselves: each takes the settings of the system that it lacks a part of, "
        f"as far as it has them, so that nothing but that part differs ({study.inherited_text})."
    )


def _thin(study: TuningResult) -> str:
    """A sentence on a study that is smaller than a fair comparison asks for; nothing on others."""
    days = len(study.days)
    if study.trials >= TRIALS and days >= DAYS:
        return ""
    return (
        f" A small study: {study.trials} trials on {days} {'day' if days == 1 else 'days'} "
        f"({days * study.trials} trainings a system) where {TRIALS} on {DAYS} are asked for before anything "
        "is concluded from it."
    )


def _table(systems: Mapping[str, TunedTrials]) -> str:
    columns = (
        "system",
        "trials",
        "failed",
        "seconds a trial",
        "defaults",
        "best",
        "best − defaults",
        "taken",
    )
    rows = []
    for name, system in systems.items():
        best, gain = system.best, "–"
        if best is not None and best.auc is not None and best.error is not None:
            gain = f"{best.auc - (system.default_auc or 0.0):+.4f} ± {best.error:.4f}"
        rows.append(
            [
                name,
                str(len(system.trials)),
                str(len(system.failures)),
                "–" if system.seconds is None else f"{system.seconds:.0f}",
                _figure(system.default_auc),
                _figure(best.auc if best else None),
                gain,
                "best" if system.settings else "defaults",
            ]
        )
    return _markdown(columns, rows)


def _settings(systems: Mapping[str, TunedTrials]) -> str:
    rows = [
        [name, ", ".join(f"`{path}={value}`" for path, value in system.settings.items())]
        for name, system in systems.items()
        if system.settings
    ]
    return _markdown(("system", "settings taken"), rows) if rows else "All systems keep their defaults."


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = f"|{'---|' * len(columns)}"
    return "\n".join([f"| {' | '.join(columns)} |", rule, *(f"| {' | '.join(row)} |" for row in rows)])


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}".lstrip("0")
