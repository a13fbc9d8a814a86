"""What runs of MLflow carry, remembered by the process that wrote on them: steps of an hour share runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.entities import Run

MOST_RUNS = 100  #: that are remembered


@dataclass
class KnownRun:
    """What a run carries, so that it need not be asked before each thing that is written on it."""

    run_id: str
    tags: dict[str, str]
    newest: dict[str, tuple[int, float]]  #: metric → its newest step and the value there
    digests: set[str]  #: of the data sets that it names

    @classmethod
    def of(cls, run: Run) -> KnownRun:
        """What the store says of it."""
        inputs = run.inputs.dataset_inputs if run.inputs else []
        # `run.data.metrics` has values without their steps; both are in what it is made of.
        newest = {metric.key: (metric.step, metric.value) for metric in run.data._metric_objs}
        return cls(run.info.run_id, dict(run.data.tags), newest, {entry.dataset.digest for entry in inputs})

    def take(self, metrics: Sequence[Any]) -> None:
        """Remember metrics that were written."""
        for metric in metrics:
            if metric.step >= self.newest.get(metric.key, (metric.step, 0.0))[0]:
                self.newest[metric.key] = (metric.step, metric.value)


#: By store, experiment and identity, those that were written on last at the end.
RUNS: dict[tuple[str, ...], KnownRun] = {}


def remember(address: tuple[str, ...], known: KnownRun) -> None:
    """Keep what a run carries, and forget the one that was not written on for longest."""
    RUNS[address] = known
    while len(RUNS) > MOST_RUNS:
        del RUNS[next(iter(RUNS))]
