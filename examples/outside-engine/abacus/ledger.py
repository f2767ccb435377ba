"""Where a job stands, kept in the file of its output topic: so offsets, state and rows are one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from abacus.operator import Operator
from engines.logs.embedded import TopicFile
from engines.logs.protocol import LogFailure


class Entry(NamedTuple):
    """Of a partition: the offset that is next, and the operator's state once all before it is counted."""

    next: int
    state: dict[str, Any] | None


class Ledger:
    """The writing side, of which there is one at a time: whoever recovers last shuts the others out."""

    def __init__(self, output: Path, job: str) -> None:
        self._file, self._job = TopicFile(output), job
        self._owners: dict[int, int] = {}

    def recover(self, partitions: Iterable[int]) -> Mapping[int, Entry]:
        """The last commit of each partition; offset 0 and no state where there is none."""
        found = {}
        with self._file.transaction():
            for partition in partitions:
                owner, offset, state = self._file.execute(
                    "INSERT INTO checkpoints (job, task, owner, next, state) VALUES (?, ?, 1, 0, NULL)"
                    " ON CONFLICT (job, task) DO UPDATE SET owner = owner + 1 RETURNING owner, next, state",
                    (self._job, partition),
                ).fetchall()[0]
                self._owners[partition] = owner
                found[partition] = Entry(offset, json.loads(state) if state else None)
        return found

    def commit(self, changed: Mapping[int, tuple[int, Operator]]) -> None:
        """Commit what changed, by partition the next offset and the operator, together with the rows that are due.

        Raises LogFailure, also if another process took the job over. Nothing is committed then; the caller must end.
        """
        if not changed:
            return
        with self._file.transaction():
            for partition, (offset, operator) in changed.items():
                keys, rows = operator.due()
                if rows:
                    self._file.append(partition, keys, rows)
                updated = self._file.execute(
                    "UPDATE checkpoints SET next = ?, state = ? WHERE job = ? AND task = ? AND owner = ?",
                    (offset, json.dumps(operator.state()).encode(), self._job, partition, self._owners[partition]),
                )
                if updated.rowcount != 1:
                    raise LogFailure(f"partition {partition} of {self._job} was taken over", str(self._file.path))


class CommitReader:
    """Looks at the last commits from outside: an `engines.logs.offsets.OffsetReader`."""

    def __init__(self, output: Path, job: str) -> None:
        """Raises LogFailure if there is no such topic."""
        self._file, self._job = TopicFile(output), job

    def committed(self) -> dict[int, int]:
        return dict(self._file.execute("SELECT task, next FROM checkpoints WHERE job = ?", (self._job,)).fetchall())

    def states(self) -> list[dict[str, Any]]:
        """The operators' states, one a partition that has any."""
        found = self._file.execute(
            "SELECT state FROM checkpoints WHERE job = ? AND state IS NOT NULL", (self._job,)
        ).fetchall()
        return [json.loads(state) for (state,) in found]

    def close(self) -> None:
        self._file.close()
