"""Long-term vectors of mornings in a file, which the workers of a study share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from assets.experiments.frame import load_arrays
from models.files import replace_file

if TYPE_CHECKING:
    from models.ranking.lsttm.long_term_days import LongTermDays


def save_mornings(mornings: LongTermDays, path: Path) -> None:
    """Write vectors of mornings as one file, whole or not at all."""
    known = {str(at): vectors for at, vectors in enumerate(mornings.of_everyone()) if vectors is not None}
    about = np.array([len(mornings.mornings), mornings.first_day, mornings.zone_offset_ms])
    with replace_file(path) as fresh, fresh.open("wb") as file:
        np.savez(file, allow_pickle=False, about=about, **known)


def load_mornings(path: Path) -> LongTermDays:
    """What `save_mornings` wrote.

    Raises:
        ValueError: a failure was written; its reason is the message.
    """
    from models.ranking.lsttm.long_term_days import LongTermDays

    arrays = load_arrays(path)
    if "failed" in arrays:
        raise ValueError(str(arrays["failed"]))
    count, first_day, zone_offset_ms = arrays["about"].tolist()
    return LongTermDays(tuple(arrays.get(str(at)) for at in range(count)), first_day, zone_offset_ms)


def save_failure(reason: str, path: Path) -> None:
    """Write why there are no vectors, in their place."""
    with replace_file(path) as fresh, fresh.open("wb") as file:
        np.savez(file, allow_pickle=False, failed=np.array(reason))
