"""The gauge: how far the job and its logs are, looked at many times a second on a thread of its own.

Strikes are aimed by what it shows, and what was at stake at a strike is read off it. It holds up nothing and touches
nothing: it asks the logs for their end offsets, and the job for its durable commits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from engines.logs.protocol import Log, LogFailure
from engines.protocol import Progress
from harness.strikes.row_counts import PartitionRows, RowCounts

_LOOK_S = 0.04
_STOP_S = 30.0

LATE_NS = 500_000_000
"""A look that ends so long after the one before is told."""


@dataclass(frozen=True)
class SeenCommit:
    """When a commit of some partition of the input was first seen (CLOCK_MONOTONIC ns), and what all partitions then
    had: inputs, rows as in a GaugeReading.
    """

    at_ns: int
    inputs: tuple[int, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True)
class GaugeReading:
    """What was there at a moment.

    Offsets are summed over partitions, where nothing else is said. Times are CLOCK_MONOTONIC ns.
    """

    at_ns: int
    """The moment."""
    inputs: int
    """End offsets of the input, as committed."""
    written: int
    """End offsets of the output, physically: records of open and aborted transactions count."""
    visible: int
    """End offsets of the output, as committed."""
    progress: Progress
    """What the job said about its commits just before."""
    commit_ns: int
    """When the last durable commit was first seen."""
    commit_inputs: int
    """`inputs` when that commit was first seen."""
    commit_written: int
    """`written` when that commit was first seen."""
    inputs_by_partition: tuple[int, ...] = ()
    """End offset of each partition of the input; empty where the gauge counts no rows."""
    rows: tuple[int, ...] = ()
    """Output records that were made from each partition of the input, without those of heartbeats and closing keys;
    empty likewise."""
    answers: tuple[int, ...] = ()
    """The same with them; empty likewise."""
    commits: tuple[SeenCommit, ...] = ()
    """The last commit of each partition of the input; empty likewise."""

    def commit_of(self, partitions: Iterable[int]) -> SeenCommit | None:
        """The last one of any of these, which one worker has: it commits all of them. None where that is not told."""
        if self.progress.positions is None or not self.commits:
            return None
        return max((self.commits[one] for one in partitions), key=lambda commit: commit.at_ns, default=None)

    @property
    def outputs_at_stake(self) -> int:
        """Output records since the last durable commit."""
        return self.written - self.commit_written

    @property
    def inputs_at_stake(self) -> int:
        return self.inputs - self.commit_inputs


class Gauge:
    """Reads while it is entered. `reading` is the newest; conditions are awaited with `until`."""

    def __init__(
        self,
        log: Log,
        topics: tuple[str, str],
        partitions: int,
        progress: Callable[[], Progress],
        rows: RowCounts | None = None,
        late: Callable[[int, int], None] = lambda *_: None,
    ) -> None:
        """log: a connection of its own. topics: input and output. rows: None where what a single worker has at stake
        is not asked for; closed with the gauge. late: told from when until when it did not look, on its thread.
        """
        self._late = late
        self._rows = rows
        self._log, (self._input, self._output), self._partitions = log, topics, partitions
        self._progress = progress
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._reading: GaugeReading | None = None
        self._thread = threading.Thread(target=self._run, name="gauge", daemon=True)

    def __enter__(self) -> Gauge:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(_STOP_S)
        if self._rows is not None:
            self._rows.close()

    @property
    def reading(self) -> GaugeReading | None:
        return self._reading

    def until(
        self, met: Callable[[GaugeReading], bool], deadline_s: float, given_up: threading.Event
    ) -> GaugeReading | None:
        """The first reading that meets the condition; None at the deadline (monotonic seconds) or once given up."""
        seen = None
        while not given_up.is_set() and (left_s := deadline_s - time.monotonic()) > 0:
            with self._changed:
                self._changed.wait(min(left_s, 0.1))
                now = self._reading
            if now is not None and now is not seen and met(now):
                return now
            seen = now
        return None

    def _run(self) -> None:
        looked_ns = time.monotonic_ns()
        while not self._stop.is_set():
            # Its broker may be down on purpose: the reading stays as it was.
            with suppress(LogFailure):
                reading = self._look()
                with self._changed:
                    self._reading = reading
                    self._changed.notify_all()
            before_ns, looked_ns = looked_ns, time.monotonic_ns()
            if looked_ns - before_ns >= LATE_NS:
                self._late(before_ns, looked_ns)
            self._stop.wait(_LOOK_S)

    def _look(self) -> GaugeReading:
        # The commit is asked for before the offsets: what is written in between counts as at stake or not at all.
        progress = self._progress()
        inputs = tuple(self._log.end_offsets(self._input, self._partitions, "read_committed"))
        written = sum(self._log.end_offsets(self._output, self._partitions, "read_uncommitted"))
        visible = sum(self._log.end_offsets(self._output, self._partitions, "read_committed"))
        last, now_ns = self._reading, time.monotonic_ns()
        if last is not None and progress.commits == last.progress.commits:
            commit = last.commit_ns, last.commit_inputs, last.commit_written
        else:
            commit = now_ns, sum(inputs), written
        found = GaugeReading(now_ns, sum(inputs), written, visible, progress, *commit)
        return found if self._rows is None else self._by_partition(found, inputs, self._rows.look())

    def _by_partition(self, reading: GaugeReading, inputs: tuple[int, ...], counted: PartitionRows) -> GaugeReading:
        """The reading with what each partition has."""
        last, now = self._reading, SeenCommit(reading.at_ns, inputs, counted.rows)
        positions = reading.progress.positions or {}
        before = (last.progress.positions or {}) if last is not None else {}
        commits = tuple(
            last.commits[one] if last is not None and positions.get(one) == before.get(one) else now
            for one in range(self._partitions)
        )
        return replace(reading, inputs_by_partition=inputs, rows=counted.rows, answers=counted.answers, commits=commits)
