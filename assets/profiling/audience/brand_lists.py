"""Which brand a list of customers is of, and the list of a brand that is in motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.common.faults import BadRequest

if TYPE_CHECKING:
    import numpy as np

    from assets.profiling.audience.requests import AudienceSettings
    from models.profiling.brands import FirstPurchases
    from models.profiling.data import ProfileData


def brand_asked(
    settings: AudienceSettings, first: FirstPurchases, customers: np.ndarray, data: ProfileData
) -> str | None:
    """The brand that the request names, or whose customers the list holds; None where it is no brand's.

    Args:
        settings: the request.
        first: first purchases before the as-of date.
        customers: int64 [K] positions in `data`.
        data: all known before the as-of date.

    Raises:
        BadRequest: the brand that the request names is not in the log.
    """
    from models.profiling.data import MISSING
    from models.profiling.lift import brand_of

    names = data.purchases.brand_names
    if settings.brand is None:
        brand = brand_of(first, customers, data.as_of_day)
        return None if brand == MISSING else names[brand]
    if settings.brand not in names:
        raise BadRequest(
            f"brand {settings.brand!r} is not in the log before {settings.as_of}; there are {len(names)}, "
            f"such as {', '.join(names[:5]) or 'none'}"
        )
    return settings.brand


def busiest_brand(data: ProfileData, horizon: int, least: int, most: int) -> tuple[str, np.ndarray]:
    """The brand with the most newcomers in the horizon before the as-of date, and its customers' ids.

    Only brands with `least` to `most` customers before that horizon are looked at. Raises LookupError where
    there is none.
    """
    import numpy as np

    from models.profiling.brands import FirstPurchases

    first = FirstPurchases.of(data.purchases, len(data))
    start = data.as_of_day - horizon
    had = first.customers(start).sum(axis=1)
    came = np.where((had >= least) & (had <= most), first.newcomers(start, data.as_of_day).sum(axis=1), 0)
    if not came.any():
        raise LookupError(f"no brand has {least} to {most} customers and newcomers in {horizon} days")
    brand = int(came.argmax())
    return data.purchases.brand_names[brand], data.user_ids[first.customers(data.as_of_day)[brand]]
