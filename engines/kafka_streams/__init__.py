"""Kafka Streams: one application, several instances, a JVM each; its topology is in QueryTopology.java."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from engines.consumer_group import (
    TUNED_HEARTBEAT_MS,
    TUNED_SESSION_MS,
    TUNED_TRANSACTION_MS,
    ConsumerGroup,
)
from engines.java_classes import compiled
from engines.logs.offsets import of_group
from engines.process import Process
from engines.protocol import (
    Claim,
    EngineFailure,
    Environment,
    Guarantee,
    Job,
    LogKind,
    Poison,
    Role,
    Rollback,
    RunningJob,
    Site,
    Support,
)
from workloads.query import Aggregate, Count, Query, Running, StateMachine, Top, Until, Windowed

SOURCES, MAIN = Path(__file__).parent, "Application"

NAME = __package__.rpartition(".")[2].replace("_", "-")
JARS = "kafka-streams"

_RETENTION_MS = 3_600_000
"""How long a window is kept after it has closed."""
_RETENTION = "retention-1h"
_PROCESSING_GUARANTEE = {"exactly-once": "exactly_once_v2", "at-least-once": "at_least_once"}
_DEFAULT_COMMIT_MS = {"exactly-once": 100, "at-least-once": 30_000}
_DEFAULT_TRANSACTION_MS = 10_000
_TRANSACTION_INTERVALS = 3
"""A transaction stays open for a whole commit interval; Kafka Streams refuses a time-out below that."""

_SLF4J = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.logFile=System.out",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)


_JUMP = (
    "as event time jumps by more than the retention of an hour, closed windows that were not emitted yet (they are "
    "looked for once a second) are not found any more"
)


class KafkaStreams:
    name = NAME
    version = "4.3.1"
    modes: Mapping[str, str] = {
        _RETENTION: "windows retained for an hour after they close, so that a fail-over finds those it has yet to emit",
        # Its first look for closed windows walks the store's cache from the epoch on, a segment at a time, and the
        # default retention makes segments a minute short: some ten seconds of CPU for each partition.
        "default-retention": "window stores retained for size + grace, the default: windows may be lost, sessions also "
        "without a failure, and the very first rows come late",
    }
    logs: tuple[LogKind, ...] = ("kafka",)
    environment = Environment(jars=(JARS,), java=17)
    roles: tuple[Role, ...] = ("worker",)
    # LogAndFailExceptionHandler, the default: a thread that meets the record ends. Skipping it is another handler, and
    # leaves no trace but a line in the log and one in a metric that counts late records as well.
    poison: Poison = "fatal"
    limits: Mapping[str, str] = dict.fromkeys(("event-time-jump-tumbling", "event-time-jump-session"), _JUMP)

    def support(self, query: Query, guarantee: Guarantee, mode: str) -> Support:
        if mode not in self.modes:
            return Support("unsupported", f"no mode {mode}; there are {', '.join(self.modes)}")
        if guarantee not in _PROCESSING_GUARANTEE:
            return Support("unsupported", "processing.guarantee is at_least_once or exactly_once_v2")
        emulation = "; ".join(_emulations(query))
        return Support("emulated", emulation) if emulation else Support("native")

    def claim(self, guarantee: Guarantee, mode: str) -> Claim:
        # Closed windows are looked for once a second of wall time, and what is older than the retention is not found
        # unless the record cache has it; sessions have none (docs/findings/kafka-streams-window-loss).
        early = "closed windows may be lost: on a fail-over, as event time is caught up, sessions also without either"
        lost = "" if mode == _RETENTION else early
        return Claim(processing=guarantee, delivery=guarantee, note=lost, lossy=mode != _RETENTION)

    def rollback(self, query: Query, mode: str) -> Rollback:  # noqa: ARG002
        """An instance that dies takes the transaction of its one thread with it; the others commit by themselves."""
        return "worker"

    def open(self, site: Site) -> KafkaStreamsCluster:
        return KafkaStreamsCluster(site)


class KafkaStreamsCluster:
    """Kafka Streams has no cluster of its own: an application's instances are its only processes."""

    def __init__(self, site: Site) -> None:
        """Raises EngineFailure if the application cannot be compiled."""
        if site.java_home is None:
            raise EngineFailure(f"{NAME} needs a JDK and none was given", remedy="install a JDK 17 or later")
        self._java = site.java_home / "bin" / "java"
        self._logs = site.logs
        jars = site.jars[JARS]
        classes = compiled(SOURCES, site.cache, site.java_home, jars)
        self._class_path = ":".join(map(str, (classes, *jars)))
        self._submitted: list[ConsumerGroup] = []

    def submit(self, job: Job) -> RunningJob:
        heap_mb, rocksdb_mb = memory(job.memory_mb)
        workers = []
        for number in range(job.parallelism):
            directory = job.directory / f"worker-{number}"
            # RocksDB unpacks its library to there, and whoever is killed leaves it behind.
            temporary = directory / "tmp"
            temporary.mkdir(parents=True, exist_ok=True)
            instructions = directory / "job.json"
            instructions.write_text(json.dumps(application(job, directory, rocksdb_mb), indent=1))
            name = f"{NAME}-worker-{number}"
            workers.append(
                Process(
                    name,
                    [
                        self._java,
                        f"-Xmx{heap_mb}m",
                        "-XX:+ExitOnOutOfMemoryError",
                        f"-Djava.io.tmpdir={temporary}",
                        *_SLF4J,
                        "-cp",
                        self._class_path,
                        MAIN,
                        instructions,
                    ],
                    self._logs / f"{name}.log",
                )
            )
        # Its application.id is the name of its consumer group.
        group = ConsumerGroup(workers, job.input.partitions, settings(job), of_group(job.input, job.name))
        self._submitted.append(group)
        return group

    def close(self) -> None:
        for group in self._submitted:
            group.stop()


def _emulations(query: Query) -> Iterator[str]:
    """What stands in where the DSL has no word, in a phrase each."""
    if query.deduplicate is not None:
        yield "Processor API: a window store of first events"
    match query.shape:
        case Windowed(window=Count() | Until()):
            yield "Processor API: a key-value store of each key's open windows"
        case StateMachine():
            yield "Processor API: a key-value store of each key's state"
        case Windowed(top=Top()):
            yield "an aggregate that holds every item of a window, ranked as the window closes"


def memory(limit_mb: int) -> tuple[int, int]:
    """How an instance's limit is shared out, in MiB: half is Java heap, a quarter is RocksDB's cache and memtables.

    The last quarter is left to what neither counts: metaspace, compiled code, thread stacks, network buffers.
    """
    return limit_mb // 2, limit_mb // 4


def application(job: Job, directory: Path, rocksdb_mb: int) -> dict[str, object]:
    """What one instance reads, as JSON. directory: the instance's own, for its state."""
    names = {
        "application.id": job.name,
        "bootstrap.servers": job.input.address,
        "state.dir": str(directory / "state"),
    }
    query = job.query
    return {
        "query": json.loads(query.to_json()),
        "outputs": [asdict(output) for output in outputs(query)],
        "fields": query.row_fields,
        "input": job.input.name,
        "output": job.output.name,
        "retention_ms": retention_ms(job),
        "rocksdb_bytes": rocksdb_mb << 20,
        "settings": names | streams_config(job),
    }


def outputs(query: Query) -> tuple[Aggregate, ...]:
    match query.shape:
        case Windowed(outputs=found) | Running(outputs=found):
            return found
        case _:
            return ()


def retention_ms(job: Job) -> int | None:
    """How long a window store keeps a window, from its start on; None for the default or where there is no such store.

    A time window's length is part of it: Kafka Streams refuses one that is shorter.
    """
    if job.mode != _RETENTION or job.query.time_window is None:
        return None
    return job.query.settle_ms + _RETENTION_MS


def streams_config(job: Job) -> dict[str, str]:
    """StreamsConfig, by its own names, as far as it differs from the defaults; names and addresses apart."""
    config = {"rocksdb.config.setter": "BoundedRocksDB"}
    if job.interval_ms != _DEFAULT_COMMIT_MS[job.guarantee]:
        config["commit.interval.ms"] = str(job.interval_ms)
    if job.guarantee == "exactly-once":
        config["processing.guarantee"] = _PROCESSING_GUARANTEE[job.guarantee]
        wanted_ms = TUNED_TRANSACTION_MS if job.timeouts == "tuned" else _DEFAULT_TRANSACTION_MS
        transaction_ms = max(wanted_ms, _TRANSACTION_INTERVALS * job.interval_ms)
        if transaction_ms != _DEFAULT_TRANSACTION_MS:
            config["producer.transaction.timeout.ms"] = str(transaction_ms)
    else:
        # Under exactly_once_v2 Kafka Streams sets this by itself; the input may be written in transactions.
        config["main.consumer.isolation.level"] = "read_committed"
    if job.timeouts == "tuned":
        config["session.timeout.ms"] = str(TUNED_SESSION_MS)
        config["heartbeat.interval.ms"] = str(TUNED_HEARTBEAT_MS)
    return config


def settings(job: Job) -> dict[str, str]:
    """Every setting that differs from its default, the JVM's and the topology's beside StreamsConfig."""
    heap_mb, rocksdb_mb = memory(job.memory_mb)
    chosen = {
        "-Xmx": f"{heap_mb}m",
        "-XX:+ExitOnOutOfMemoryError": "true",
        "LRUCache": f"{rocksdb_mb} MiB, shared by all stores",
        "WriteBufferManager": f"{rocksdb_mb // 2} MiB, inside the cache",
        "CloseOptions.groupMembershipOperation": "LEAVE_GROUP",
        "instances": str(job.parallelism),
    }
    if job.query.time_window is not None:
        chosen["EmitStrategy"] = "onWindowClose"
    if retention_ms(job) is not None:
        chosen["Materialized.withRetention"] = f"{retention_ms(job)} ms"
    if isinstance(job.query.shape, Running):
        chosen["Materialized.withCachingDisabled"] = "true"
    return chosen | streams_config(job)


engine = KafkaStreams()
