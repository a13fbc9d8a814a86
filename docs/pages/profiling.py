"""docs/results/profiling.md from the JSON of profile evaluations: every figure on that page comes from here.

The template, docs/results/parts/profiling.txt, is Markdown written by a person. `{{brands}}` and the other
names of `PARTS` stand for paragraphs, `{{auroc ridge all}}` and the like for a figure within a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from assets.experiments.number_format import count, number, p_value, ranged
from assets.experiments.profilers import brand_report, report
from assets.experiments.profilers.facts import sentences
from assets.experiments.profilers.figured import Difference
from assets.experiments.profilers.paired import OURS
from assets.experiments.profilers.results import ProfileResult
from assets.experiments.profilers.verdicts import verdicts
from docs.pages.ranking import filled
from models.metrics import FIGURES


def page(
    result: ProfileResult,
    of_modalities: Sequence[ProfileResult],
    template: str,
    of_nine_ways: ProfileResult | None = None,
) -> str:
    """The page as Markdown.

    Args:
        result: of `hourfold profile-eval`.
        of_modalities: of `hourfold profile-eval --table modalities`, each run of it.
        template: Markdown with names of parts.
        of_nine_ways: of `hourfold profile-eval --table nine-ways`, where it was run: its printed reading,
            with the accuracy, stands below the main evaluation's, or in its place if it has every system.
    """

    def modalities(_: ProfileResult) -> str:
        texts = [f"{brand_report.modalities(one.summary)}\n\n{_origin(one)}" for one in of_modalities]
        return "\n\nA subset without the heatmap and its network, with labels:\n\n".join(
            [texts[0], *(text.partition("\n\n")[2] for text in texts[1:])] if texts else []
        )

    def nine_ways(_: ProfileResult) -> str:
        if of_nine_ways is None:
            return report.ood(result.summary)
        with_accuracy = report.as_printed(of_nine_ways.summary)
        printed = [with_accuracy]
        if not set(of_nine_ways.settings.systems) >= set(result.settings.systems):
            some = "### As printed with its accuracy, for some of the systems\n\n"
            printed = [report.as_printed(result.summary), some + with_accuracy.partition("\n\n")[2]]
        parts = (
            report.target_way(result.summary),
            active_labels(of_nine_ways),
            *printed,
            _origin(of_nine_ways),
        )
        return "\n\n".join(part for part in parts if part)

    return filled(template, result, PARTS | {"modalities": modalities, "ood": nine_ways})


def _origin(result: ProfileResult) -> str:
    """How another evaluation than the page's own was run."""
    return f"Run as\n\n{_command(result)}\n\nCode {result.git}, {count(result.settings.seeds, 'seed')}."


def active_labels(result: ProfileResult) -> str:
    """Why systems that learn from the nine labels alone are near chance in the target's way, or below it."""
    labels = result.protocol.nine_labels
    if labels is None:
        return ""
    return (
        "The nine labels say little of activity: the customer bought more than one of the eight others in "
        f"{labels.ahead_of_others:.0%} of pairs, more than a train user who is no customer in "
        f"{labels.ahead_of_anybody:.0%}. The others are members of source ways (they answered a survey, "
        "say, or redeemed coupons), and those are active. What learns from these nine alone "
        "(`normal_training`, trees, logistic models) learns to tell one active user from eight, not active "
        "users from the rest, and newcomers are active. That is the protocol's doing and no turned sign."
    ).replace("%", " %")


def head(result: ProfileResult) -> str:
    """The command, the data, the protocol in a paragraph, and where it had to give way."""
    settings, protocol = result.settings, result.protocol
    lines = [
        f"# Profiling: new customers of unseen brands, {'simulated ' * result.simulated}{result.source}",
        _command(result),
        "Development figures: choices were made on them." if settings.development else "",
        "Written from the JSON by `docs/build_profiling.py`: edit `docs/results/parts/profiling.txt`. "
        f"Code {result.git}, data hash `{result.data_hash[:16]}`. "
        f"Features end before {protocol.as_of}; a newcomer buys a brand for the first time within "
        f"{protocol.horizon_days} days from then. Test users are in {len(protocol.test_users)} fold(s) of "
        f"{_numbers(protocol.test_users)}, learned from the others ({_numbers(protocol.train_users)}); no "
        "target is a source brand ([protocol](../decisions/0019-profile-protocol.md), "
        "[figures](../metrics.md)). Intervals: 95 %, bootstrap over targets and folds; seeds and "
        "draws are averaged first.",
        "\n".join(f"- {sentence}" for sentence in (*sentences(protocol), *_failed(result))),
    ]
    return "\n\n".join(line for line in lines if line)


def statements(result: ProfileResult) -> str:
    """What the figures say, in sentences that hold whatever they are."""
    lines = [*verdicts(result.summary), *_over_normal(result), *_support(result)]
    return "\n".join(f"- {line[:1].upper()}{line[1:]}" for line in lines)


def _over_normal(result: ProfileResult) -> Iterator[str]:
    """The main system's gain over normal training at each number of labels."""
    budgets = next((entry.budgets for entry in result.summary if entry.system == OURS), {})
    for figure in ("aupr", "auroc"):
        gains = [
            f"{_growth(growth)} at {report.budget_name(name)} "
            f"({point.value(f'wins_{figure}')} of {point.of_targets} brands)"
            for name, point in budgets.items()
            if (growth := point.value(f"growth_{figure}")) is not None
        ]
        blind = [report.budget_name(name) for name, point in budgets.items() if point.over_chance is False]
        if blind:
            gains.append(f"not quoted at {', '.join(blind)}, where normal training is no better than chance")
        if gains:
            yield f"over normal training, {FIGURES[figure].label} of `{OURS}`: {', '.join(gains)}."


def _support(result: ProfileResult) -> Iterator[str]:
    """What more customers are worth to each of our systems."""
    for entry in result.summary:
        one, every = entry.at(1), entry.at(None)
        if entry.system in report.FAMILY and one is not None and every is not None:
            yield (
                f"`{entry.system}` with one customer: AUROC {number(one.auroc)}, AUPR {number(one.aupr)}; "
                f"with all of them: {number(every.auroc)}, {number(every.aupr)}."
            )


def _command(result: ProfileResult) -> str:
    settings = result.settings
    values = {
        "targets": "brands.txt" if settings.named else settings.targets,
        "size-band": settings.size_band,
        "draws": settings.draws,
        "seeds": len(settings.seeds),
        "as-of": settings.as_of,
        "horizon": settings.horizon,
        "top": settings.top,
        "table": None if settings.table == "all" else settings.table,
    }
    flags = "".join(f" --{name} {value}" for name, value in values.items() if value is not None)
    flags += " --development" * settings.development
    return (
        f"```\nhourfold profile-eval --source {result.source}{flags} \\\n"
        f"  --systems {','.join(settings.systems)} --out F.json\n```"
    )


def _failed(result: ProfileResult) -> Iterator[str]:
    for one in result.failed:
        yield f"`{one.system}` failed and has no figures: {one.reason}"


def _numbers(values: Sequence[int]) -> str:
    return ", ".join(f"{value:,}" for value in values)


def _growth(value: float) -> str:
    return f"{value:+.1%}".replace("%", " %").replace("-", "−")


def _shots(text: str) -> int | None:
    return None if text == "all" else int(text)


def _figure(name: str) -> Callable[..., str]:
    def text(result: ProfileResult, system: str, shots: str) -> str:
        point = result.entry(system).at(_shots(shots))
        if point is None:
            raise LookupError(f"{system} was not asked with {shots} customers")
        return number(point.value(name))

    return text


def _line(result: ProfileResult, system: str, shots: str) -> Difference:
    lines = result.entry(OURS).against
    return {line.system: line for line in lines if line.shots == _shots(shots)}[system]


def _difference(result: ProfileResult, system: str, figure: str, shots: str) -> str:
    line = _line(result, system, shots)
    value, ends = line.value(figure), line.ends(figure) or (None, None)
    if value is None:
        raise LookupError(f"no {figure} of {system}")
    return ranged(value, *ends)


PARTS: dict[str, Callable[..., str]] = {
    "head": head,
    "statements": statements,
    "brands": lambda result: brand_report.brands(result.summary, result.protocol.top),
    "against": lambda result: brand_report.against(result.summary),
    "budgets": lambda result: report.budgets(result.summary),
    "masking": lambda result: report.masking(result.summary),
    "imbalance": lambda result: report.imbalance(result.summary),
    **{name: _figure(name) for name in ("auroc", "aupr", "within_quintiles")},
    "difference": _difference,
    "holm": lambda result, system, figure, shots: p_value(_line(result, system, shots).p_holm(figure)),
}
