"""docs/results/tuning.md from the JSON of studies: tables and a picture of the trials of each source.

What a person adds below the line `NOTES` of the page is kept when the page is written again.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

NOTES = "<!-- notes: what stands below is kept -->"
SAME = ("size", "days", "trials", "seed", "sampler", "data_hash")
DPI = 120
GREY, TAKEN, DEFAULT = "#a7adb3", "#0b6e4f", "#b3442e"


def gathered(studies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One study a source, from studies of some of its systems each.

    Raises:
        ValueError: two of one source differ in days, trials, seed or logs: systems must have one budget.
    """
    found: dict[str, dict[str, Any]] = {}
    for study in studies:
        held = found.setdefault(study["source"], {**study, "systems": {}})
        differs = [name for name in SAME if held[name] != study[name]]
        if differs:
            raise ValueError(
                f"studies of {study['source']} differ in {', '.join(differs)}: tune all with one budget"
            )
        held["systems"] |= study["systems"]
        held["git"] = ", ".join(dict.fromkeys((*held["git"].split(", "), *study["git"].split(", "))))
    return list(found.values())


def page(studies: Sequence[Mapping[str, Any]], before: str = "") -> str:
    """The page as Markdown.

    Args:
        studies: the JSON of `hourfold tune`, one a source.
        before: the page that stood before, whose notes are kept.
    """
    parts = [
        "# Tuning: one budget for every system",
        "Written from the JSON of `hourfold tune` by `docs/build_tuning.py`: do not edit above the notes. "
        "Each system has the same number of trials on the same validation days, on which no result is "
        "reported; the first trial has the defaults. A trial's figure is the mean over the days of the AUC "
        "of a day's exposures, pooled, each hour scored before it is adapted on. Nothing is pruned.",
        f"Taken is {studies[0]['rule']}. The settings taken come with the package (`models/tuned/`); "
        "[tune on your own logs](../tune-on-your-logs.md).",
    ]
    for study in studies:
        parts += _source(study)
    notes = before.partition(NOTES)[2].strip("\n")
    return "\n\n".join(part for part in (*parts, NOTES, notes) if part) + "\n"


def picture(study: Mapping[str, Any]) -> bytes:
    """Every trial of every system by its AUC, as PNG: defaults and what was taken stand out."""
    from matplotlib.figure import Figure

    systems = study["systems"]
    figure = Figure(figsize=(7.2, 1.2 + 0.3 * len(systems)), layout="constrained")
    axes = figure.subplots()
    for row, system in enumerate(systems.values()):
        aucs = [trial["auc"] for trial in system["trials"] if trial["auc"] is not None]
        marks = (
            (aucs, "o", GREY, 22, "a trial"),
            ([system["default_auc"]], "|", DEFAULT, 160, "the defaults"),
            ([system["auc"]], "D", TAKEN, 30, "taken"),
        )
        for values, marker, colour, size, label in marks:
            known = [value for value in values if value is not None]
            rows = [row] * len(known)
            axes.scatter(known, rows, s=size, c=colour, marker=marker, label=label if row == 0 else None)
    axes.set_yticks(range(len(systems)), list(systems))
    axes.invert_yaxis()
    axes.set_xlabel(f"AUC, mean of {len(study['days'])} validation day(s)")
    axes.set_title(f"Tuning on {_about(study)}: {study['trials']} trials a system", loc="left", fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, loc="lower left")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()


def picture_name(study: Mapping[str, Any]) -> str:
    """The picture's file name."""
    return f"tuning-{study['source']}.png"


def _about(study: Mapping[str, Any]) -> str:
    return "simulated logs" if study["simulated"] else str(study["source"])


def _named(days: Sequence[str]) -> str:
    """The days as `--days` takes them, a range where they follow each other."""
    first, last = date.fromisoformat(days[0]), date.fromisoformat(days[-1])
    follow = [(first + timedelta(place)).isoformat() for place in range((last - first).days + 1)]
    return f"{days[0]}..{days[-1]}" if len(days) > 1 and follow == list(days) else ",".join(days)


def _source(study: Mapping[str, Any]) -> list[str]:
    days = _named(study["days"])
    flags = f" --seed {study['seed']}" * bool(study["seed"]) + " --tiny" * (study["size"] == "tiny")
    flags += f" --sampler {study['sampler']}" * (study["sampler"] != "tpe")
    flags += " --data path/to/logs" * (study["source"] != "simulator")
    return [
        f"## {_about(study).capitalize() if study['simulated'] else study['source']}",
        f"```\nhourfold tune --source {study['source']}{flags} --days {days} --trials {study['trials']} \\\n"
        f"  --systems {','.join(study['systems'])} --out study.json\n```",
        f"Code {study['git']}, data hash `{study['data_hash']}`.",
        _table(study["systems"]),
        f"![Trials of every system on {_about(study)}](../images/{picture_name(study)})",
        _settings(study["systems"]),
    ]


def _table(systems: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        "| system | trials | failed | seconds a trial | defaults | best | best − defaults | taken |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, system in systems.items():
        trials = system["trials"]
        seconds = [trial["seconds"] for trial in trials if trial["seconds"]]
        scored = [trial for trial in trials if trial["auc"] is not None]
        best = max(scored, key=lambda trial: trial["auc"]) if scored else None
        gain = "–"
        if best is not None and best["error"] is not None:
            gain = f"{best['auc'] - system['default_auc']:+.4f} ± {best['error']:.4f}"
        cells = [
            name,
            str(len(trials)),
            str(sum(trial["failed"] is not None for trial in trials)),
            f"{sum(seconds) / len(seconds):.0f}" if seconds else "–",
            _figure(system["default_auc"]),
            _figure(best["auc"] if best else None),
            gain,
            "best" if system["settings"] else "defaults",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _settings(systems: Mapping[str, Mapping[str, Any]]) -> str:
    taken = {name: system["settings"] for name, system in systems.items() if system["settings"]}
    if not taken:
        return "All systems keep their defaults."
    lines = ["| system | settings taken |", "|---|---|"]
    for name, values in taken.items():
        lines.append(f"| {name} | {', '.join(f'`{path}={value}`' for path, value in values.items())} |")
    return "\n".join(lines)


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}".lstrip("0")
