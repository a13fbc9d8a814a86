"""docs/results/profiling.md from the JSON of a profile evaluation: every figure on that page comes from here.

What a person adds below the line `NOTES` of the page is kept when the page is written again.
"""

from __future__ import annotations

from collections.abc import Sequence

from assets.experiments.profilers.report import against, brands, budgets, imbalance, masking, ood
from assets.experiments.profilers.results import ProfileResult

NOTES = "<!-- notes: what stands below is kept -->"


def page(result: ProfileResult, before: str = "") -> str:
    """The page as Markdown.

    Args:
        result: of `hourfold profile-eval`.
        before: the page that stood before, whose notes are kept.
    """
    summary = result.summary
    parts = [_head(result), brands(summary), against(summary), budgets(summary), ood(summary)]
    parts += [masking(summary), imbalance(summary)]
    notes = before.partition(NOTES)[2].strip("\n")
    return "\n\n".join(part for part in (*parts, NOTES, notes) if part) + "\n"


def _head(result: ProfileResult) -> str:
    settings, protocol = result.settings, result.protocol
    simulated, seeds = "simulated " * result.simulated, len(settings.seeds)
    flag = "".join(
        f" --{name} {value}"
        for name, value in (("as-of", settings.as_of), ("horizon", settings.horizon))
        if value is not None
    )
    flag += f" --table {settings.table}" * (settings.table != "all")
    flag += " --development" * settings.development
    lines = [
        f"# Profiling: new customers of unseen brands, {simulated}{result.source}",
        f"```\nhourfold profile-eval --source {result.source} --targets {settings.targets} "
        f"--draws {settings.draws} --seeds {seeds}{flag} \\\n"
        f"  --systems {','.join(settings.systems)} --out F.json\n```",
        "Development figures: choices were made on them." if settings.development else "",
        "Written from the JSON by `docs/build_profiling.py`: do not edit above the notes. "
        f"Code {result.git}, data hash `{result.data_hash[:16]}`. "
        f"Features end before {protocol.as_of}; a newcomer buys a brand for the first time within "
        f"{protocol.horizon_days} days from then. {protocol.users:,} users, tested in "
        f"{len(protocol.test_users)} fold(s) of {_numbers(protocol.test_users)}, learned from the "
        f"others ({_numbers(protocol.train_users)}); {len(protocol.targets)} target brands, none of "
        "them a source brand ([protocol](../decisions/0019-profile-protocol.md), "
        "[figures](../metrics.md)). Intervals: 95 %, bootstrap over targets and folds; seeds and draws are "
        "averaged first.",
    ]
    lines += [f"- {remark}" for remark in protocol.remarks]
    return "\n\n".join(line for line in lines if line)


def _numbers(values: Sequence[int]) -> str:
    return ", ".join(f"{value:,}" for value in values)
