"""Which brand a list of customers is of, and the list of a brand that is in motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assets.common.faults import BadRequest

if TYPE_CHECKING:
    import numpy as np

    from assets.profiling.audience.requests import AudienceSettings
    from models.profiling.brands import FirstPurchases
    from models.profiling.data import ProfileData

FEWEST_OF_BRAND = 10  #: customers, for a list to be taken for a brand's that the request does not name
#: of what two random lists would not share, what a list must share with the brand's customers
LEAST_ABOVE_CHANCE = 0.5


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
    names = data.purchases.brand_names
    if settings.brand is None:
        brand = _recognised(first, customers, data)
        return None if brand is None else names[brand]
    if settings.brand not in names:
        raise BadRequest(
            f"brand {settings.brand!r} is not in the log before {settings.as_of}; there are {len(names)}, "
            f"such as {', '.join(names[:5]) or 'none'}"
        )
    return settings.brand


def unlisted(first: FirstPurchases, brand: str, customers: np.ndarray, data: ProfileData) -> int:
    """Customers of a brand before the as-of date who are not in the list: they are ranked with the others."""
    brand_index = data.purchases.brand_names.index(brand)
    listed = first.customers_among(customers, data.as_of_day)[brand_index]
    return int(first.customer_counts(data.as_of_day)[brand_index] - listed)


def _recognised(first: FirstPurchases, customers: np.ndarray, data: ProfileData) -> int | None:
    """The brand whose customers these are, position in the log's brands; None where it may be chance.

    A few users are by chance all that some small brand has, and two lists of nearly everybody share most of
    their users whatever they are of: what is shared is held against what two random lists would share.
    """
    from models.profiling.data import MISSING
    from models.profiling.lift import brand_of

    brand = brand_of(first, customers, data.as_of_day) if len(customers) >= FEWEST_OF_BRAND else MISSING
    if brand == MISSING:
        return None
    size, listed = int(first.customer_counts(data.as_of_day)[brand]), len(customers)
    shared, by_chance = first.customers_among(customers, data.as_of_day)[brand], size * listed / len(data)
    match, chance = (common / max(size + listed - common, 1) for common in (shared, by_chance))
    return brand if match - chance >= LEAST_ABOVE_CHANCE * (1 - chance) else None


def busiest_brand(data: ProfileData, horizon: int, least: int, most: int) -> tuple[str, np.ndarray]:
    """A brand that many discover, and its customers' ids: most newcomers in a former horizon.

    The horizon that ends at the as-of date is left out: it is the one on which the expected lift and the
    number of newcomers are measured, and the largest of many figures is no fair estimate of the next one.
    Only brands with `least` to `most` customers before it are looked at. Raises LookupError where there is
    none.
    """
    import numpy as np

    from models.profiling.brands import FirstPurchases

    first = FirstPurchases.of(data.purchases, len(data))
    start = data.as_of_day - horizon
    had = first.customer_counts(start)
    came = np.where((had >= least) & (had <= most), first.newcomer_counts(start - horizon, start), 0)
    if not came.any():
        raise LookupError(
            f"no brand has {least} to {most} customers, and newcomers in the {horizon} days before local day "
            f"{start}"
        )
    brand = int(came.argmax())
    users, day = first.pairs(brand)
    return data.purchases.brand_names[brand], data.user_ids[users[day < data.as_of_day]]
