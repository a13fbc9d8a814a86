"""Pairs of fields, written out."""

from __future__ import annotations

from itertools import combinations

import torch

from models.layers.fm import bi_interaction, pairwise


def test_both_forms_sum_over_all_pairs() -> None:
    x = torch.randn(2, 3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    products = [x[..., f, :] * x[..., g, :] for f, g in combinations(range(5), 2)]
    torch.testing.assert_close(bi_interaction(x), torch.stack(products).sum(0))
    torch.testing.assert_close(pairwise(x), torch.stack(products).sum(0).sum(-1))
