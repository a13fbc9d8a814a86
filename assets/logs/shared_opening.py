"""How the gate opens the warehouse: for one question, or once for several that follow each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from warehouse.store.warehouse import Warehouse

Opener = Callable[[], AbstractContextManager[Warehouse | None]]
"""Opens the warehouse to read; None where nothing has been loaded."""


class SharedOpening:
    """An opener under which questions that are asked one after another open the warehouse once."""

    def __init__(self, opened: Opener) -> None:
        self._opened = opened
        self._asking: ExitStack | None = None
        self._warehouse: Warehouse | None = None

    @contextmanager
    def asking(self) -> Iterator[None]:
        """The first question within opens the warehouse, the end of the `with` block lets go of it."""
        try:
            with ExitStack() as self._asking:
                yield
        finally:
            self._asking = self._warehouse = None

    def __call__(self) -> AbstractContextManager[Warehouse | None]:
        """The warehouse to read."""
        if self._asking is None:
            return self._opened()
        if self._warehouse is None:
            self._warehouse = self._asking.enter_context(self._opened())
        return nullcontext(self._warehouse)
