"""What coming back costs the engine: CPU and memory from a strike until it had caught up."""

from __future__ import annotations

import numpy as np

from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric
from results.metrics.statistics import median_interval

CORES = Metric("recovery_cores", "cores", "lower", "CPU seconds a second of the engine, from a strike until caught up")
MEMORY = Metric("recovery_memory", "bytes", "lower", "The engine's largest RSS in sum, from a strike until caught up")


def measure(basis: Basis) -> Measured:
    found, strikes = Measured(), basis.watched.strikes
    for metric, known in (
        (CORES, [strike.cores for strike in strikes]),
        (MEMORY, [strike.memory_bytes for strike in strikes]),
    ):
        values = [value for value in known if value is not None]
        if values:
            median, low, high = median_interval(np.array(values))
            found.add(metric, median, n=len(values), bounds=(low, high))
        else:
            found.lack([metric], "no strike was watched while processes were sampled")
    return found


measurement = Measurement(
    "recovery's effort",
    (CORES, MEMORY),
    measure,
    needs=frozenset({"matching", "causality", "completion", "strikes", "samples"}),
    kind="paced",
)
