"""The order of events in a micro-batch worker."""

from __future__ import annotations

import time

from engines.runtime.connector import Checkpoint
from engines.runtime.counters import Skipped
from engines.runtime.worker import Work

from .operator import Operator

_MORE_S = 0.05
_BACKLOG_RECORDS = 1000
_RECORDS_PER_MB = 1000


def run(work: Work) -> None:
    """Every trigger: take all that is there, then commit rows, offsets and state together. One batch at a time.

    A batch ends early at 1,000 records for each MiB of the worker's memory limit; the next then begins at once.
    """
    connector = work.connector
    found = connector.recover(work.tasks)
    operators = {task: Operator(work.job.query, task, found[task].state) for task in work.tasks}
    offsets = {task: found[task].next for task in work.tasks}
    most = work.job.memory_mb * _RECORDS_PER_MB
    interval_s = work.job.interval_ms / 1000
    skipped = Skipped(work.job.directory)
    skipped.tell(operators)
    trigger = time.monotonic()
    work.ready()
    while not work.stop.requested:
        taken, wait_s = 0, 0.0
        while taken < most:
            parts = connector.poll(wait_s)
            if not parts:
                break
            for part in parts:
                operators[part.partition].feed(part)
                offsets[part.partition] = part.next
            records = sum(part.count for part in parts)
            taken += records
            # After a large helping more is on its way from the log; after a small one this was all.
            wait_s = _MORE_S if records >= _BACKLOG_RECORDS else 0.0
        if taken:
            connector.write([rows for operator in operators.values() if (rows := operator.results())])
            connector.commit([Checkpoint(task, offsets[task], operators[task].snapshot()) for task in work.tasks])
            work.committed()
            skipped.tell(operators)
        if taken < most:
            trigger = max(trigger + interval_s, time.monotonic())
            work.stop.sleep_until(trigger)
