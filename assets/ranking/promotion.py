"""promotion[D]: challenger against champion; the alias moves only on a pass."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import dagster as dg

from assets.common import model_registry
from assets.common.faults import NoBaseModel, retried_or_explained
from assets.common.partitions import Partitions
from assets.common.resources import HomeResource, ProgressReport, TrackingResource, WarehouseResource
from assets.common.timings import Timings
from assets.ranking import champion_log
from assets.ranking.figures import Figures, in_columns, lists_in_words
from assets.ranking.live import read_live_day, record_live
from assets.ranking.promotion_labels import LabelVerdict, judge_labels, usual_day
from assets.ranking.promotion_rule import Candidate, Decision, decide, not_backwards
from assets.ranking.reading import loaded_hours, read_hours
from assets.ranking.states import States
from assets.ranking.withheld import release, withheld, withhold
from warehouse.landing.service_time import DAY_MS, HOUR_MS

if TYPE_CHECKING:
    import numpy as np

    from assets.common.tracking import Tracking
    from models.ranking.features.event_log import EventLog
    from warehouse.landing.service_time import ServiceZone
    from warehouse.store.warehouse import Warehouse

LEAST_SPREAD = 1e-4  #: standard deviation of scores below which a model ranks nothing
LONGEST_TAG = 1000  #: characters of a verdict on a version
MOST_COLLAPSE = 0.99  #: mean cosine of long-term vectors above which all users look alike


def promotion_asset(partitions: Partitions) -> dg.AssetsDefinition:
    """The asset over a deployment's days."""

    @dg.asset(
        partitions_def=partitions.daily,
        deps=["daily_ranker", "hourly_auc"],
        check_specs=[
            dg.AssetCheckSpec(
                "guard_rails",
                asset="promotion",
                description="New models: trained, scores finite and not constant, no collapsed vectors.",
            ),
            dg.AssetCheckSpec(
                "labels",
                asset="promotion",
                description="The day's clicks agree with the champion's model, which had not seen them.",
            ),
        ],
        group_name="ranking",
        owners=["team:ranking"],
        kinds={"mlflow", "duckdb"},
        pool="duckdb",
    )
    def promotion(
        context: dg.AssetExecutionContext,
        home: HomeResource,
        warehouse: WarehouseResource,
        tracking: TrackingResource,
        progress: dg.ResourceParam[ProgressReport],
    ) -> dg.MaterializeResult:
        """Which version of the registered model is to be served: the alias `champion` moves only on a pass.

        The alias `challenger` marks the version that was tried. A model passes if its scores are finite and
        not constant, its long-term vectors have not collapsed, it was not rolled back, and no other system
        was clearly better live on the day, and the day's clicks agree with the model that had not seen them:
        a model of a day whose clicks do not is withheld. The alias never goes to an older day than the
        champion's: that is for `hourfold models rollback`. No hour begins from a model that broke a guard
        rail, if there is another.
        """
        with retried_or_explained(context):
            timings = Timings()
            result = promote(context.partition_key, home, warehouse, tracking.open(), timings)
            progress.spent(timings.seconds)
            return result

    return promotion


def promote(
    day: str, home: HomeResource, warehouse: WarehouseResource, tracking: "Tracking", timings: Timings
) -> dg.MaterializeResult:
    """Judge the day's new models, move the aliases, and record the day's pooled figures."""
    deployment = home.deployment
    states, zone = States(home.paths.models), deployment.service_zone
    with timings.phase("read"), warehouse.open() as opened:
        live = read_live_day(opened, zone, day, deployment.systems)
        rehearsal = _rehearsal(opened, zone, day)
        champion = model_registry.at_alias(tracking, model_registry.CHAMPION)
        served = (champion.tags.get("system"), champion.tags.get("day", "")) if champion else (None, "")
        usual = usual_day(opened, served[0], day)
    with timings.phase("compute"):
        figures = live.figures()
        trained = [s for s in deployment.systems if states.record(states.daily(s, day)) is not None]
        if not trained:
            raise LookupError(f"no model of {day} is finished: materialise `daily_ranker` of {day} first")
        labels = judge_labels(live, served[0], usual)
        candidates = [
            Candidate(
                system,
                _version(tracking, states, system, day),
                figures.get(system, {}).get("auc"),
                (*_faults(states, system, day, rehearsal, deployment.device), *labels.withheld),
            )
            for system in trained
        ]
    with timings.phase("record"):
        decision = not_backwards(decide(candidates, served[0], live.lead), day, served[1])
        version = decision.challenger.version
        record_verdict(tracking, states, day, candidates, decision)
        _note_labels(tracking, candidates, labels)
        if decision.passed and (champion is None or str(champion.version) != version):
            champion_log.move(tracking, states, version, "promotion", decision.reason)
        record_live(warehouse, tracking, states, day, figures)
    faults = {c.system: "; ".join(c.faults) for c in candidates if c.faults}
    faults |= {s: f"no model of {day}: its training failed" for s in deployment.systems if s not in trained}
    faults |= {system: f"live in hour {reason}" for system, reason in live.failed.items()}
    return dg.MaterializeResult(
        metadata={
            "challenger": f"{decision.challenger.system}, version {version}",
            "passed": decision.passed,
            "reason": decision.reason,
            "labels": labels.reason,
            **{f"{c.system}: live auc": c.live_auc for c in candidates if c.live_auc is not None},
            **_page(figures),
            **timings.metadata(),
        },
        check_results=[_verdict(faults), _label_check(labels)],
    )


def record_verdict(
    tracking: "Tracking", states: States, day: str, candidates: Sequence[Candidate], decision: Decision
) -> None:
    """Put the verdict on the versions, and withhold from the hours what broke a guard rail.

    But for a system's only model: hours would have none.
    """
    for candidate in candidates:
        folder = states.daily(candidate.system, day)
        mark = withheld(folder)
        if candidate.live_auc is not None:
            champion_log.note(tracking, candidate.version, {"live_auc": f"{candidate.live_auc:.4f}"})
        if mark is not None and mark.by == "rollback":
            continue
        if candidate.faults and _has_earlier(states, candidate.system, day):
            withhold(folder, "promotion", "; ".join(candidate.faults))
        else:
            release(folder)
    version, why = decision.challenger.version, {"decision": decision.reason, "decided_on": day}
    if decision.tried:
        model_registry.point(tracking, model_registry.CHALLENGER, version, why)
    else:
        champion_log.note(tracking, version, why)


def _has_earlier(states: States, system: str, day: str) -> bool:
    """Whether hours have another model of the system to begin from."""
    try:
        states.newest_base(system, day)
    except NoBaseModel:
        return False
    return True


def _page(figures: Mapping[str, Figures]) -> dict[str, dg.MetadataValue]:
    """The figures of the day live, a row a system; empty where nothing was scored."""
    rows = [dg.TableRecord(row) for row in in_columns(figures)]
    if not rows:
        return {}
    lists = dg.MetadataValue.text(lists_in_words(figures))
    return {"the day live": dg.MetadataValue.table(rows), "lists": lists}


def _verdict(faults: Mapping[str, str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="guard_rails",
        passed=not faults,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{system}: {text}" for system, text in faults.items()) or "all hold",
    )


def _note_labels(tracking: "Tracking", candidates: Sequence[Candidate], labels: LabelVerdict) -> None:
    for candidate in candidates:
        champion_log.note(tracking, candidate.version, {"labels": labels.reason[:LONGEST_TAG]})


def _label_check(labels: LabelVerdict) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="labels",
        passed=not labels.faults,
        severity=dg.AssetCheckSeverity.WARN,
        description=labels.reason,
        metadata={"exposures judged": labels.judged},
    )


def _version(tracking: "Tracking", states: States, system: str, day: str) -> str:
    record = states.finished(states.daily(system, day))
    version = model_registry.version_of(tracking, system, day, record.state_hash)
    if version is None:
        raise LookupError(
            f"{system} of {day} is not in the model registry: materialise `daily_ranker` of {day} again"
        )
    return version


def _rehearsal(opened: "Warehouse", zone: "ServiceZone", day: str) -> "EventLog":
    """The exposures of the day's last loaded hour as though shown in the first hour after it."""
    start_ms = zone.day_start_ms(day)
    last = list(loaded_hours(opened, start_ms, start_ms + DAY_MS, ["exposures"]))[-1:]
    if not last:
        raise LookupError(f"no exposures of {day} are loaded: materialise `exposures` of its hours first")
    log = read_hours(opened, zone, last)[last[0]].log
    end_ms = start_ms + DAY_MS
    shifted = replace(log.exposures, shown_at=log.exposures.shown_at + (end_ms - log.start_ms))
    return replace(log, exposures=shifted, start_ms=end_ms, end_ms=end_ms + HOUR_MS)


def _faults(states: States, system: str, day: str, rehearsal: "EventLog", device: str) -> list[str]:
    """The guard rails that a new daily model breaks."""
    from models.ranking.lsttm.long_term_graph import LongTermState
    from models.ranking.ranker import Ranker

    mark = withheld(states.daily(system, day))
    faults = [f"rolled back: {mark.why}"] if mark is not None and mark.by == "rollback" else []
    ranker = Ranker.load(states.checked(states.daily(system, day)), device=device)
    faults += score_faults(ranker.score(rehearsal))
    if ranker.settings.uses_long_term:
        collapse = LongTermState.load(states.checked(states.long_term(day))).collapse
        if not collapse <= MOST_COLLAPSE:
            faults.append(f"long-term vectors collapsed: mean cosine {collapse:.3f} > {MOST_COLLAPSE}")
    return faults


def score_faults(scores: "np.ndarray") -> list[str]:
    """What is wrong with scores float64 [E]; an empty list if nothing is."""
    import numpy as np

    if not np.isfinite(scores).all():
        return [f"{int((~np.isfinite(scores)).sum())} of {len(scores)} scores are not finite"]
    if len(scores) > 1 and float(scores.std()) < LEAST_SPREAD:
        return [f"scores are constant: standard deviation {float(scores.std()):.2g} < {LEAST_SPREAD:g}"]
    return []
