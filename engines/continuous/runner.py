"""The order of events in a continuous worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from engines.runtime.connector import Checkpoint, Connector, Results
from engines.runtime.counters import Skipped
from engines.runtime.worker import Work

from .operator import Operator

_IDLE_S = 0.2
_COMMITTING_S = 0.002


class Committer:
    """Commits in a thread while work goes on; results that come meanwhile wait for it and belong to the next one."""

    def __init__(self, connector: Connector, committed: Callable[[], None]) -> None:
        """committed: called after each commit."""
        self._connector, self._committed = connector, committed
        self._thread = ThreadPoolExecutor(1)
        self._commit: Future[None] | None = None
        self._waiting: list[Results] = []

    @property
    def busy(self) -> bool:
        return self._commit is not None and not self._commit.done()

    def write(self, results: Sequence[Results] = ()) -> None:
        """Pass results on, and those that waited. Raises what a commit raised."""
        self._waiting.extend(results)
        if self.busy:
            return
        self.wait()
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self._connector.write(waiting)

    def begin(self, checkpoints: Sequence[Checkpoint]) -> None:
        """Commit what was written, once the commit before is over."""
        self.wait()
        self.write()
        self._commit = self._thread.submit(self._durable, checkpoints)

    def _durable(self, checkpoints: Sequence[Checkpoint]) -> None:
        self._connector.commit(checkpoints)
        self._committed()

    def wait(self) -> None:
        """Return when no commit is under way. Raises what it raised."""
        if self._commit is not None:
            commit, self._commit = self._commit, None
            commit.result()

    def close(self) -> None:
        self._thread.shutdown()


def run(work: Work) -> None:
    """Process what comes and write what is due, at once; every interval a barrier, and a checkpoint beside the work.

    at-most-once commits before rows leave, so there the barrier comes with the rows and is waited for.
    """
    connector = work.connector
    found = connector.recover(work.tasks)
    operators = {task: Operator(work.job.query, task, found[task].state) for task in work.tasks}
    offsets = {task: found[task].next for task in work.tasks}
    interval_s = work.job.interval_ms / 1000
    commits_first = work.job.guarantee == "at-most-once"
    committer = Committer(connector, work.committed)
    skipped = Skipped(work.job.directory)
    skipped.tell(operators)
    barrier = time.monotonic() + interval_s
    uncommitted = False

    def checkpoint() -> None:
        committer.begin([Checkpoint(task, offsets[task], operators[task].snapshot()) for task in work.tasks])
        skipped.tell(operators)

    work.ready()
    try:
        while not work.stop.requested:
            # While a commit is under way the next barrier, and rows, wait for its end.
            idle_s = _COMMITTING_S if committer.busy else min(_IDLE_S, max(0.0, barrier - time.monotonic()))
            some_rows = False
            for part in connector.poll(idle_s):
                operator = operators[part.partition]
                operator.feed(part)
                offsets[part.partition] = part.next
                uncommitted = True
                rows = operator.results()
                if rows:
                    committer.write([rows])
                    some_rows = True
            committer.write()
            now = time.monotonic()
            if (now >= barrier and not committer.busy) or (commits_first and some_rows):
                barrier = max(barrier + interval_s, now)
                if uncommitted:
                    checkpoint()
                    uncommitted = False
                if commits_first:
                    committer.wait()
        if uncommitted:
            checkpoint()
        committer.wait()
    finally:
        committer.close()
