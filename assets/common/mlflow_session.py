"""One session of MLflow's database for all that is written on a run."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

_one_at_a_time = threading.RLock()


@contextmanager
def one_session(client: MlflowClient) -> Iterator[None]:
    """What this thread asks of the store within the `with` block goes through one session.

    MLflow opens four sessions for a batch of figures and tags, each with a connection and three pragmas. The
    end of the block commits what MLflow has not committed itself. A server's store, which has no sessions, is
    left as it is.
    """
    store: Any = client._tracking_client.store
    sessions = getattr(store, "ManagedSessionMaker", None)
    if sessions is None:
        yield
        return
    with _one_at_a_time, sessions(read_only=False) as session:
        owner = threading.get_ident()

        @contextmanager
        def shared(read_only: bool = True) -> Iterator[Any]:
            if threading.get_ident() != owner:
                with sessions(read_only=read_only) as another:
                    yield another
                return
            yield session
            session.flush()

        store.ManagedSessionMaker = shared
        try:
            yield
        finally:
            store.ManagedSessionMaker = sessions
