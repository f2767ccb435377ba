"""When events were handed over to the log's client: a table for the judge, and how late they were, for the trial."""

from __future__ import annotations

import numpy as np

from harness.instruments.channel import now_ns
from results.history import TableWriter
from workloads.stream import Integers


class HandOvers:
    """Collects hand-overs and stores them as parts of the table `sends`."""

    def __init__(self, table: TableWriter, phase: str) -> None:
        self._table, self._phase = table, phase
        self._rows: list[tuple[int, int, int]] = []
        self._stored_ns = now_ns()

    def add(self, first_id: int, count: int, sent_ns: int) -> None:
        self._rows.append((first_id, count, sent_ns))

    def store(self, age_s: float) -> None:
        """Store what was added if the last time is at least age_s ago."""
        if not self._rows or now_ns() - self._stored_ns < age_s * 1e9:
            return
        first_ids, counts, sent = zip(*self._rows, strict=True)
        self._table.write(
            {"phase": [self._phase] * len(counts), "first_id": first_ids, "count": counts, "sent_ns": sent}
        )
        self._rows, self._stored_ns = [], now_ns()


class Punctuality:
    """How late the events of one steady load are; a trial goes on by it."""

    def __init__(self, planned_ns: Integers, start_ns: int, settle_ns: int) -> None:
        """planned_ns: of each event, after start_ns. settle_ns: before it nothing is told."""
        self._planned_ns, self._start_ns, self._settle_ns = planned_ns, start_ns, settle_ns
        self._handed: list[tuple[int, int, int]] = []

    def add(self, number: int, count: int, sent_ns: int) -> None:
        """So many events were handed over, of which the first has this number in the load."""
        self._handed.append((number, count, sent_ns))

    def late_ms(self) -> tuple[float, float]:
        """p99 of all events, and the median of those of the last second; by the first event of each hand-over, which is
        the latest of them. Zeros where nothing was handed over.
        """
        if not self._handed:
            return 0.0, 0.0
        number, count, sent_ns = np.array(self._handed, dtype=np.int64).T
        planned_ns = self._planned_ns[number]
        late_ms = (sent_ns - self._start_ns - planned_ns) / 1e6
        last = planned_ns >= planned_ns[-1] - 1e9
        told = planned_ns >= self._settle_ns
        told = told if told.any() else np.ones(len(told), dtype=np.bool_)
        return _percentile(late_ms[told], count[told], 0.99), _percentile(late_ms[last], count[last], 0.5)


def _percentile(values: np.ndarray[tuple[int], np.dtype[np.float64]], weights: Integers, share: float) -> float:
    """The least value at or below which this share of the weight is."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, share * reached[-1])])
