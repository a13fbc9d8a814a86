"""docs/results/profiling.md from the JSON of a profile evaluation: every figure on that page comes from here.

What a person adds below the line `NOTES` of the page is kept when the page is written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NOTES = "<!-- notes: what stands below is kept -->"
BASELINE = "normal_training"
OURS = ("meta_profile", "meta_profile_finetune", "meta_profile_prior")
BUDGETS = ("all", "20%", "5%", "1%", "one_shot")
Entry = Mapping[str, Any]


def page(result: Mapping[str, Any], before: str = "") -> str:
    """The page as Markdown.

    Args:
        result: the JSON of `hourfold profile-eval`.
        before: the page that stood before, whose notes are kept.
    """
    summary = result["summary"]
    parts = [_head(result), _brands(summary), _against(summary), _budgets(summary), _ood(summary)]
    parts += [_masking(summary), _imbalance(summary)]
    notes = before.partition(NOTES)[2].strip("\n")
    return "\n\n".join(part for part in (*parts, NOTES, notes) if part) + "\n"


def _head(result: Mapping[str, Any]) -> str:
    settings, protocol = result["settings"], result["protocol"]
    simulated, seeds = "simulated " * result["simulated"], len(settings["seeds"])
    flag = "".join(
        f" --{name.replace('_', '-')} {settings[name]}"
        for name in ("as_of", "horizon")
        if settings[name] is not None
    )
    flag += f" --table {settings['table']}" * (settings["table"] != "all")
    flag += " --development" * settings["development"]
    lines = [
        f"# Profiling: new customers of unseen brands, {simulated}{result['source']}",
        f"```\nhourfold profile-eval --source {result['source']} --targets {settings['targets']} "
        f"--draws {settings['draws']} --seeds {seeds}{flag} \\\n"
        f"  --systems {','.join(settings['systems'])} --out F.json\n```",
        "Development figures: choices were made on them." if settings["development"] else "",
        "Written from the JSON by `docs/build_profiling.py`: do not edit above the notes. "
        f"Code {result['git']}, data hash `{result['data_hash'][:16]}`. "
        f"Features end before {protocol['as_of']}; a newcomer buys a brand for the first time within "
        f"{protocol['horizon_days']} days from then. {protocol['users']:,} users, tested in "
        f"{len(protocol['test_users'])} fold(s) of {_numbers(protocol['test_users'])}, learned from the "
        f"others ({_numbers(protocol['train_users'])}); {len(protocol['targets'])} target brands, none of "
        "them a source brand ([protocol](../decisions/0019-profile-protocol.md), "
        "[figures](../metrics.md)). Intervals: 95 %, bootstrap over targets and folds; seeds and draws are "
        "averaged first.",
    ]
    lines += [f"- {remark}" for remark in protocol["remarks"]]
    return "\n\n".join(line for line in lines if line)


def _brands(summary: Sequence[Entry]) -> str:
    """Every system at every support size, customers only."""
    rows = [
        [
            entry["system"],
            "all" if found["shots"] is None else str(found["shots"]),
            f"{found['customers']:.0f}",
            *(_ranged(found, figure) for figure in ("auroc", "aupr", "within_quintiles")),
            _plain(found["auroc_fold_spread"]),
            _plain(found["base_rate"]),
        ]
        for entry in summary
        for found in entry.get("brands", [])
    ]
    if not rows:
        return ""
    count = max(found["targets"] for entry in summary for found in entry.get("brands", []))
    columns = (
        "system",
        "K",
        "customers",
        "AUROC",
        "AUPR",
        "within activity quintiles",
        "± folds",
        "base rate",
    )
    return (
        f"## {count} brands, as in use\n\nK customers are given and nothing else; `normal_training` takes "
        "the other train users as non-customers. *± folds*: deviation of AUROC over the folds.\n\n"
        + _table(columns, rows)
    )


def _against(summary: Sequence[Entry]) -> str:
    """Our system less every other one, paired."""
    parts = []
    for entry in summary:
        rows = [
            [
                found["system"],
                "all" if found["shots"] is None else str(found["shots"]),
                *(_difference(found, figure) for figure in ("auroc", "aupr", "within_quintiles")),
                _plain(found["auroc_p"]),
                _plain(found["aupr_p"]),
            ]
            for found in entry.get("against", [])
        ]
        columns = ("less", "K", "AUROC", "AUPR", "in quintiles", "p AUROC", "p AUPR")
        if rows:
            parts.append(
                f"## `{entry['system']}` less each other system\n\nPaired by brand and fold, in the table of "
                "brands.\n\n" + _table(columns, rows)
            )
    return "\n\n".join(parts)


def _difference(found: Entry, figure: str) -> str:
    low, high = found[f"{figure}_interval"] or (None, None)
    if found[figure] is None or low is None:
        return ""
    return f"{found[figure]:+.4f} ({low:+.4f} … {high:+.4f})"


def _budgets(summary: Sequence[Entry]) -> str:
    """The comparison with normal training by number of labels."""
    rows = []
    for name in BUDGETS:
        for entry in summary:
            found = entry.get("budgets", {}).get(name)
            if found is None:
                continue
            rows.append(
                [
                    "one shot + 8" if name == "one_shot" else name.replace("%", " %"),
                    f"{found['labels']:.0f}",
                    f"{found['customers']:.0f}",
                    entry["system"],
                    *(_ranged(found, figure) for figure in ("auroc", "aupr")),
                    _plain(found["within_quintiles"]),
                    *(_growth(found, figure) for figure in ("aupr", "auroc")),
                    *(_wins(found, figure) for figure in ("aupr", "auroc")),
                    "" if found.get("p") is None else f"{found['p']:.4f}",
                ]
            )
    if not rows:
        return ""
    columns = (
        *("labels", "number", "customers", "system", "AUROC", "AUPR", "in quintiles"),
        *("AUPR over normal", "AUROC over normal", "wins AUPR", "wins AUROC", "p"),
    )
    return (
        "## By number of labels\n\nLabelled users are drawn among the train users; every system is given "
        "the same. *Over normal*: mean over targets of the relative gain. *p*: two-sided, the larger of "
        "both.\n\n" + _table(columns, rows)
    )


def _ood(summary: Sequence[Entry]) -> str:
    """Table 3."""
    entries = [entry for entry in summary if "ood" in entry]
    if not entries:
        return ""
    rows = []
    shown = [entry for entry in entries if entry["system"] in (BASELINE, *OURS)] or entries
    for place, line in enumerate(shown[0]["ood"]["by_target"]):
        for entry in shown:
            found = entry["ood"]["by_target"][place]
            rows.append([line["target"], entry["system"], *_differences(found, "draws_interval")])
    rows += [["**all**", entry["system"], *_differences(entry["ood"], "interval")] for entry in entries]
    columns = ("target", "system", "AUPR", "difference", "growth", "AUROC", "difference", "growth")
    return (
        "## Table 3: 9-way 1-shot\n\nOne customer of the target and one member of each of eight source "
        "ways. Intervals of a target are over support draws (narrow: they share their test users), of *all* "
        "over targets and folds.\n\n" + _table(columns, rows)
    )


def _differences(found: Entry, interval: str) -> Iterable[str]:
    for figure in ("aupr", "auroc"):
        yield _ranged(found, figure, f"{figure}_{interval}")
        difference = found.get(f"difference_{figure}")
        yield "" if difference is None else f"{difference:+.4f}"
        yield _growth(found, figure)


def _masking(summary: Sequence[Entry]) -> str:
    return _study(
        summary,
        "masking",
        "## Figure 3: label masking\n\nAUPR (AUROC), mean over targets, folds and seeds.",
        lambda found: f"{found['fraction']:.1%}".replace(".0%", "%").replace("%", " %"),
    )


def _imbalance(summary: Sequence[Entry]) -> str:
    return _study(
        summary,
        "imbalance",
        "## Figure 4: class imbalance\n\nCustomers to others among the labels; the test users stay as they "
        "are. AUPR (AUROC); the dashed line of the picture is the 2-period moving average of AUPR.",
        lambda found: f"1:{1 / found['ratio']:.0f}",
    )


def _study(summary: Sequence[Entry], study: str, title: str, head: Any) -> str:
    entries = [entry for entry in summary if study in entry]
    if not entries:
        return ""
    points = entries[0][study]
    columns = ["system", *(f"{head(found)} ({found['labels']:.0f})" for found in points)]
    rows = [
        [entry["system"], *(f"{_plain(f['aupr'])} ({_plain(f['auroc'])})" for f in entry[study])]
        for entry in entries
    ]
    images = "\n".join(f"![{study}, {f}](../images/profile-{study}-{f}.png)" for f in ("aupr", "auroc"))
    return f"{title} In brackets at the head: the number of labels.\n\n{_table(columns, rows)}\n\n{images}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _ranged(found: Entry, figure: str, interval: str | None = None) -> str:
    ends = found.get(interval or f"{figure}_interval")
    text = _plain(found[figure])
    return text if ends is None else f"{text} [{_plain(ends[0])}, {_plain(ends[1])}]"


def _growth(found: Entry, figure: str) -> str:
    value = found.get(f"growth_{figure}")
    return "" if value is None else f"{value:+.1%}".replace("%", " %")


def _wins(found: Entry, figure: str) -> str:
    value = found.get(f"wins_{figure}")
    return "" if value is None else f"{value} of {found['of_targets']}"


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}".replace("0.", ".", 1)


def _numbers(values: Sequence[int]) -> str:
    return ", ".join(f"{value:,}" for value in values)
