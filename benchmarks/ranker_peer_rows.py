"""The rows of ranker_peers.py: one span to train on, two later ones, in our form and in the peers'."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.ranker_peer_models import Columns
from benchmarks.simulated_log import ITEM_FIELDS, USER_FIELDS, simulated_log
from models.ranking.features.event_log import HOUR_MS, EventLog
from models.ranking.features.features import Features, FeatureSettings
from models.ranking.features.instances import Instances
from models.ranking.features.neighbours import RowView
from models.ranking.features.vocabulary import Vocabulary
from models.ranking.instances.maker import InstanceMaker
from models.ranking.instances.newcomers import Hiding, vocabulary_of
from models.ranking.instances.rows import InstanceRows
from models.ranking.instances.spans import spans_of
from models.ranking.instances.stream import joined
from models.ranking.instances.window import TrainingWindow
from models.ranking.systems.behaviours import INTERNAL, BehaviourIndex, BehaviourSettings
from models.ranking.systems.din import item_columns

BEHAVIOURS = 30  #: latest clicks of a user, for DIN


@dataclass(frozen=True)
class Span:
    """The same instances in both forms; ours carries the click lists, for systems that read them."""

    instances: Instances
    columns: Columns


@dataclass(frozen=True)
class World:
    """What is trained on, what learning rates are chosen on, and what is reported: later and later."""

    features: Features
    vocabulary: Vocabulary
    train: Span
    choose: Span
    report: Span


def simulated() -> tuple[EventLog, int, int]:
    """A simulated log of four days with a planted taste, and when its last two half days begin."""
    users, items = 20_000, 3_000
    log = simulated_log(users=users, items=items, hours=96, exposures_per_hour=1000, seed=0)
    e, rng = log.exposures, np.random.default_rng(3)
    logit = 0.7 * rng.normal(size=users)[e.user] + 0.7 * rng.normal(size=items)[e.item] - 1.3
    for of_user, of_item in ((0, 0), (2, 2)):  # age band × topic, region × provider
        taste = rng.normal(size=(USER_FIELDS[of_user], ITEM_FIELDS[of_item]))
        logit += 0.5 * taste[log.users.fields[e.user, of_user], log.items.fields[e.item, of_item]]
    clicked = rng.random(len(e)) < 1 / (1 + np.exp(-logit))
    half_day = 12 * HOUR_MS
    log = replace(log, exposures=replace(e, clicked=clicked))
    return log, log.end_ms - 2 * half_day, log.end_ms - half_day


def kuairand(folder: Path) -> tuple[EventLog, int, int]:
    """KuaiRand until the end of 3 May 2022, and when 2 and 3 May begin: both are validation days."""
    from assets.experiments.comparison.prepare import prepare
    from assets.experiments.comparison.settings import CompareSettings
    from assets.ranking.reading import read_log
    from warehouse.landing.service_time import ServiceZone
    from warehouse.store.warehouse import Warehouse

    days = ("2022-05-02", "2022-05-03", "2022-05-04")
    logs = prepare(CompareSettings(source="kuairand", systems=("deepfm",), days=days[:2]), folder)
    zone = ServiceZone(logs.zone)
    first, choose, report, end = (zone.day_start_ms(day) for day in (logs.first_day, *days))
    with Warehouse(logs.warehouse, read_only=True) as warehouse:
        return read_log(warehouse, zone, first, end), choose, report


def world(log: EventLog, choose_ms: int, report_ms: int, most: int) -> World:
    """The latest `most` instances before `choose_ms` to train on, and the two spans after it."""
    window = TrainingWindow.of(log, FeatureSettings())
    rows = joined([part for day in window.days for part in day.read()])
    choose, report = np.searchsorted(rows.shown_at, [choose_ms, report_ms]).tolist()
    past = rows.part(slice(max(0, choose - most), choose))
    named = spans_of(past.codes, (past.shown_at + log.zone_offset_ms) // HOUR_MS)
    spans = {c: named[spec.name] for c, spec in enumerate(window.layout.specs) if spec.name in named}
    features, vocabulary = window.features, vocabulary_of(window.layout, spans, "day")
    view = RowView(vocabulary, features.users, features.items)
    index = BehaviourIndex.of(BehaviourSettings(internal=BEHAVIOURS), view, window.events, fields=True)

    def span(part: InstanceRows, hiding: Hiding | None = None) -> Span:
        maker = InstanceMaker(vocabulary, log.zone_offset_ms, index, hiding=hiding)
        instances = maker.make([part], len(part))
        return Span(instances, _columns(instances, vocabulary, index))

    parts = (rows.part(slice(choose, report)), rows.part(slice(report, len(rows))))
    train = span(past, Hiding(window.layout, spans, "day"))
    return World(features, vocabulary, train, *map(span, parts))


def _columns(n: Instances, vocabulary: Vocabulary, index: BehaviourIndex) -> Columns:
    layout = vocabulary.layout
    first_rows = np.array([vocabulary.oov_row(c) for c in range(len(layout))])
    listed = item_columns(layout)
    clicks = index.adjacencies[INTERNAL]
    found = clicks.neighbours(
        torch.from_numpy(n.user.astype(np.int64)), torch.from_numpy(n.cutoffs()), BEHAVIOURS
    )
    items = clicks.gather("item", found).numpy()
    rows = np.concatenate(
        [index.view.item_rows(items)[..., None], index.view.item_field_rows(items)], axis=-1
    )
    lists = np.where(found.mask.numpy()[..., None], rows - first_rows[listed] + 1, 0)
    return Columns(
        names=tuple(spec.name for spec in layout.specs),
        sizes=tuple(int(size) + 1 for size in np.diff(np.append(first_rows, vocabulary.size))),
        listed=tuple(listed),
        fields=(n.rows[:] - first_rows + 1).astype(np.int32),
        lists=lists.astype(np.int32),
        labels=n.labels,
    )
