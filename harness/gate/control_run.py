"""The control of a gate: the oracle on fixed data, which no change of an engine touches. Its time is the machine's."""

from __future__ import annotations

import time

import numpy as np

from harness.planning.catalogue import discover
from workloads import oracle
from workloads.discovery import Unavailable
from workloads.stream import Segment

WHAT = "the oracle on 2,000,000 events of `sensors`"
_EVENTS, _RATE, _SEED = 2_000_000, 5_000.0, 17


class ControlRun:
    """Makes its events once, and computes once for nothing, so that what is loaded at first is not timed."""

    def __init__(self) -> None:
        found = discover().workloads["sensors"]
        if isinstance(found, Unavailable):
            raise LookupError(found.why)
        self._query = found.query(found.defaults)
        ids = np.arange(_EVENTS, dtype=np.int64)
        self._events = found.events(found.defaults, _SEED, Segment(0, _EVENTS, 0, _RATE), ids)
        self.seconds()

    def seconds(self) -> float:
        """CPU seconds of this process for the rows that are due, on one thread."""
        began = time.process_time()
        oracle.expected(self._query, [self._events], threads=1)
        return time.process_time() - began
