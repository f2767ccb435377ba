"""One worker: the consume-transform-produce loop. `python -m PACKAGE.job instructions.json`.

Prints `assigned PID PARTITION ...` once the state of all its partitions is there, and without partitions when it gives
them up, and `counters PID late=N broken=N` with every commit that changes these. SIGTERM commits, leaves the group and
ends it.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer
from kafka.errors import KafkaError, KafkaTimeoutError, TopicAlreadyExistsError
from kafka.structs import TopicPartition

from engines.protocol import Counter, Guarantee
from workloads.query import Query

from .changelog import Restoration, State
from .delivery import DELIVERIES
from .partition import Partition

_POLL_MS = 100
"""A stop is noticed this late at most."""
_CLOSE_MS = 5_000
"""To leave the group: the broker answers that only after a rebalance, and one can wait for a dead worker's time-out."""
_FAILURES = 10
"""Commits that may fail one after another before the worker gives up."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Instructions:
    """What a worker does; it is stored as JSON."""

    query: Query
    """What is asked of the stream."""
    guarantee: Guarantee
    """How results and state are committed."""
    input: str
    """Topic that is read."""
    output: str
    """Topic that rows are written to."""
    changelog: str
    """Topic that keeps the state; the worker makes it where it is absent."""
    changelog_configs: Mapping[str, str]
    """Settings of the changelog topic, by the broker's names."""
    partitions: int
    """Number of partitions of the input, and so of the changelog."""
    interval_s: float
    """Seconds from one commit to the next."""
    memory_bytes: int
    """Limit of this process's data (RLIMIT_DATA), in bytes."""
    restore_timeout_s: float
    """How long the changelog may take to be read, in seconds; a transaction that a dead worker left open has ended by
    then."""
    consumer: Mapping[str, Any]
    """Arguments of kafka-python's KafkaConsumer; the broker's address among them."""
    producer: Mapping[str, Any]
    """Arguments of kafka-python's KafkaProducer."""

    @staticmethod
    def read(path: Path) -> Instructions:
        data = json.loads(path.read_text())
        return Instructions(**{**data, "query": Query.from_json(data["query"])})

    @property
    def bootstrap(self) -> str:
        return str(self.consumer["bootstrap_servers"])


class Worker(ConsumerRebalanceListener):  # type: ignore[misc]
    """The loop, and what it does when partitions come and go.

    kafka-python calls the listener's methods while `poll` or `close` waits, on a thread that must not wait for the
    consumer in turn. So partitions that come are only noted there, and restored by the loop.
    """

    def __init__(self, instructions: Instructions) -> None:
        self._instructions = instructions
        self._consumer = KafkaConsumer(**instructions.consumer)
        self._delivery = DELIVERIES[instructions.guarantee](instructions, self._consumer, instructions.producer)
        self._partitions: dict[int, Partition] = {}
        self._counted: dict[Counter, int] = {"late": 0, "broken": 0}
        self._unrestored: set[int] = set()
        self._spoiled = False
        self._failures = 0
        self._commit_at = time.monotonic() + instructions.interval_s
        self._stopping = False

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Work until `stop`, then commit. Raises what it cannot recover from: a new worker can go on from there."""
        self._consumer.subscribe([self._instructions.input], listener=self)
        try:
            while not self._stopping:
                try:
                    self._turn()
                except KafkaError as error:
                    self._failures += 1
                    if self._failures > _FAILURES:
                        raise
                    log.warning("starting over from the last commit: %s: %s", type(error).__name__, error)
                    self._spoil()
            self._commit(rebalancing=False)
        finally:
            self._give_up()
            self._consumer.close(timeout_ms=_CLOSE_MS)
            self._delivery.close()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        try:
            self._commit(rebalancing=True)
        except KafkaError as error:
            log.warning("what was not committed is left to the next owner: %s: %s", type(error).__name__, error)
            self._spoiled = True
        self._give_up()

    def on_partitions_lost(self, lost: Iterable[TopicPartition]) -> None:
        log.warning("lost %s", sorted(partition.partition for partition in lost))
        self._spoil()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._unrestored = {partition.partition for partition in assigned}
        if not self._unrestored:
            report([])

    def _turn(self) -> None:
        records = self._consumer.poll(timeout_ms=_POLL_MS)
        if self._spoiled:
            self._start_over()
        elif self._unrestored:
            # What this poll brought was read before its partition's state was there: it is read again.
            self._restore()
        elif records:
            self._delivery.received({at.partition: batch[-1].offset + 1 for at, batch in records.items()})
            for at, batch in records.items():
                self._delivery.emit(self._partitions[at.partition].process(batch))
        if time.monotonic() >= self._commit_at:
            self._commit(rebalancing=False)

    def _commit(self, rebalancing: bool) -> None:
        changes = {number: partition.changes() for number, partition in self._partitions.items()}
        offsets = {
            number: partition.offset
            for number, partition in self._partitions.items()
            if changes[number] and partition.offset is not None
        }
        if offsets:
            self._delivery.commit(changes, offsets, rebalancing)
            self._failures = 0
            self._count()
        self._commit_at = time.monotonic() + self._instructions.interval_s

    def _count(self) -> None:
        """What is read again after a failed commit must not count twice, so only what is committed does."""
        counted: dict[Counter, int] = dict(self._counted)
        for partition in self._partitions.values():
            for name, count in partition.counters().items():
                counted[name] += count
        if counted != self._counted:
            self._counted = counted
            report_counters(counted)

    def _spoil(self) -> None:
        """What was emitted since the last commit must not be committed any more."""
        self._spoiled = True
        self._give_up()

    def _give_up(self) -> None:
        self._partitions.clear()
        self._unrestored.clear()
        report([])

    def _start_over(self) -> None:
        self._delivery.abort()
        self._spoiled = False
        self._unrestored = {partition.partition for partition in self._consumer.assignment()}

    def _restore(self) -> None:
        inputs = {partition: TopicPartition(self._instructions.input, partition) for partition in self._unrestored}
        committed = {partition: self._consumer.committed(at) for partition, at in inputs.items()}
        states = restore(self._instructions, self._unrestored)
        for partition, at in inputs.items():
            state = states[partition]
            position = self._delivery.start(committed[partition], state.offset)
            if position is None:
                self._consumer.seek_to_beginning(at)
            else:
                self._consumer.seek(at, position)
            self._partitions[partition] = Partition(self._instructions.query, state)
        self._unrestored.clear()
        report(sorted(inputs))


def restore(instructions: Instructions, partitions: Iterable[int]) -> dict[int, State]:
    """The state of each partition as of its last commit.

    Reads to the end of the log, not to the last stable offset: so it waits for the outcome of a transaction that a
    former owner has left open. Raises KafkaTimeoutError if that takes longer than such a transaction may last.
    """
    changelogs = [TopicPartition(instructions.changelog, partition) for partition in partitions]
    restorations = {at: Restoration() for at in changelogs}
    settings = {
        "bootstrap_servers": instructions.bootstrap,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
    }
    with closing(KafkaConsumer(**settings, isolation_level="read_uncommitted")) as consumer:
        ends = consumer.end_offsets(changelogs)
    deadline = time.monotonic() + instructions.restore_timeout_s
    with closing(KafkaConsumer(**settings, isolation_level="read_committed")) as consumer:
        consumer.assign(changelogs)
        consumer.seek_to_beginning(*changelogs)
        while any(consumer.position(at) < ends[at] for at in changelogs):
            if time.monotonic() > deadline:
                raise KafkaTimeoutError(f"{instructions.changelog} was not read to {ends} in time")
            for at, records in consumer.poll(timeout_ms=_POLL_MS).items():
                for record in records:
                    restorations[at].take(record.key, record.value)
    return {at.partition: restoration.state() for at, restoration in restorations.items()}


def create_changelog(instructions: Instructions) -> None:
    """Make the changelog topic, unless another worker or an earlier run has."""
    topic = {"num_partitions": instructions.partitions, "configs": instructions.changelog_configs}
    admin = KafkaAdminClient(bootstrap_servers=instructions.bootstrap)
    with closing(admin), suppress(TopicAlreadyExistsError):
        admin.create_topics({instructions.changelog: topic}, wait_for_metadata=True)


def report(partitions: list[int]) -> None:
    print(" ".join(["assigned", str(os.getpid()), *map(str, partitions)]), flush=True)  # noqa: T201


def report_counters(counted: Mapping[Counter, int]) -> None:
    totals = [f"{name}={count}" for name, count in counted.items()]
    print(" ".join(["counters", str(os.getpid()), *totals]), flush=True)  # noqa: T201


def main() -> None:
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stdout, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    instructions = Instructions.read(Path(sys.argv[1]))
    resource.setrlimit(resource.RLIMIT_DATA, (instructions.memory_bytes, instructions.memory_bytes))
    create_changelog(instructions)
    report_counters({"late": 0, "broken": 0})
    worker = Worker(instructions)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    worker.run()


if __name__ == "__main__":
    main()
