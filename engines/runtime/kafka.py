"""Tasks on Kafka: snapshots as files, then results and offsets in one transaction whose metadata names the snapshot.

The order makes a crash harmless: a snapshot that no committed offset names is never read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import methodcaller

from engines.configuration import Setting
from engines.librdkafka import commit_limit_s
from engines.logs.embedded import pack
from engines.logs.kafka import GroupOffsets, KafkaWriter, Records, reader_settings, writer_settings
from engines.protocol import Guarantee, Job, Timeouts
from engines.runtime.connector import GATHER_S, Checkpoint, Results, Slice, WorkerFailure
from engines.runtime.snapshot import Snapshots
from engines.time_limit import ends_within

_COMMIT_S = 30.0
LINGER_MS = 2.0
_TRANSACTION_MS: Mapping[Timeouts, int] = {"default": 10_000, "tuned": 6_000}
"""Nothing else says how long a worker may be gone unnoticed: it is in no group that would miss its heartbeats, and the
supervisor sees its end at once."""
_TRANSACTION_INTERVALS = 3

_partition_of = methodcaller("partition")
_value_of = methodcaller("value")


def transaction_ms(job: Job) -> int:
    """How long the transaction of a dead worker may hide what came after it, if no successor ends it sooner."""
    return max(_TRANSACTION_MS[job.timeouts], _TRANSACTION_INTERVALS * job.interval_ms)


def settings(job: Job) -> dict[str, Setting]:
    """The clients' settings that differ from librdkafka's defaults, names and addresses apart."""
    identity = "one for each worker" if job.guarantee == "exactly-once" else None
    told = {
        f"producer {name}": value for name, value in writer_settings(identity, LINGER_MS, transaction_ms(job)).items()
    }
    told |= {f"consumer {name}": value for name, value in reader_settings("read_committed").items()}
    why = "how the built-in engines read and write a log: engines/logs/kafka.py says why"
    return {name: Setting(str(value), "this harness", why) for name, value in told.items()}


class KafkaConnector:
    def __init__(self, job: Job, slot: int) -> None:
        self._guarantee: Guarantee = job.guarantee
        # The slot's id is the same after a restart, so that the broker fences a predecessor that still lives.
        identity = f"{job.name}-{slot}" if self._guarantee == "exactly-once" else None
        self._writer = KafkaWriter(job.output.address, job.output.name, identity, LINGER_MS, transaction_ms(job))
        self._commit_s = commit_limit_s(transaction_ms(job))
        self._input = job.input
        self._offsets = GroupOffsets(job.input.address, job.input.name, job.name)
        self._records: Records | None = None
        self._snapshots = Snapshots(job.directory / "snapshots")
        self._epochs: dict[int, int] = {}
        self._held: list[Results] = []
        self._open = False

    def recover(self, tasks: Sequence[int]) -> Mapping[int, Checkpoint]:
        committed = self._offsets.committed(tasks)
        found = {}
        for task in tasks:
            offset, metadata = committed.get(task, (0, ""))
            epoch, _, name = metadata.removeprefix("epoch=").partition(" snapshot=")
            if task in committed and not (epoch.isdecimal() and name):
                raise WorkerFailure(f"the committed offset of task {task} names no snapshot: {metadata!r}")
            self._epochs[task] = int(epoch) if name else 0
            found[task] = Checkpoint(task, offset, self._snapshots.read(name) if name else None)
        starts = {task: found[task].next for task in tasks}
        self._records = Records(self._input.address, self._input.name, starts, "read_committed", GATHER_S)
        return found

    def poll(self, timeout_s: float) -> list[Slice]:
        if self._records is None:
            raise WorkerFailure("polled before recovering")
        slices = []
        for partition, run in groupby(self._records.poll(timeout_s), key=_partition_of):
            messages = list(run)
            # A record without a value (a tombstone) is no event; as an empty one it is counted as broken.
            layout, body = pack([value or b"" for value in map(_value_of, messages)])
            slices.append(Slice(partition, messages[-1].offset() + 1, len(messages), layout, body))
        return slices

    def write(self, results: Sequence[Results]) -> None:
        if self._guarantee == "at-most-once":
            self._held.extend(results)
            return
        if results and self._guarantee == "exactly-once":
            self._begin()
        self._produce(results)

    def _begin(self) -> None:
        if not self._open:
            self._writer.begin()
            self._open = True

    def _produce(self, results: Sequence[Results]) -> None:
        for part in results:
            self._writer.write(part.partition, part.keys, part.rows.split(b"\n"))

    def commit(self, checkpoints: Sequence[Checkpoint]) -> None:
        if self._guarantee == "at-least-once":
            self._writer.flush(_COMMIT_S)
        offsets: dict[int, tuple[int, str]] = {}
        names: dict[int, str] = {}
        for checkpoint in checkpoints:
            task = checkpoint.task
            self._epochs[task] += 1
            names[task] = self._snapshots.write(task, self._epochs[task], checkpoint.state or b"")
            offsets[task] = (checkpoint.next, f"epoch={self._epochs[task]} snapshot={names[task]}")
        if self._guarantee == "exactly-once":
            self._begin()
            with ends_within(self._commit_s, "committing a transaction"):
                self._offsets.commit_in(self._writer, offsets, self._commit_s)
                self._writer.commit(self._commit_s)
            self._open = False
        else:
            self._offsets.commit(offsets)
        for task, name in names.items():
            self._snapshots.keep_only(task, name)
        if self._guarantee == "at-most-once":
            held, self._held = self._held, []
            self._produce(held)
            self._writer.flush(_COMMIT_S)

    def close(self) -> None:
        self._writer.close()
        self._offsets.close()
        if self._records is not None:
            self._records.close()
