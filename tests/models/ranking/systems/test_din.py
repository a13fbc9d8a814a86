"""DIN systems: what their encoders are given, behaviour by behaviour, from the log itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.ranking.lsttm.typed_events import CLICK, ENGAGED, EXTERNAL, MINUTE_MS, SKIP
from models.ranking.ranker import Ranker
from models.ranking.registry import SYSTEMS
from models.ranking.systems.din import item_columns
from tests.models.ranking.toy import TRAIN_HOURS, hour_of, toy_log, train

LOG = toy_log()
HOUR = hour_of(LOG, TRAIN_HOURS)
K = 5  # of the tiny configurations


def pooled(ranker: Ranker) -> torch.Tensor:
    """The encoders' vectors [B, P, 16] of the hour's first instances."""
    index = np.arange(40)[None]
    batch = ranker.instances(HOUR.exposures, HOUR).batch(index)
    rows = ranker.learner.table.gather(batch.unique)
    return ranker.learner.module.pooled(rows, batch)[0]


def vectors(ranker: Ranker, items: list[int]) -> torch.Tensor:
    """Keys [n, (1 + F) · 16] of items by the table itself."""
    learner, ids = ranker.learner, np.array(items, np.int64)
    rows = np.concatenate(
        [
            learner.vocabulary.item_rows(ids)[:, None],
            learner.vocabulary.item_field_rows(ids, ranker.features.items),
        ],
        axis=1,
    )
    return learner.table.gather(torch.from_numpy(rows.ravel()))[:, :-1].reshape(len(ids), -1)


def target(ranker: Ranker, position: int) -> torch.Tensor:
    codes = ranker.features.codes(HOUR.exposures, HOUR.users, HOUR.items).matrix()[[position]]
    rows = ranker.learner.vocabulary.rows(codes)[0, item_columns(ranker.features.layout)]
    return ranker.learner.table.gather(torch.from_numpy(rows))[:, :-1].flatten()


def attended(
    encoder: torch.nn.Module, keys: torch.Tensor, wanted: torch.Tensor, edges: torch.Tensor | None = None
) -> torch.Tensor:
    """The vector of one list, all its places filled; edges [n, D] as it says."""
    if not len(keys):
        return torch.zeros(encoder.width)
    places = torch.arange(len(keys)).view(1, 1, -1)
    mask = torch.ones_like(places, dtype=torch.bool)
    coded = None if edges is None else (edges[None], places)
    return encoder(keys[None], wanted.view(1, 1, -1), places, mask, coded)[0, 0]


def clicks(user: int) -> list[tuple[int, int, int]]:
    """Item, type and time of what a user met before the hour, oldest first."""
    e = LOG.exposures
    kinds = np.where(~e.clicked, SKIP, np.where(np.nan_to_num(e.dwell_seconds) >= 18, ENGAGED, CLICK))
    mine = np.flatnonzero((e.user == user) & (e.shown_at < HOUR.start_ms))
    return [(int(e.item[i]), int(kinds[i]), int(e.shown_at[i])) for i in mine]


def external(user: int) -> list[tuple[int, int, int]]:
    x = LOG.external
    mine = np.flatnonzero((x.user == user) & (x.received_at < HOUR.start_ms))
    mine = mine[np.lexsort((x.occurred_at[mine], x.received_at[mine]))]
    return [(int(x.item[j]), EXTERNAL, int(x.occurred_at[j])) for j in mine][-K:]


@pytest.mark.parametrize("system", ["din_deepfm_external", "din_typed"])
def test_encoders_read_the_log_as_at_the_hour(system: str) -> None:
    ranker = train(system, LOG)
    module, seen = ranker.learner.module, pooled(ranker)
    lengths = set()
    for b, user in enumerate(HOUR.exposures.user[:40].tolist()):
        wanted = target(ranker, b)
        if system == "din_deepfm_external":
            internal = [event[0] for event in clicks(user) if event[1] != SKIP][-K:]
            lists = [internal, [event[0] for event in external(user)]]
            lengths |= {len(items) for items in lists}
            expected = [
                attended(encoder, vectors(ranker, items), wanted)
                for encoder, items in zip(module.encoders, lists, strict=True)
            ]
        else:
            events = sorted([*external(user), *clicks(user)[-K:]], key=lambda event: event[2])[-K:]
            encoder = module.encoder
            ages = [int(np.log2((HOUR.start_ms - event[2]) // MINUTE_MS + 1)) for event in events]
            keys = vectors(ranker, [event[0] for event in events])
            edges = encoder.type_embedding[[event[1] for event in events]] + encoder.age_embedding[ages]
            lengths.add(len(events))
            expected = [attended(encoder.din, keys, wanted, edges)]
        torch.testing.assert_close(seen[b].flatten(), torch.cat(expected), atol=1e-6, rtol=1e-4)
    assert K in lengths and seen.abs().max() > 1e-3


def test_long_term_vectors_are_one_more_field_of_typed_din() -> None:
    tiny = SYSTEMS["din_typed"].tiny
    assert not tiny.uses_long_term
    ranker = train("din_typed", LOG, settings=tiny.model_copy(update={"long_term": True}))
    seen = pooled(ranker)
    vectors = torch.from_numpy(ranker.user_vectors[HOUR.exposures.user[:40]])
    torch.testing.assert_close(seen[:, -1], vectors)
    assert seen.shape[1] == 1 + ranker.learner.module.encoder.width // 16
    before = ranker.score(HOUR)
    ranker.user_vectors = ranker.user_vectors + 1
    assert (ranker.score(HOUR) != before).all()
