"""The protocol applied to a source: which purchases, targets and users an evaluation works on."""

from __future__ import annotations

import numpy as np

from assets.experiments.profilers import protocol
from assets.experiments.profilers.evaluation import Evaluation, PurchaseSource
from assets.experiments.profilers.protocol import Dates
from assets.experiments.profilers.settings import ProfileEvalSettings
from assets.experiments.profilers.target_choice import ChosenTargets, chosen_targets
from models.profiling.brand_counts import only_brands
from models.profiling.brands import FirstPurchases
from models.profiling.data import MISSING, Labels, ProfileData


def evaluation_of(shop: PurchaseSource, settings: ProfileEvalSettings) -> Evaluation:
    """Apply the protocol to a source.

    Raises:
        ValueError: the log has no brands, or is too short for the dates asked for.
    """
    log = shop.purchases
    if not len(log):
        raise ValueError(f"{shop.source} has no purchases: a profile evaluation needs the table `purchases`")
    first_day, end_day = int(log.day[0]), int(log.day[-1]) + 1
    as_of = None if settings.as_of is None else local_day(settings.as_of)
    dates, other = protocol.dates_of(
        first_day,
        end_day,
        as_of_day=as_of,
        horizon=settings.horizon,
        development=settings.development,
    )
    chosen = chosen_targets(log, dates, other, settings)
    data = shop.before(dates.as_of_day)
    first = _first_purchases(shop, data, chosen.brands, dates.end_day)
    known = np.zeros(len(data), dtype=bool)
    known[data.purchases.user[~data.purchases.cancelled]] = True
    names = {name: brand for brand, name in enumerate(data.purchases.brand_names)}
    no_teachers = [log.brand_names[brand] for brand in chosen.no_teachers]
    return Evaluation(
        data=data,
        dates=dates,
        targets=np.array([names[log.brand_names[b]] for b in chosen.brands]),
        excluded=np.array(sorted(names[name] for name in no_teachers if name in names), dtype=np.int64),
        members=first.customers(dates.as_of_day),
        newcomers=first.newcomers(dates.as_of_day, dates.end_day),
        folds=tuple(protocol.test_folds(data.user_ids, known, settings.development)),
        known=known,
        remarks=_remarks(settings, dates, chosen),
        chosen=chosen.how,
        earlier=_earlier_labels(shop, data, known, settings) if settings.table == "modalities" else None,
    )


def _earlier_labels(
    shop: PurchaseSource, data: ProfileData, known: np.ndarray, settings: ProfileEvalSettings
) -> Labels | None:
    """The labels as they were when source brands begin to teach: of an observation only the last is kept."""
    from assets.experiments.profilers.networks import ours
    from models.profiling.teaching import TeachingWindow

    start = TeachingWindow.of(ours(settings.size), data, known, 0).start_day
    then = shop.before(start)
    return None if then.labels is None else then.labels.take(then.positions(data.user_ids))


def local_day(date: str) -> int:
    """`YYYY-MM-DD` as days since 1970-01-01.

    Raises:
        ValueError: it is no date.
    """
    try:
        return int(np.datetime64(date, "D").astype(np.int64))
    except ValueError as error:
        raise ValueError(f"--as-of {date!r} is no date: write YYYY-MM-DD") from error


def _first_purchases(
    shop: PurchaseSource, data: ProfileData, brands: np.ndarray, end_day: int
) -> FirstPurchases:
    """First purchases of target brands by users who were known before D, at their positions in `data`."""
    log = only_brands(shop.purchases.before(end_day), brands)
    position = data.positions(shop.user_ids.tolist())
    return FirstPurchases.of(log.rows(log.brand != MISSING).renumbered(position), len(data))


def _remarks(settings: ProfileEvalSettings, dates: Dates, chosen: ChosenTargets) -> tuple[str, ...]:
    short = dates.horizon < protocol.HORIZON and settings.horizon is None
    remark = f"the log is short: newcomers are counted for {dates.horizon} days, not {protocol.HORIZON}"
    return (*[remark] * short, *chosen.remarks)
