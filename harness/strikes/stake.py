"""What a strike puts at stake: a whole job since its last commit, or a worker's partitions since the last of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.protocol import Slot
from harness.strikes.gauge import GaugeReading


@dataclass(frozen=True)
class Stake:
    """partitions: of the input, those that go back to their last commit; None for all of the job."""

    partitions: frozenset[int] | None = None

    def outputs(self, reading: GaugeReading) -> int:
        """Output records since the last durable commit; 0 where that is not told."""
        if self.partitions is None:
            return max(0, reading.outputs_at_stake)
        commit, now = reading.commit_of(self.partitions), reading.rows
        return 0 if commit is None else max(0, sum(now[one] - commit.rows[one] for one in self.partitions))

    def inputs(self, reading: GaugeReading) -> int:
        """Input records appended since then."""
        if self.partitions is None:
            return max(0, reading.inputs_at_stake)
        commit, now = reading.commit_of(self.partitions), reading.inputs_by_partition
        return 0 if commit is None else max(0, sum(now[one] - commit.inputs[one] for one in self.partitions))

    def behind(self, reading: GaugeReading) -> int | None:
        """Input records committed as read, less output records, of a query that gives one for each; None where that is
        not told.
        """
        if self.partitions is None:
            return None if reading.progress.inputs is None else reading.progress.inputs - reading.written
        positions = reading.progress.positions
        if positions is None or not reading.answers:
            return None
        return sum(positions.get(one, 0) - reading.answers[one] for one in self.partitions)

    def aborted(self, reading: GaugeReading) -> int:
        """Of the outputs, those in a transaction that was open. Which are a worker's is not told."""
        return max(0, reading.written - reading.visible) if self.partitions is None else 0

    def commit_ns(self, reading: GaugeReading) -> int:
        """When the last commit was first seen."""
        commit = None if self.partitions is None else reading.commit_of(self.partitions)
        return reading.commit_ns if commit is None else commit.at_ns


def moved(before: Sequence[Slot], after: Sequence[Slot], slot: int | None) -> bool:
    """Whether partitions of a slot are answered for by another one, or that one's own are others than before."""
    own = before[slot].partitions if slot is not None else None
    if slot is None or own is None or len(after) <= slot or after[slot].partitions != own:
        return True
    return any(own & (other.partitions or frozenset()) for number, other in enumerate(after) if number != slot)
