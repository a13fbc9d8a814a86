"""Counting customers of brands without a table of every brand and user: most brands have hardly any."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.profiling.data import MISSING, PurchaseLog
from models.profiling.purchases import first_of_pairs


def customers_by_brand(purchases: PurchaseLog) -> np.ndarray:
    """How many users bought each brand, int64 [B]; cancelled purchases make no customer."""
    brands = len(purchases.brand_names)
    count = np.zeros(brands, dtype=np.int64)
    users = int(purchases.user.max()) + 1 if len(purchases) else 0
    for _, _, block in purchases.by_users(users):
        valid = ~block.cancelled & (block.brand != MISSING)
        user, brand = block.user[valid], block.brand[valid]
        order, first = first_of_pairs(user, brand)
        count += np.bincount(brand[order[first]], minlength=brands)
    return count


def only_brands(purchases: PurchaseLog, brands: np.ndarray) -> PurchaseLog:
    """The same purchases with `brands` (int64 [N] positions) numbered 0 … N−1 and all others unknown."""
    position = np.full(len(purchases.brand_names) + 1, MISSING, np.int32)  # MISSING reaches the last
    position[brands] = np.arange(len(brands))
    names = tuple(purchases.brand_names[brand] for brand in brands)
    return replace(purchases, brand=position[purchases.brand], brand_names=names)
