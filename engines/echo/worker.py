"""A worker process of the echo: counts the records that it reads and writes what is due for so many, at once."""

from __future__ import annotations

from engines.runtime.connector import Results
from engines.runtime.worker import Work, main

from . import Due

_IDLE_S = 0.2
_KEY = b"echo"


class Echo:
    """The rows for the records of one partition, spread evenly over them.

    A row says which record it was written for: the partition, and how many records were before it there.
    """

    def __init__(self, due: Due, partition: int) -> None:
        self._due, self._partition = due, partition
        self._records = self._rows = 0

    def rows(self, records: int) -> Results | None:
        """What is due once so many records more were read; None for nothing."""
        self._records += records
        first, due = self._rows, self._due
        self._rows = self._records * due.rows // due.events
        if self._rows == first:
            return None
        # The row with this number was due as soon as so many records had been read.
        values = [self._row(-(-(number + 1) * due.events // due.rows) - 1) for number in range(first, self._rows)]
        return Results(self._partition, [_KEY] * len(values), b"\n".join(values))

    def _row(self, number: int) -> bytes:
        row = b'{"key":"echo","partition":%d,"number":%d,"pad":"' % (self._partition, number)
        return row + b"x" * max(self._due.row_bytes - len(row) - 2, 0) + b'"}'


def run(work: Work) -> None:
    """Nothing is committed: an echo that dies fails its calibration."""
    due = Due.load(work.job.directory)
    work.connector.recover(work.tasks)
    echoes = {task: Echo(due, task) for task in work.tasks}
    work.ready()
    while not work.stop.requested:
        for part in work.connector.poll(_IDLE_S):
            rows = echoes[part.partition].rows(part.count)
            if rows is not None:
                work.connector.write([rows])


if __name__ == "__main__":
    main(run)
