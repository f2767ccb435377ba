"""Runs one query on one engine over one log: events in, rows out. What the conformance suite drives engines with.

Between this and `harness.trial` nothing is shared but the control events: no instruments, no measuring, no judge.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from engines.configuration import Layout, Settings
from engines.logs import connect
from engines.logs.protocol import Log, Writer
from engines.protocol import Cluster, Engine, Guarantee, Job, LogKind, RunningJob, Site, Topic
from harness.doctor import prepare
from harness.instruments.generator import closing_keys, heartbeat_key
from harness.problem import Problem
from harness.provisioning.progress import Lines
from tests.conformance.reference import Event, Row
from workloads.control import ControlEvent, answers, closing, heartbeat
from workloads.query import CHECK, ID, Query
from workloads.stream import CONTROL, CONTROL_IDS, partition_of

PARTITIONS = 4
INTERVAL_MS = 500
READY_S = 240.0
ANSWER_S = 240.0
_ROUND_S = 1.1
_LEAD_MS = 60_000
_LOSSY_QUIET_S = 40.0
_BATCH = 500


@dataclass(frozen=True)
class Outcome:
    """What an engine wrote: rows for the stream's own keys, sorted, with copies; and records that are no rows."""

    rows: list[Row]
    strange: list[bytes]


class Unanswered(Exception):
    """Closing keys were not answered in time, and yet nothing failed: no engine says by this what it cannot do."""


def log_of(engine: Engine) -> LogKind:
    """The log that an engine is checked on: Kafka, unless it knows the embedded one alone."""
    return "kafka" if "kafka" in engine.logs else "embedded"


class Stage:
    """Clusters by engine, each started once; close it in the end."""

    def __init__(self, folder: Path, broker: str | None) -> None:
        """broker: bootstrap address of a Kafka broker, None where only the embedded log is used."""
        self._folder, self._broker = folder, broker
        self._stack = ExitStack()
        self._clusters: dict[str, Cluster] = {}

    def close(self) -> None:
        self._stack.close()

    def cluster(self, engine: Engine) -> Cluster:
        if engine.name not in self._clusters:
            cluster = engine.open(self._site(engine))
            self._stack.callback(cluster.close)
            self._clusters[engine.name] = cluster
        return self._clusters[engine.name]

    def run(
        self,
        engine: Engine,
        query: Query,
        events: Sequence[Event],
        *,
        log: LogKind | None = None,
        guarantee: Guarantee = "exactly-once",
        mode: str | None = None,
        parallelism: int = 2,
        restart: bool = False,
        settings: Settings = "plain",
        layout: Layout = "process-per-task",
        raw: Sequence[tuple[str, bytes]] = (),
    ) -> Outcome:
        """Every row for the events, which are written in the order given, each to its key's partition.

        log: the engine's own where none is given. restart: the job is stopped after half of the events and submitted
        again. raw: (key, value) of records that are written amid the events as they are. Raises EngineFailure when the
        engine fails, and Unanswered when it does not answer in time.
        """
        job = self._job(engine, query, log or log_of(engine), guarantee, mode, parallelism)
        with _Run(replace(job, settings=settings, layout=layout), self.cluster(engine)) as run:
            half = len(events) // 2
            run.start()
            run.send(events[:half])
            for key, value in raw:
                run.write(partition_of(key, PARTITIONS), key, value)
            if restart:
                run.flush()
                run.wait_for_progress()
                run.stop()
                run.start()
            claim = engine.claim(guarantee, mode or next(iter(engine.modes)))
            run.send(events[half:])
            run.close_windows(claim.lossy)
            run.stop()
            outcome = run.outcome()
        updates = claim.emits == "updates"
        return Outcome(_last(query, outcome.rows), outcome.strange) if updates else outcome

    def _site(self, engine: Engine) -> Site:
        tools = prepare([engine], own_broker=False, report=Lines())[engine.name]
        if isinstance(tools, Problem):
            raise tools
        folder = self._folder / f"{engine.name}-{uuid.uuid4().hex[:6]}"
        for name in ("cluster", "logs", "cache"):
            (folder / name).mkdir(parents=True)
        return Site(
            directory=folder / "cluster",
            logs=folder / "logs",
            cache=folder / "cache",
            python=tools.python,
            root=tools.root,
            java_home=tools.java_home,
            jars=tools.jars,
        )

    def _job(
        self, engine: Engine, query: Query, log: LogKind, guarantee: Guarantee, mode: str | None, parallelism: int
    ) -> Job:
        name = f"{engine.name}-{uuid.uuid4().hex[:8]}"
        directory = self._folder / name
        directory.mkdir()
        if log == "kafka":
            assert self._broker is not None
            address = self._broker
        else:
            address = str(directory / "log")
        return Job(
            name=name,
            query=query,
            input=Topic(log, address, f"{name}-input", PARTITIONS),
            output=Topic(log, address, f"{name}-output", PARTITIONS),
            guarantee=guarantee,
            mode=mode or next(iter(engine.modes)),
            parallelism=parallelism,
            interval_ms=INTERVAL_MS,
            memory_mb=1024,
            directory=directory,
        )


class _Run:
    def __init__(self, job: Job, cluster: Cluster) -> None:
        self._job, self._cluster, self._query = job, cluster, job.query
        self._stack = ExitStack()
        self._control_id, self._largest_ms, self._beaten_ms = CONTROL_IDS, 0, 0
        self._values: list[bytes] = []
        self._seen = 0
        self._running: RunningJob | None = None

    def __enter__(self) -> _Run:
        log: Log = connect(self._job.input.address, self._job.input.log)
        self._stack.callback(log.close)
        for topic in (self._job.input, self._job.output):
            log.create(topic.name, PARTITIONS)
        self._writer: Writer = log.writer(self._job.input.name)
        self._stack.callback(self._writer.close)
        self._reader = log.reader(self._job.output.name, PARTITIONS)
        self._stack.callback(self._reader.close)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            self._stack.close()

    def start(self) -> None:
        self._running = self._cluster.submit(self._job)
        self._running.wait_ready(READY_S)

    def stop(self) -> None:
        if self._running is not None:
            running, self._running = self._running, None
            running.stop()

    def write(self, partition: int, key: str, value: bytes) -> None:
        self._writer.write(partition, [key.encode()], [value])

    def flush(self) -> None:
        self._writer.flush(30)

    def send(self, events: Sequence[Event]) -> None:
        for number, event in enumerate(events):
            key = event[self._query.key]
            self.write(partition_of(key, PARTITIONS), key, json.dumps(event, ensure_ascii=False).encode())
            self._largest_ms = max(self._largest_ms, event[self._query.time])
            # Heartbeats lag as far as an event may, so that they never lead the events of their partition.
            due_ms = self._largest_ms - self._query.watermark_delay_ms
            if due_ms >= self._beaten_ms + 1000 or number == len(events) - 1:
                self._beaten_ms = due_ms
                for partition in range(PARTITIONS):
                    self._control(heartbeat_key(partition), partition, max(due_ms, 0), heartbeat(self._query))

    def wait_for_progress(self) -> None:
        """Some rows, or a few commit intervals where none is due yet."""
        until_s = time.monotonic() + 6 * INTERVAL_MS / 1000
        while time.monotonic() < until_s and not any(CONTROL.encode() not in value for value in self._values):
            self._poll()

    def close_windows(self, lossy: bool) -> None:
        """Closing rounds until each closing key's first one is answered; then until nothing more comes.

        lossy: the answer to a closing key may be lost as any other row, so it is waited for while other rows come only.
        """
        self._largest_ms = self._largest_ms or time.time_ns() // 1_000_000
        first_ms, first_id = self._largest_ms + _LEAD_MS, self._control_id
        step_ms = -(-self._query.settle_ms // 1000) * 1000
        missing = set(closing_keys(PARTITIONS))
        deadline_s, next_s, rounds = time.monotonic() + ANSWER_S, 0.0, 0
        heard_s = time.monotonic()
        while missing:
            if time.monotonic() >= next_s:
                for name in closing_keys(PARTITIONS):
                    for event in closing(self._query):
                        self._control(name, int(name.split("-")[1]), first_ms + rounds * step_ms, event)
                self.flush()
                rounds, next_s = rounds + 1, time.monotonic() + _ROUND_S
            for value in self._poll():
                row = _decoded(value)
                if row is None or not row["key"].startswith(CONTROL):
                    heard_s = time.monotonic()
                elif row["key"] in missing and answers(self._query, row, first_ms, first_id):
                    missing.discard(row["key"])
                    heard_s = time.monotonic()
            # Later rounds of a partition may be answered for ever while another one's first is lost.
            if lossy and self._values and time.monotonic() - heard_s > _LOSSY_QUIET_S:
                break
            if time.monotonic() > deadline_s:
                raise Unanswered(f"closing keys {sorted(missing)} not answered in {ANSWER_S:g} s ({rounds} rounds)")
        still_s = time.monotonic() + 3 * INTERVAL_MS / 1000
        while time.monotonic() < still_s:
            self._poll()

    def outcome(self) -> Outcome:
        rows, strange = [], []
        for value in self._values:
            row = _decoded(value)
            if row is None:
                strange.append(value)
            elif not row["key"].startswith(CONTROL):
                rows.append(row)
        names = ("key", *self._query.identity)
        return Outcome(sorted(rows, key=lambda row: tuple(row.get(name, "") for name in names)), strange)

    def _poll(self) -> list[bytes]:
        if self._running is not None and (failure := self._running.failure()) is not None:
            raise failure
        found = [value for chunk in self._reader.poll(0.1) for value in chunk.values]
        self._values += found
        return found

    def _control(self, key: str, partition: int, time_ms: int, event: ControlEvent) -> None:
        fields: dict[str, Any] = {column.name: 0 for column in self._query.columns}
        if self._query.deduplicate:
            fields |= dict.fromkeys(self._query.deduplicate.columns, self._control_id)
        fields |= dict(event.values)
        fields |= {self._query.key: key, self._query.time: time_ms + event.after_ms, ID: self._control_id, CHECK: 1}
        self._control_id += 1
        self.write(partition, key, json.dumps(fields).encode())


def _last(query: Query, rows: Sequence[Row]) -> list[Row]:
    """Of each row that came several times the last; a key's rows are in one partition, so they are in order."""
    return list({tuple(row[name] for name in ("key", *query.identity)): row for row in rows}.values())


def _decoded(value: bytes) -> Row | None:
    try:
        row = json.loads(value)
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("key"), str) else None
