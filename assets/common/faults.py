"""What went wrong, in words that say what to do; and the faults that pass by themselves are tried again.

Only a locked database file is such a fault: another process holds it for seconds. Everything else fails at
once, because trying a wrong file again only hides it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from assets.common.stores import StoreFault, causes, store_fault, store_trouble
from warehouse.home import Home

if TYPE_CHECKING:
    import dagster as dg

MOST_RETRIES = 6
LONGEST_WAIT_SECONDS = 60.0


class NoBaseModel(LookupError):
    """No daily model of an earlier day is finished."""


class DamagedState(RuntimeError):
    """A stored state is not what its record says."""


class BadRequest(ValueError):
    """A request that cannot be carried out as it stands; the message says what to change."""


class NoPurchases(LookupError):
    """The source has no purchases that could answer for a date."""


_REMEDIES: dict[type[BaseException], str] = {
    NoBaseModel: (
        "Materialise `training_instances`, `long_term_graph` and `daily_ranker` of the day before, then this "
        "hour again."
    ),
    BadRequest: "Mend the request or its customers' file; the sensor takes a changed one up again.",
    NoPurchases: "Ingest the purchases of the missing days (`hourfold ingest`), or choose another date.",
    DamagedState: (
        "Materialise the partition named above again; it is rebuilt from the warehouse, bit for bit."
    ),
    FileNotFoundError: (
        "Check that the logs of this partition have landed, and that `landing` in deployment.json points "
        "there; then materialise it again."
    ),
    MemoryError: (
        "Give the machine more memory, or choose `size: tiny` in deployment.json; then run it again."
    ),
}
_OTHERWISE = (
    "The state before is intact. Mend the cause named above and materialise the same partition again."
)


def is_transient(error: BaseException) -> bool:
    """Whether waiting mends it: a DuckDB file held by another process, or a busy SQLite database."""
    busy = any(type(cause).__name__ == "WarehouseBusy" for cause in causes(error))
    return busy or store_fault(error) is StoreFault.LOCKED


def remedy(error: BaseException) -> str:
    """What to do about an error."""
    return next((text for kind, text in _REMEDIES.items() if isinstance(error, kind)), _OTHERWISE)


@contextmanager
def retried_or_explained(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Turn an error into a retry with back-off, or a failure naming asset, partition, cause and remedy."""
    import dagster as dg

    try:
        yield
    except (dg.Failure, dg.RetryRequested):
        raise
    except Exception as error:
        where = _where(context)
        if is_transient(error):
            wait = min(LONGEST_WAIT_SECONDS, 2.0**context.retry_number)
            context.log.warning(
                f"{where}: {error}. Another process holds the file; trying again in {wait:.0f} s."
            )
            raise dg.RetryRequested(max_retries=MOST_RETRIES, seconds_to_wait=wait) from error
        advice = store_trouble(error, Home.current()) or remedy(error)
        raise dg.Failure(
            description=f"{where}: {type(error).__name__}: {error}\nWhat to do: {advice}",
            metadata={"what to do": advice, "partition": where},
            allow_retries=False,
        ) from error


def _where(context: dg.AssetExecutionContext) -> str:
    """`asset[partition]`, or `asset[first..last]` for a range."""
    names = ", ".join(sorted(key.to_user_string() for key in context.selected_asset_keys))
    if not context.has_partition_key and not context.has_partition_key_range:
        return names
    keys = context.partition_keys
    return f"{names}[{keys[0]}]" if len(keys) == 1 else f"{names}[{keys[0]}..{keys[-1]}]"
