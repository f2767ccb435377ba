"""How far behind a job is right after its commits, seen from outside."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping

from engines.logs.offsets import CommittedOffsets, of_group
from engines.logs.protocol import Log, LogFailure
from engines.protocol import Progress, Topic
from results.history import CommitSeen

_ALL = -1
_ROUNDS_MISSED = 2


class Rounds:
    """Commits of partitions, put together into rounds.

    Each task commits by itself, so there is no moment right after the commit of all of them. So the lag of each
    partition is kept as it was right after its own commit, and their sum is the lag. A round is over when a partition
    commits that did so in this round: then all that commit have done so once. A partition that takes no part in two
    rounds one after the other stands still, and counts with all that is left in it.
    """

    def __init__(self) -> None:
        self._lags: dict[int, int] = {}
        self._round: set[int] = set()
        self._missed: Counter[int] = Counter()
        self._at_ns = 0
        self.seen: list[CommitSeen] = []

    def add(self, at_ns: int, moved: Collection[int], left: Mapping[int, int]) -> None:
        """moved: partitions whose commit was just seen. left: records that are not behind a commit, by partition."""
        if not self._round.isdisjoint(moved):
            self._missed.update(left.keys() - self._round)
            still = {number for number in left.keys() - self._round if self._missed[number] >= _ROUNDS_MISSED}
            lag = sum(left[number] if number in still else self._lags.get(number, 0) for number in left)
            self.seen.append(CommitSeen(at_ns=self._at_ns, lag=lag))
            self._round.clear()
        for number in moved:
            self._lags[number], self._missed[number] = left[number], 0
        self._round.update(moved)
        self._at_ns = at_ns


class CommitWatch:
    """Asked often, notes the job's commits with the lag that is left after them.

    The offsets are those that the job tells of, by partition or in sum, else those that its consumer group committed:
    its name is the job's.
    """

    def __init__(self, log: Log, topic: Topic, group: str, progress: Callable[[], Progress]) -> None:
        self._log, self._topic, self._progress = log, topic, progress
        self._group: CommittedOffsets | None = of_group(topic, group) if topic.log == "kafka" else None
        self._committed: Mapping[int, int] = {}
        self._by_group = False
        self._rounds = Rounds()

    @property
    def told(self) -> bool:
        """Whether commits could be seen at all."""
        return bool(self._committed)

    @property
    def seen(self) -> list[CommitSeen]:
        return self._rounds.seen

    def look(self) -> None:
        """What cannot be read just now is passed over."""
        committed, before = self._positions(), self._committed
        moved = [number for number, offset in committed.items() if number in before and offset != before[number]]
        if not moved:
            self._committed = before if before and not committed else committed
            return
        try:
            ends = self._log.end_offsets(self._topic.name, self._topic.partitions, "read_uncommitted")
        except LogFailure:
            return
        self._committed = committed
        end_of = {_ALL: sum(ends)} if _ALL in committed else dict(enumerate(ends))
        left = {number: max(0, end_of[number] - offset) for number, offset in committed.items()}
        self._rounds.add(time.monotonic_ns(), moved, left)

    def _positions(self) -> Mapping[int, int]:
        """Committed offsets by partition; under _ALL the sum of all where only that is told; empty: not known."""
        if not self._by_group:
            told = self._progress()
            if told.positions is not None:
                return told.positions
            if told.inputs is not None:
                return {_ALL: told.inputs}
        found = self._group.positions() if self._group is not None else None
        # From then on such a job is not asked again: Flink's answer takes milliseconds of two processes.
        self._by_group = bool(found)
        return found or {}

    def close(self) -> None:
        if self._group is not None:
            self._group.close()
