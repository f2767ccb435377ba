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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engines.protocol import Counter, Guarantee
from workloads.query import Query

from .changelog import Restoration, State
from .client import Client, ClientError, Library, client
from .delivery import DELIVERIES
from .partition import Partition

_POLL_S = 0.1
"""A stop is noticed this late at most."""
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
    library: Library
    """The library that reads and writes."""
    consumer: Mapping[str, Any]
    """Its settings of a consumer; the broker's address among them."""
    producer: Mapping[str, Any]
    """Its settings of a producer."""

    @staticmethod
    def read(path: Path) -> Instructions:
        data = json.loads(path.read_text())
        return Instructions(**{**data, "query": Query.from_json(data["query"])})

    def client(self) -> Client:
        return client(self.library, self.input, self.consumer, self.producer)


class Worker:
    """The loop, and what it does when partitions come and go (`client.Listener`).

    A library may tell of that on a thread that must not wait for the consumer in turn. So partitions that come are only
    noted then, and restored by the loop.
    """

    def __init__(self, instructions: Instructions) -> None:
        self._instructions = instructions
        self._client = instructions.client()
        self._consumer = self._client.consumer()
        self._delivery = DELIVERIES[instructions.guarantee](instructions, self._client, self._consumer)
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
        self._consumer.subscribe(self)
        try:
            while not self._stopping:
                try:
                    self._turn()
                except ClientError as error:
                    self._failures += 1
                    if self._failures > _FAILURES:
                        raise
                    log.warning("starting over from the last commit: %s", error)
                    self._spoil()
            self._commit(rebalancing=False)
        finally:
            self._give_up()
            self._consumer.close()
            self._delivery.close()

    def revoked(self) -> None:
        try:
            self._commit(rebalancing=True)
        except ClientError as error:
            log.warning("what was not committed is left to the next owner: %s", error)
            self._spoiled = True
        self._give_up()

    def lost(self) -> None:
        log.warning("lost %s", sorted(self._partitions))
        self._spoil()

    def assigned(self, partitions: set[int]) -> None:
        self._unrestored = partitions
        if not partitions:
            report([])

    def _turn(self) -> None:
        records = self._consumer.poll(_POLL_S)
        if self._spoiled:
            self._start_over()
        elif self._unrestored:
            # What this poll brought was read before its partition's state was there: it is read again.
            self._restore()
        elif records:
            self._delivery.received({partition: batch[-1].offset + 1 for partition, batch in records.items()})
            for partition, batch in records.items():
                self._delivery.emit(self._partitions[partition].process(batch))
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
        self._unrestored = self._consumer.assignment()

    def _restore(self) -> None:
        committed = self._consumer.committed(self._unrestored)
        states = restore(self._client, self._instructions, self._unrestored)
        starts = {each: self._delivery.start(committed[each], states[each].offset) for each in self._unrestored}
        self._consumer.start_at(starts)
        self._partitions.update((each, Partition(self._instructions.query, states[each])) for each in starts)
        self._unrestored = set()
        report(sorted(starts))


def restore(client: Client, instructions: Instructions, partitions: Iterable[int]) -> dict[int, State]:
    """The state of each partition as of its last commit. Raises ClientError."""
    restorations = {partition: Restoration() for partition in partitions}
    read = client.read(instructions.changelog, tuple(restorations), instructions.restore_timeout_s)
    for partition, key, value in read:
        restorations[partition].take(key, value)
    return {partition: restoration.state() for partition, restoration in restorations.items()}


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
    instructions.client().create_topic(instructions.changelog, instructions.partitions, instructions.changelog_configs)
    report_counters({"late": 0, "broken": 0})
    worker = Worker(instructions)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    worker.run()


if __name__ == "__main__":
    main()
