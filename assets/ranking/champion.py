"""The champion moved by hand: to a newer version, or back to an earlier one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.ranking.champion_log import Move, Version, address, history, move, why_not
from assets.ranking.states import States
from assets.ranking.withheld import release, withhold

if TYPE_CHECKING:
    from assets.common.tracking import Tracking

NO_REASON = "no reason given"


def promote(tracking: Tracking, states: States, number: str, why: str) -> Move:
    """Make a version champion by hand, of a day no older than the champion's.

    Raises:
        LookupError: there is no such version.
        ValueError: its files are not here, or its day is older.
        DamagedState: its files are not what was written.
    """
    known = history(tracking)
    version, champion = known.version(number), known.champion
    if champion is not None and version.day < champion.day:
        raise ValueError(
            f"version {number} is of {version.day}, the champion, version {champion.number}, of "
            f"{champion.day}: go back with hourfold models rollback --to {number}"
        )
    _sound(states, version)
    release(states.daily(*address(version)))
    return move(tracking, states, number, "promote", why)


@dataclass(frozen=True)
class RolledBack:
    """What a rollback did."""

    left: Version
    to: Version
    withheld: Sequence[tuple[str, str]]  #: (system, day) of models that no hour begins from now
    move: Move


def rollback(tracking: Tracking, states: States, to: str | None = None, why: str = NO_REASON) -> RolledBack:
    """Make an earlier version champion again: `to`, or the one that the champion replaced.

    The version that is left, and every later model of its system and of the earlier version's, are withheld
    from the hours, which begin from the champion's base then.

    Raises:
        LookupError: there is no champion, no version before it is known, or there is no version `to`.
        ValueError: `to` is the champion, is newer, or its files are not here.
        DamagedState: its files are not what was written.
    """
    known = history(tracking)
    left = known.champion
    if left is None:
        raise LookupError("there is no champion to roll back from: promote one with hourfold models promote")
    target = known.version(to) if to is not None else known.before(left.number, states)
    if target is None:
        raise LookupError(
            f"which version was champion before version {left.number} is not known, or it cannot be served: "
            "name one with --to (hourfold models list)"
        )
    if target.number == left.number:
        raise ValueError(f"version {left.number} is the champion already")
    if target.day > left.day:
        raise ValueError(
            f"version {target.number} is of {target.day}, after the champion's {left.day}: take it with "
            f"hourfold models promote {target.number}"
        )
    _sound(states, target)
    mine = [address(left)] if why_not(states, left) is None else []
    later = [
        (system, folder.name)
        for system in sorted({left.system, target.system})
        for folder in sorted((states.root / "daily" / system).glob("[0-9]*-*-*"))
        if folder.name > target.day and states.record(folder) is not None
    ]
    kept_out = sorted({*mine, *later} - {address(target)})
    for system, day in kept_out:
        withhold(states.daily(system, day), "rollback", why)
    release(states.daily(*address(target)))
    return RolledBack(left, target, kept_out, move(tracking, states, target.number, "rollback", why))


def _sound(states: States, version: Version) -> None:
    reason = why_not(states, version)
    if reason is not None:
        raise ValueError(
            f"version {version.number}, {version.system} of {version.day}, cannot be served: {reason}; "
            "choose another (hourfold models list)"
        )
    states.checked(states.daily(*address(version)))
