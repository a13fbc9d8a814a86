"""The ablations of Table 4 and the literal form: what each computes, against the equations written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.layers.embedding import gather
from models.ranking.features.event_log import HOUR_MS, EventDays, EventLog
from models.ranking.lsttm.model import LSTTM
from models.ranking.lsttm.raw_behaviours import RawBehaviours
from models.ranking.ranker import Ranker
from models.ranking.systems.behaviours import BehaviourIndex, BehaviourSettings
from tests.models.ranking.lsttm.logs import Rows, random_log
from tests.models.ranking.toy import START, TRAIN_HOURS, toy_log, train


@pytest.fixture(scope="module")
def log() -> EventLog:
    return toy_log()


def scored(name: str, log: EventLog) -> tuple[Ranker, LSTTM, torch.Tensor, object]:
    """A trained ranker, its module, and rows and batch of some of the day's first exposures."""
    ranker = train(name, log)
    hour = log.between(START + TRAIN_HOURS * HOUR_MS, START + (TRAIN_HOURS + 1) * HOUR_MS)
    batch = ranker.instances(hour.exposures, hour).batch(np.arange(20)[None])
    module = ranker.learner.module
    assert isinstance(module, LSTTM)
    return ranker, module, ranker.learner.table.gather(batch.unique), batch


def ranked(module: LSTTM, rows: torch.Tensor, batch, users: list[torch.Tensor]) -> torch.Tensor:
    """Eq. 6 on the user's vectors, the target and the kept fields, written out."""
    fields = gather(rows, batch.fields)
    item, kept = fields[..., module.columns.item, :], fields[..., module.columns.context, :]
    target = item[..., :-1]
    if module.target is not None:
        target = target + module.target(fields[..., module.columns.item_fields, :-1].flatten(-2))
    vectors = [*users, target, *kept[..., :-1].unbind(-2)]
    pairs = sum((a * b).sum(-1) for i, a in enumerate(vectors) for b in vectors[:i])
    first = item[..., -1] + kept[..., -1].sum(-1)
    return first + pairs + module.ranker.mlp(torch.cat(vectors, dim=-1)).squeeze(-1)


def test_without_external_the_user_is_the_short_term_alone(log):
    ranker, module, rows, batch = scored("lsttm_no_external", log)
    assert batch.long_term is None
    names = [spec.name for spec in ranker.features.layout.specs]
    assert any("count_user" in name for name in names)
    assert not any("external" in name for name in names)
    with torch.no_grad():
        short, _ = module.short_term(rows, batch.graph)
        torch.testing.assert_close(module(rows, batch), ranked(module, rows, batch, [short]))
        assert set(module.details(rows, batch)) == {"logits"}


def test_external_clicks_move_no_score_without_external(log):
    others = log.external.__class__(
        log.external.user[::-1], log.external.item, log.external.domain, log.external.occurred_at,
        log.external.received_at,
    )  # fmt: skip
    changed = EventLog(log.exposures, others, log.users, log.items, log.start_ms, log.end_ms)
    hour = log.between(START + TRAIN_HOURS * HOUR_MS, START + (TRAIN_HOURS + 1) * HOUR_MS)
    one, other = (train("lsttm_no_external", each).score(hour) for each in (log, changed))
    np.testing.assert_array_equal(one, other)
    one, other = (train("lsttm_no_gat", each).score(hour) for each in (log, changed))
    assert (one != other).any()


def test_concatenation_hands_both_vectors_to_the_ranker(log):
    _, module, rows, batch = scored("lsttm_concat", log)
    assert module.gate is None
    with torch.no_grad():
        short, _ = module.short_term(rows, batch.graph)
        expected = ranked(module, rows, batch, [short, batch.long_term])
        torch.testing.assert_close(module(rows, batch), expected)


def test_without_gat_the_gate_weighs_the_two_means(log):
    _, module, rows, batch = scored("lsttm_no_gat", log)
    assert batch.long_term is None
    with torch.no_grad():
        vectors, known = module.short_term(rows, batch.graph)
        item = gather(rows, batch.fields[..., module.columns.item])[..., :-1]
        described = gather(rows, batch.fields[..., module.columns.item_fields])[..., :-1]
        target = item + module.target(described.flatten(-2))
        user, weights = module.gate(vectors[..., 0, :], vectors[..., 1, :], target, known)
        torch.testing.assert_close(module(rows, batch), ranked(module, rows, batch, [user]))
        torch.testing.assert_close(module.details(rows, batch)["gate_short"], weights[..., 0])


def test_raw_behaviours_are_means_over_the_latest_clicks():
    """Against a loop over users and events; also after hours were appended, and with fewer than K clicks."""
    log = random_log(seed=3, exposures=200, external=90, hours=8)
    view, k, cut = Rows(), 4, 5 * HOUR_MS
    lists = BehaviourSettings(internal=k, external=k)
    index = BehaviourIndex.of(lists, view, EventDays.of(log.between(0, 3 * HOUR_MS)), fields=True)
    for h in range(3, 8):
        index.append(log.between(h * HOUR_MS, (h + 1) * HOUR_MS))
    generator = torch.Generator().manual_seed(0)
    users = np.arange(12)[None].repeat(2, 0)
    cutoff = np.array([[cut], [8 * HOUR_MS]]).repeat(12, 1)
    sample = index.sample(users, np.zeros_like(users), cutoff)
    table = torch.randn(view.table, 9, generator=generator)
    batch = sample.build(sample.row_ids)  # positions are table rows themselves
    module = RawBehaviours(_Layout(), 8, generator)
    vectors, known = module(table, batch)
    e, x = log.exposures, log.external
    late = np.lexsort((x.occurred_at, x.received_at))
    events = [
        [(u, i, t) for u, i, t, c in zip(e.user, e.item, e.shown_at, e.clicked, strict=True) if c],
        [(x.user[j], x.item[j], x.received_at[j]) for j in late],
    ]
    seen = 0
    for task, limit in enumerate((cut, 8 * HOUR_MS)):
        for user in range(12):
            for side in range(2):
                items = np.array([i for u, i, t in events[side] if u == user and t < limit][-k:], np.int64)
                assert bool(known[task, user, side]) == bool(len(items))
                expected = torch.zeros(8)
                if len(items):
                    fields = table[torch.from_numpy(view.item_field_rows(items)), :-1].flatten(1)
                    nodes = table[torch.from_numpy(view.item_rows(items)), :-1]
                    expected = (nodes + module.projections[side](fields)).mean(0)
                    seen += len(items) < k
                torch.testing.assert_close(vectors[task, user, side], expected)
    assert seen


class _Layout:
    def columns(self, *_: str) -> list[int]:
        return [0, 1]


def test_the_literal_form_has_none_of_the_repairs(log):
    ranker, module, rows, batch = scored("lsttm_printed", log)
    settings = ranker.settings
    assert (settings.meta.order, settings.adaptation.online) == (2, "sgd")
    assert (module.target, module.gate.missing) == (None, None)
    names = [ranker.features.layout.specs[c].name for c in module.columns.context]
    assert names == ["context0", "hour_of_day", "weekday"]
    with torch.no_grad():
        short, _ = module.short_term(rows, batch.graph)
        item = gather(rows, batch.fields[..., module.columns.item])[..., :-1]
        long = batch.long_term
        weights = torch.softmax(
            torch.cat(
                [
                    torch.cat([short, item], -1) @ module.gate.short_weight,
                    torch.cat([long, item], -1) @ module.gate.long_weight,
                ],
                -1,
            ),
            -1,
        )
        user = weights[..., :1] * short + weights[..., 1:] * long
        torch.testing.assert_close(module(rows, batch), ranked(module, rows, batch, [user]))
