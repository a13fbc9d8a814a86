"""Points of the shop's programme: earned with every basket, granted for a while in campaigns, used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.shop.baskets import Baskets
from simulator.shop.choice import ShopItems
from simulator.shop.customers import Customers
from simulator.shop.draws import Draw, branch, root, uniform
from simulator.shop.settings import ShopSettings
from warehouse.landing.service_time import DAY_MS, HOUR_MS

KINDS = ("standard", "limited", "used")
_STANDARD, _LIMITED, _USED = range(3)
_GRANTS = np.array([200, 500, 1000])
_OF_BASKET = 1000  # the child of a basket's draws that is for points; its items have lower ones


@dataclass(frozen=True)
class Points:
    """Movements of points of a block of accounts, in order of time, then of account.

    The amount of `standard` and `limited` is the balance after the movement, that of `used` what was used.
    """

    user: np.ndarray  #: int64 [p], index of the account
    at_ms: np.ndarray  #: int64 [p], since the start of the shop's first day
    kind: np.ndarray  #: int64 [p], position in KINDS
    amount: np.ndarray  #: int64 [p], points

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Campaigns:
    """Limited-term points that were granted to a block of accounts, in order of account, then of time."""

    row: np.ndarray  #: int64 [c], position of the account in the block
    day: np.ndarray  #: int64 [c], of the grant
    used: np.ndarray  #: bool [c], whether a basket used them before they expired


def draw_points(
    seed: int, shop: ShopSettings, people: Customers, baskets: Baskets, items: ShopItems, days: int
) -> tuple[Points, Campaigns]:
    """All movements of points of a block of accounts over `days`, and its campaigns."""
    accounts = branch(root(seed, Draw.POINTS), people.start + np.arange(len(people)))
    member = uniform(branch(accounts, 0)) < shop.points_share
    eager = uniform(branch(accounts, 1)) * 2  # how readily an account uses points, mean 1
    of_members = np.flatnonzero(member[baskets.row])
    at, row = baskets.at_ms[of_members], baskets.row[of_members]
    drawn = uniform(branch(baskets.draws[of_members], _OF_BASKET))
    spent = np.bincount(items.basket, weights=items.cents, minlength=len(baskets))[of_members]
    earned = (spent * shop.points_rate / 100).astype(np.int64)
    balance, used = _standard(row, earned, drawn < shop.points_used * eager[row])
    campaigns, amount, begins, ends, basket = _limited(
        shop, people, np.flatnonzero(member), accounts, eager, (row, at), days
    )
    np.add.at(used, basket[campaigns.used], amount[campaigns.used])
    spender = used > 0
    parts = (
        (row, at, _STANDARD, balance),
        (row[spender], at[spender], _USED, used[spender]),
        (campaigns.row, begins, _LIMITED, amount),
        (campaigns.row, ends, _LIMITED, np.zeros_like(ends)),
    )
    rows = np.concatenate([part[0] for part in parts])
    at_ms = np.concatenate([part[1] for part in parts])
    kind = np.concatenate([np.full(len(part[0]), part[2]) for part in parts])
    amounts = np.concatenate([part[3] for part in parts])
    order = np.lexsort((kind, rows, at_ms))
    order = order[at_ms[order] < days * DAY_MS]
    return Points(people.start + rows[order], at_ms[order], kind[order], amounts[order]), campaigns


def _standard(row: np.ndarray, earned: np.ndarray, uses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Balance after every basket and what it used, int64 [b] each: a basket uses all points or none."""
    total = np.cumsum(earned) - earned  # earned before this basket, by anybody
    starts = np.r_[True, row[1:] != row[:-1]] if len(row) else np.zeros(0, bool)
    # Points count from the account's first basket, or from the last one that used all before it.
    since = np.maximum.accumulate(np.where(starts | uses, np.arange(len(row)), 0))
    before = np.r_[0, since[:-1]] if len(row) else since
    used = np.where(uses & ~starts, total - total[before], 0)
    return total + earned - total[since], used


def _limited(
    shop: ShopSettings,
    people: Customers,
    members: np.ndarray,
    accounts: np.ndarray,
    eager: np.ndarray,
    baskets: tuple[np.ndarray, np.ndarray],
    days: int,
) -> tuple[Campaigns, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Campaigns, their amounts, instants of grant and end, and the basket that may use them, [c] each."""
    starts = np.arange(0, days, shop.campaign_days)
    draws = branch(branch(accounts[members], 2)[:, None], np.arange(len(starts)))
    active = (people.joined[members, None] <= starts) & (starts < people.departed[members, None])
    granted = np.nonzero(active & (uniform(branch(draws, 0)) < shop.campaign_share))
    draws, row, day = draws[granted], members[granted[0]], starts[granted[1]]
    begins = day * DAY_MS + 9 * HOUR_MS
    ends = begins + shop.campaign_lasts * DAY_MS
    amount = _GRANTS[(uniform(branch(draws, 1)) * len(_GRANTS)).astype(np.int64)]
    basket_row, basket_at = baskets
    span = (days + shop.campaign_lasts + 1) * DAY_MS
    following = np.searchsorted(basket_row * span + basket_at, row * span + begins)
    if not len(basket_row):
        return Campaigns(row, day, np.zeros(len(row), bool)), amount, begins, ends, following
    following = np.minimum(following, len(basket_row) - 1)
    at = basket_at[following]
    in_time = (basket_row[following] == row) & (at >= begins) & (at < ends)
    used = in_time & (uniform(branch(draws, 2)) < np.minimum(shop.campaign_used * eager[row], 1.0))
    return Campaigns(row, day, used), amount, begins, np.where(used, at, ends), following
