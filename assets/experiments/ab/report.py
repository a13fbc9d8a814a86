"""The paragraphs of docs/results/ranking.md on an A/B test: its users are simulated, and it says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from assets.experiments.ab.plots import NAMES
from assets.experiments.ab.settings import ABSettings
from assets.experiments.comparison.compact_json import rounded
from assets.experiments.number_format import duration, markdown, number, p_value, percent

PAPER = {"ctr": 0.0960, "acn": 0.0993, "hcr": 0.0342, "dt": 0.0252}  #: lifts of the paper's Table 3
OPTIONS = ("first_day", "users", "candidates", "explore", "salt", "seed", "world_seed")
Test = Mapping[str, Any]


def compact(result: Test) -> dict[str, Any]:
    """Without the hours and every setting of every arm: what a repository keeps."""
    settings = {key: value for key, value in result["settings"].items() if key != "of"}
    return rounded({key: value for key, value in result.items() if key != "hours"} | {"settings": settings})


def head(result: Test) -> str:
    """The command, and what it ran on."""
    settings, made = result["settings"], result.get("made") or {}
    flags = f" --arms {','.join(result['arms'])} --days {settings['days']}"
    for name in OPTIONS:
        if settings[name] != ABSettings.model_fields[name].default:
            flags += f" --{name.replace('_', '-')} {settings[name]}"
    flags += " --aa" * settings["aa"] + " --no-bounds" * (not settings["bounds"])
    flags += " --tiny" * (settings["size"] == "tiny")
    flags += "".join(f" --set {override}" for override in settings["overrides"])
    users = ", ".join(f"{name} {count:,}" for name, count in result["srm"]["users"].items())
    said = [
        f"Simulated users, {settings['test_days'][0]} to {settings['test_days'][-1]}, world "
        f"`{result['world']['settings_hash']}`, commit {result['git']}"
        + (f", {made['date']}, {made['machine']}." if made else "."),
        f"Users: {users}; sample-ratio test p {number(result['srm']['p_value'])}"
        + (", as it should be." if result["valid"] else ": **the split is broken, and so is the test**."),
        f"Training and serving took {duration(sum(result['seconds'].values()))} in all.",
    ]
    return f"```\nhourfold ab{flags} --out ab.json\n```\n\n" + " ".join(said)


def lifts(result: Test) -> str:
    """Table 3 of the paper, the base against itself, and either on the same users."""
    parts = [_lifts(result["metrics"], paper=True)]
    if result.get("aa"):
        parts.append("The base against itself (A/A), where nothing is to be found:")
        parts.append(_lifts(result["aa"]["metrics"], paper=False))
        parts.append(
            "The arm against the base on the arm's own users, in two worlds, as a simulator alone can do: "
            "the luck of the split is out of it."
        )
        parts.append(_lifts(result["aa"]["paired"], paper=False))
    return "\n\n".join((*parts, "![lift, simulated users](../images/ranking-ab-lift.png)"))


def bounds(result: Test) -> str:
    """Every arm's figures, and those of rules that need no training."""
    cells = [
        [row["arm"] + where, *(f"{row[part]:,}" for part in ("users", "exposures", "clicks")), *_figures(row)]
        for rows, where in ((result["pooled"], ""), (result.get("bounds") or (), ", all users"))
        for row in rows
    ]
    columns = ("arm", "users", "exposures", "clicks", *NAMES.values())
    shown = "![click rate by day, simulated users](../images/ranking-ab-ctr-by-day.png)"
    return f"{markdown(columns, cells)}\n\n{shown}"


def _figures(row: Mapping[str, Any]) -> list[str]:
    return ["–" if row[name] is None else f"{row[name]:.4g}" for name in NAMES]


def _lifts(metrics: Sequence[Mapping[str, Any]], paper: bool) -> str:
    rows = [
        [
            entry["arm"],
            NAMES[entry["metric"]],
            *("–" if entry[name] is None else f"{entry[name]:.4g}" for name in ("base_value", "arm_value")),
            "–" if entry["lift"] is None else f"{percent(entry['lift'])} [{_ends(entry)}]",
            p_value(entry["p_value"]),
            *([percent(PAPER[entry["metric"]]) if entry["metric"] in PAPER else ""] if paper else []),
        ]
        for entry in metrics
    ]
    columns = ("arm", "metric", "base", "arm's", "lift [95 %]", "p", *(["in the paper"] if paper else []))
    return markdown(columns, rows)


def _ends(entry: Mapping[str, Any]) -> str:
    return "–" if entry["low"] is None else f"{percent(entry['low'])}, {percent(entry['high'])}"


def _lift(result: Test, metric: str, arm: str | None = None) -> str:
    arm = arm or result["arms"][1]
    found = [entry for entry in result["metrics"] if (entry["metric"], entry["arm"]) == (metric, arm)]
    return f"{percent(found[0]['lift'])} [{_ends(found[0])}], p {p_value(found[0]['p_value'])}"


PARTS: dict[str, Callable[..., str]] = {
    "head": head,
    "lifts": lifts,
    "bounds": bounds,
    "lift": _lift,
}
