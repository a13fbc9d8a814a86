"""Counting customers of brands without a table of every brand and user: most brands have hardly any."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.profiling.data import MISSING, PurchaseLog


def customers_by_brand(purchases: PurchaseLog) -> np.ndarray:
    """How many users bought each brand, int64 [B]; cancelled purchases make no customer."""
    valid = ~purchases.cancelled & (purchases.brand != MISSING)
    brands = len(purchases.brand_names)
    pairs = np.unique(purchases.user[valid] * max(brands, 1) + purchases.brand[valid])
    return np.bincount(pairs % max(brands, 1), minlength=brands)


def only_brands(purchases: PurchaseLog, brands: np.ndarray) -> PurchaseLog:
    """The same purchases with `brands` (int64 [N] positions) numbered 0 … N−1 and all others unknown."""
    position = np.full(len(purchases.brand_names) + 1, MISSING)  # the last is reached by MISSING
    position[brands] = np.arange(len(brands))
    names = tuple(purchases.brand_names[brand] for brand in brands)
    return replace(purchases, brand=position[purchases.brand], brand_names=names)
