"""What the gate found, as asset checks: one a group of rules, with what was observed and its limits.

Beside them `landed` says whether the partition's files came, and whether they could be read. Every verdict on
hours and days is a partition's own, also where one run loads many.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from assets.common.links import report_link
from assets.logs.loading import Loading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from expectations.admission import RuleVerdict

LANDED = "landed"
FORCED = "Loaded nevertheless, with force."
REMEDY = (
    "What to do: mend the files in the landing folder and load them again. A batch that is right as it is "
    "can be loaded with `hourfold ingest --force`."
)

#: Check → what it asks. `landed` is added to every table.
_ASKS = {
    "schema": "Required columns have values of their types, and every rule could be judged.",
    "share_quarantined": "The share of rows that break a row rule stays under its limit.",
    "clock": "Rows lie in the partition that they landed in, none by a whole number of hours beside it.",
    "row_count": "Rows against the same hour of former days; of days, against the same weekday and the "
    "season, with hours that are missing and rows that came twice.",
    "click_rate": "Clicks an exposure against the history of the same hour.",
    "price_level": "Mean log price against the same weekday of former weeks and the season.",
    LANDED: "Files of the partition have come and can be read; what nobody reads beside them is named.",
}
_EVERY = ("schema", "share_quarantined")
#: Table → its checks, in the order of its suite.
CHECKS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("users", "items", "demographics", "labels"), _EVERY),
    "exposures": (*_EVERY, "clock", "row_count", "click_rate"),
    "external_clicks": (*_EVERY, "clock", "row_count"),
    "purchases": (*_EVERY, "clock", "row_count", "price_level"),
    "points": (*_EVERY, "clock", "row_count"),
}
#: Rules of the suites whose check has another name.
_CHECK_OF = {"clock_skew": "clock", "hours_missing": "row_count", "doubled": "row_count"}


def check_specs(
    table: str, partitions: dg.PartitionsDefinition | None, *, blocking: bool
) -> list[dg.AssetCheckSpec]:
    """The checks of a table. `landed` blocks nothing by itself: without files there is nothing to block."""
    return [
        dg.AssetCheckSpec(
            name,
            asset=table,
            description=_ASKS[name],
            blocking=blocking and name != LANDED,
            partitions_def=partitions,
        )
        for name in (*CHECKS[table], LANDED)
    ]


def check_of(table: str, rule: str) -> str:
    """The check in which a rule of the suites is judged; a rule that could not be judged is `schema`."""
    name = _CHECK_OF.get(rule, rule)
    return name if name in CHECKS[table] else "schema"


def of_partition(loading: Loading, partition: str, landed: dg.AssetCheckResult) -> list[dg.AssetCheckResult]:
    """The verdicts on one partition: `landed`, and those of the gate where its rows could be judged."""
    results = [landed]
    forced = partition in loading.reports
    for name in CHECKS[loading.table] if partition in loading.verdicts else ():
        verdicts = [v for v in loading.verdicts[partition] if check_of(loading.table, v.rule) == name]
        results.append(_result(loading, name, verdicts, forced=forced))
    return results


def of_files(loading: Loading, landed: dg.AssetCheckResult) -> list[dg.AssetCheckResult]:
    """The verdicts on a table without partitions: of all its files that were read."""
    results = [landed]
    for name in CHECKS[loading.table]:
        verdicts = [
            verdict
            for partition in loading.verdicts
            for verdict in loading.verdicts[partition]
            if check_of(loading.table, verdict.rule) == name
        ]
        results.append(_result(loading, name, _worst_first(verdicts), forced=False))
    return results


def evaluations(
    table: str, results: Iterable[dg.AssetCheckResult], partition: str
) -> Iterator[dg.AssetCheckEvaluation]:
    """The same verdicts as events of one partition, for runs that load a range of them."""
    for result in results:
        yield dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(table),
            check_name=str(result.check_name),
            passed=result.passed,
            severity=result.severity,
            description=result.description,
            metadata=result.metadata,
            blocking=result.check_name != LANDED,
            partition=partition,
        )


def _worst_first(verdicts: list[RuleVerdict]) -> list[RuleVerdict]:
    return sorted(verdicts, key=lambda verdict: (verdict.passed, -(verdict.observed or 0.0)))


def _result(loading: Loading, name: str, verdicts: list[RuleVerdict], *, forced: bool) -> dg.AssetCheckResult:
    failed = [verdict for verdict in verdicts if not verdict.passed]
    shown = (failed or verdicts)[:1]
    metadata: dict[str, dg.MetadataValue] = {
        key: dg.MetadataValue.float(float(value))
        for verdict in shown
        for key in ("observed", "low", "high")
        if (value := getattr(verdict, key)) is not None and value == value
    }
    if failed and loading.data_docs is not None:
        metadata["data docs"] = report_link(loading.data_docs)
    texts = [verdict.message for verdict in (failed or shown) if verdict.message][:10] or ["holds"]
    stopping = [verdict for verdict in failed if verdict.stops]
    end = [FORCED if forced else REMEDY] if stopping else []
    return dg.AssetCheckResult(
        asset_key=loading.table,
        check_name=name,
        passed=not failed,
        severity=dg.AssetCheckSeverity.WARN if forced or not stopping else dg.AssetCheckSeverity.ERROR,
        description="\n".join([*texts, *end]),
        metadata=metadata,
    )
