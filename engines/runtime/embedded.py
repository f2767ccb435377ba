"""Tasks on the embedded log: state, offsets and results in one SQLite transaction on the output topic's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from engines.logs.embedded import EmbeddedLog, FrameReader, TopicFile
from engines.protocol import Guarantee, Job
from engines.runtime.connector import GATHER_S, Checkpoint, Results, Slice, WorkerFailure


class EmbeddedConnector:
    def __init__(self, job: Job) -> None:
        self._job = job.name
        self._guarantee: Guarantee = job.guarantee
        self._input = EmbeddedLog(Path(job.input.address)).path(job.input.name)
        self._output = TopicFile(EmbeddedLog(Path(job.output.address)).path(job.output.name))
        self._owners: dict[int, int] = {}
        self._held: list[Results] = []
        self._reader: FrameReader | None = None

    def recover(self, tasks: Sequence[int]) -> Mapping[int, Checkpoint]:
        found = {}
        with self._output.transaction():
            for task in tasks:
                row = self._output.execute(
                    "INSERT INTO checkpoints (job, task, owner, next, state) VALUES (?, ?, 1, 0, NULL)"
                    " ON CONFLICT (job, task) DO UPDATE SET owner = owner + 1 RETURNING owner, next, state",
                    (self._job, task),
                ).fetchall()[0]
                self._owners[task], found[task] = row[0], Checkpoint(task, row[1], row[2])
        self._reader = FrameReader(self._input, {task: found[task].next for task in tasks}, GATHER_S)
        return found

    def poll(self, timeout_s: float) -> list[Slice]:
        if self._reader is None:
            raise WorkerFailure("polled before recovering")
        return [
            Slice(frame.partition, frame.first + frame.count, frame.count, frame.layout, frame.body)
            for frame in self._reader.poll(timeout_s)
        ]

    def write(self, results: Sequence[Results]) -> None:
        if self._guarantee == "at-least-once":
            self._append_at_once(results)
        else:
            self._held.extend(results)

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        held, self._held = self._held, []
        with self._output.transaction():
            for checkpoint in checkpoints:
                updated = self._output.execute(
                    "UPDATE checkpoints SET next = ?, state = ? WHERE job = ? AND task = ? AND owner = ?",
                    (checkpoint.next, checkpoint.state, self._job, checkpoint.task, self._owners[checkpoint.task]),
                )
                if updated.rowcount != 1:
                    raise WorkerFailure(f"task {checkpoint.task} of {self._job} was taken over by another worker")
            if self._guarantee == "exactly-once":
                self._append(held)
        if self._guarantee == "at-most-once":
            self._append_at_once(held)

    def _append_at_once(self, results: Sequence[Results]) -> None:
        if results:
            with self._output.transaction():
                self._append(results)

    def _append(self, results: Sequence[Results]) -> None:
        """One call a partition: a frame costs as much as 200 records in it."""
        merged: dict[int, tuple[list[bytes], list[bytes]]] = {}
        for part in results:
            keys, rows = merged.setdefault(part.partition, ([], []))
            keys += part.keys
            rows.append(part.rows)
        for partition, (keys, rows) in merged.items():
            self._output.append_lines(partition, keys, b"\n".join(rows))

    def close(self) -> None:
        self._output.close()
        if self._reader is not None:
            self._reader.close()


class CheckpointOffsets:
    """Where the last commit of each task of a job ended: an `engines.logs.offsets.OffsetReader`."""

    def __init__(self, job: Job) -> None:
        """Raises LogFailure if the output topic does not exist."""
        self._job = job.name
        self._output = TopicFile(EmbeddedLog(Path(job.output.address)).path(job.output.name))

    def committed(self) -> dict[int, int]:
        found = self._output.execute("SELECT task, next FROM checkpoints WHERE job = ?", (self._job,))
        return dict(found.fetchall())

    def close(self) -> None:
        self._output.close()
