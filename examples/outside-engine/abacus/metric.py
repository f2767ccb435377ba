"""A metric: a figure with its name, unit and meaning, computed from what is known of a trial."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from results.metrics.basis import Basis
from results.metrics.measured import Measured
from results.metrics.measurement import Measurement
from results.metrics.metric import Metric, TableColumn

VOLUME = Metric(
    "output_bytes_per_event",
    "B/event",
    "lower",
    "Bytes that the engine wrote to its output for each event",
    TableColumn("output\nB/event", 55, bare=True),
)


def measure(basis: Basis) -> Measured:
    """All rows that became visible in these phases, those of heartbeats and closing events too."""
    found, seen = Measured(), basis.seen
    rows = basis.history.table("output", ["visible_ns", "value"])
    phases = seen.phase_at(rows["visible_ns"].to_numpy())
    mine = np.isin(phases, [number for number, phase in enumerate(seen.phases) if phase.kind == basis.kind])
    written = int(pc.binary_length(rows["value"]).to_numpy()[mine].sum())
    found.add(VOLUME, written / sum(phase.segment.count for phase in basis.phases), n=int(mine.sum()))
    return found


measurement = Measurement("output volume", (VOLUME,), measure, needs=frozenset({"phases", "matching"}))
