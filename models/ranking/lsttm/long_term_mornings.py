"""The long-term graphs of a log's mornings, one after the other, in memory: what studies train with."""

from __future__ import annotations

import torch

from models.progress import Progress
from models.ranking.features.event_log import DAY_MS, EventLog
from models.ranking.lsttm.long_term_days import LongTermDays
from models.ranking.lsttm.long_term_encoder import LongTermSettings
from models.ranking.lsttm.long_term_graph import train_long_term
from models.ranking.lsttm.long_term_state import LongTermState


def train_long_term_days(
    log: EventLog,
    settings: LongTermSettings,
    *,
    seed: int,
    days: int | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> LongTermDays:
    """Train the graph as of every morning, each from the one before, up to that of the day to rank.

    Args:
        log: everything received before the day to rank, which begins at its end.
        settings, seed, device, progress: as `train_long_term`.
        days: service days before the day to rank that have a morning of their own; earlier ones have none.
            None: all from the first exposure on.
    """
    zone = log.zone_offset_ms
    last = (log.end_ms + zone) // DAY_MS
    shown = log.exposures.shown_at
    first = ((int(shown[0]) if len(shown) else log.start_ms) + zone) // DAY_MS
    first = first if days is None else max(first, last - days)
    states: list[LongTermState] = []
    for day in range(first, last + 1):
        received = log.between(log.start_ms, day * DAY_MS - zone)
        before = states[-1] if states else None
        listen = _of_morning(progress, day - first + 1, last - first + 1)
        states.append(
            train_long_term(received, settings, seed=seed, before=before, device=device, progress=listen)
        )
    return LongTermDays(tuple(state.user_vectors for state in states), first, zone)


def _of_morning(progress: Progress | None, number: int, mornings: int) -> Progress | None:
    if progress is None:
        return None

    def listen(stage: str, done: int, total: int) -> None:
        progress(f"{stage}, morning {number} of {mornings}", done, total)

    return listen
