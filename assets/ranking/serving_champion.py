"""Following an alias of the registry while requests are answered: another version is opened beside the one
that answers, and takes its place in one step; one that cannot be opened leaves it in place, and that is said.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from assets.ranking.serving import ServedRanker

CHECK_SECONDS = 5.0

_log = logging.getLogger("hourfold.serving")


@dataclass(frozen=True)
class NamedVersion:
    """A version that an alias names."""

    name: str  #: of the registered model
    version: str
    system: str
    day: str  #: trained through
    folder: Path


@dataclass(frozen=True)
class ServedVersion:
    """A version that is open."""

    named: NamedVersion
    ranker: ServedRanker


class FollowedChampion:
    """What answers now, and a thread that looks for a newer version, hourly state or hour."""

    def __init__(self, resolve: Callable[[], NamedVersion], seconds: float = CHECK_SECONDS) -> None:
        """Open what the alias names now.

        Args:
            resolve: asks the registry; raises what it cannot do.
            seconds: between two looks.

        Raises:
            LookupError, DamagedState: there is none, or it cannot be opened.
        """
        self._resolve, self._seconds = resolve, seconds
        self.current = _opened(resolve())
        self.problem: str | None = None  #: why the last look failed; None: it did not
        self.failures = 0  #: looks that failed since the start
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follow the champion", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a look that is under way is waited for, for a while."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def look(self) -> None:
        """Look once: take up another version, or what is newer of the one that answers. Never raises."""
        try:
            named = self._resolve()
            if (named.name, named.version) != (self.current.named.name, self.current.named.version):
                opened = _opened(named)
                _log.warning("version %s of %s answers from now on", named.version, named.name)
                self.current = opened
                _settle()
            elif self.current.ranker.refresh():
                _settle()
        except Exception as error:  # whatever it is, the one that answers goes on, and /health says why
            self.failures += 1
            if self.problem != str(error):
                _log.warning("version %s goes on answering: %s", self.current.named.version, error)
            self.problem = str(error) or type(error).__name__
        else:
            self.problem = None

    def _follow(self) -> None:
        while not self._ended.wait(self._seconds):
            self.look()


def _opened(named: NamedVersion) -> ServedVersion:
    ranker = ServedRanker(named.folder, followed=True)
    ranker.warm()
    _settle()
    return ServedVersion(named, ranker)


def _settle() -> None:
    """Take what was just read out of the garbage collector's rounds: requests need not wait for them."""
    gc.unfreeze()  # what was open before must go
    gc.collect()
    gc.freeze()
