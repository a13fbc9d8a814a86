"""Similarity heads: pairs by hand, and the mean over a support however it is computed."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from models.profiling.relation import FEW, CosineRelation, FullyConnected, Prototype, Relation, make_relation
from models.profiling.settings import RelationSettings

WIDTH = 5
KINDS = ("relation", "cosine", "prototype")


def head(kind: str, seed: int = 0) -> Relation:
    torch.manual_seed(seed)
    relation = make_relation(RelationSettings(kind=kind, hidden=6), WIDTH)
    for p in relation.parameters():
        torch.nn.init.normal_(p)
    return relation


def test_relation_is_a_network_on_the_joined_pair() -> None:
    relation = head("relation")
    assert isinstance(relation, FullyConnected)
    users, support = torch.randn(4, WIDTH), torch.randn(3, WIDTH)
    logits = relation(users, support)
    for i, user in enumerate(users):
        for j, member in enumerate(support):
            hidden = torch.relu(relation.first(torch.cat([user, member])))
            torch.testing.assert_close(logits[i, j], relation.logit(hidden)[0])


def test_cosine_and_prototype_by_hand() -> None:
    users, support = torch.randn(4, WIDTH), torch.randn(3, WIDTH)
    cosine, prototype = head("cosine"), head("prototype")
    assert isinstance(cosine, CosineRelation) and isinstance(prototype, Prototype)
    similarity = F.cosine_similarity(users[:, None], support[None], dim=2)
    torch.testing.assert_close(cosine(users, support), cosine.scale * similarity + cosine.offset)
    square = (users - support.mean(0)).square().mean(1)
    torch.testing.assert_close(prototype.mean(users, support), prototype.offset - prototype.scale * square)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999), members=st.integers(1, 20 * FEW), copies=st.sampled_from((1, 2, 12)))
def test_mean_over_a_large_support_is_exact(seed: int, members: int, copies: int) -> None:
    relation = head("relation", seed)
    users, support = torch.randn(7, WIDTH), torch.randn(members, WIDTH).repeat(copies, 1)
    with torch.no_grad():
        expected = relation(users, support).mean(1)
    torch.testing.assert_close(relation.mean(users, support), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_ways_ignore_what_is_masked_and_the_order_of_members(kind: str) -> None:
    relation = head(kind)
    users, support = torch.randn(4, WIDTH), torch.randn(2, 3, WIDTH)
    mask = torch.tensor([[True, True, True], [True, True, False]])
    logits = relation.ways(users, support, mask)
    changed = support.clone()
    changed[1, 2] = 100.0
    torch.testing.assert_close(relation.ways(users, changed, mask), logits)
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(relation.ways(users, support[:1, order], mask[:1]), logits[:, :1])
    torch.testing.assert_close(relation.mean(users, support[0]), logits[:, 0])
    torch.testing.assert_close(relation.mean(users, support[1, :2]), logits[:, 1])
