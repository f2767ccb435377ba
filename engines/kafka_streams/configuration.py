"""What a job says to Kafka Streams and its JVM, by their own names, each with a reason: pure functions."""

from __future__ import annotations

from pathlib import Path

from engines.configuration import Options, Setting, given
from engines.consumer_group import TUNED_HEARTBEAT_MS, TUNED_SESSION_MS, TUNED_TRANSACTION_MS
from engines.protocol import Guarantee, Job
from workloads.query import Running

RETENTION = "retention-1h"
DEFAULT_RETENTION = "default-retention"

_RETENTION_MS = 3_600_000
"""How long a window is kept after it has closed."""

_PROCESSING: dict[Guarantee, str] = {"exactly-once": "exactly_once_v2", "at-least-once": "at_least_once"}
_OWN_COMMIT_MS: dict[Guarantee, int] = {"exactly-once": 100, "at-least-once": 30_000}
_OWN_TRANSACTION_MS = 10_000
_TRANSACTION_INTERVALS = 3
"""A transaction stays open for a whole commit interval; Kafka Streams refuses a time-out below that."""

LEAST_PROCESS_MB = 256
"""A quarter for RocksDB and a half for the heap are then as little as the smallest application was run with."""

_EMIT_INTERVAL = "__emit.interval.ms.kstreams.windowed.aggregation__"
_MEMORY = "https://kafka.apache.org/43/streams/developer-guide/memory-mgmt/"


def heap_mb(process_mb: int) -> int:
    """Half of a process is Java heap. A quarter is left to what neither heap nor RocksDB counts: metaspace, compiled
    code, thread stacks, network buffers.
    """
    return process_mb // 2


def rocksdb_mb(process_mb: int) -> int:
    """A quarter is RocksDB's cache, with its memtables inside."""
    return process_mb // 4


def java(job: Job) -> list[str]:
    """The JVM's options. One that the user's JAVA_TOOL_OPTIONS choose is not a second collector beside it."""
    chosen = ["-XX:-UseSerialGC", "-XX:-UseG1GC", "-XX:+UseParallelGC"]
    parallel = chosen if job.settings == "recommended" else []
    return [f"-Xmx{heap_mb(job.process_memory_mb)}m", *parallel, "-XX:+ExitOnOutOfMemoryError"]


def retention_ms(job: Job) -> int | None:
    """How long a window store keeps a window, from its start on; None for the default or where there is no such store.

    A time window's length is part of it: Kafka Streams refuses one that is shorter.
    """
    if job.mode != RETENTION or job.query.time_window is None:
        return None
    return job.query.settle_ms + _RETENTION_MS


def commit_ms(job: Job) -> int:
    """How often the job commits, in milliseconds."""
    return _OWN_COMMIT_MS[job.guarantee] if job.own_interval else job.interval_ms


def streams(job: Job) -> dict[str, Setting]:
    """StreamsConfig, by its own names, as far as it differs from the defaults; names and addresses apart."""
    limit = f"{_MEMORY}: the limit of a worker process counts RocksDB's memory too"
    config = {"rocksdb.config.setter": Setting("BoundedRocksDB", "asked", limit, "none")}
    if (threads := job.parallelism // job.workers) > 1:
        config["num.stream.threads"] = Setting(str(threads), "asked", "the parallelism, in one process", "1")
    own_ms = _OWN_COMMIT_MS[job.guarantee]
    if commit_ms(job) != own_ms:
        config["commit.interval.ms"] = Setting(str(commit_ms(job)), "asked", "the interval", str(own_ms))
    if job.guarantee == "exactly-once":
        config["processing.guarantee"] = Setting(_PROCESSING[job.guarantee], "asked", "the guarantee", "at_least_once")
        config |= _transaction(job)
    else:
        # Under exactly_once_v2 Kafka Streams sets this by itself.
        config["main.consumer.isolation.level"] = Setting(
            "read_committed", "right answer", "the input is written in transactions", "read_uncommitted"
        )
    if job.timeouts == "tuned":
        why = "time-outs are tuned: how soon a dead instance is noticed"
        config["session.timeout.ms"] = Setting(str(TUNED_SESSION_MS), "asked", why, "45000")
        config["heartbeat.interval.ms"] = Setting(str(TUNED_HEARTBEAT_MS), "asked", why, "3000")
    if job.settings == "recommended":
        config |= _recommended(job)
    foreign = "on a Kafka that is not ours: event time runs ahead of its clock, and nothing may go before it is read"
    for name, value in job.topic_settings.items():
        config[f"topic.{name}"] = Setting(value, "right answer", foreign, "the cluster's own")
    return config | given(job.options, checked=True)


def _transaction(job: Job) -> dict[str, Setting]:
    wanted_ms = TUNED_TRANSACTION_MS if job.timeouts == "tuned" else _OWN_TRANSACTION_MS
    transaction_ms = max(wanted_ms, _TRANSACTION_INTERVALS * commit_ms(job))
    if transaction_ms == _OWN_TRANSACTION_MS:
        return {}
    why = "time-outs are tuned" if job.timeouts == "tuned" else "a transaction stays open for a commit interval"
    own = str(_OWN_TRANSACTION_MS)
    return {"producer.transaction.timeout.ms": Setting(str(transaction_ms), "asked", why, own)}


def _recommended(job: Job) -> dict[str, Setting]:
    fetch = "Kafka's consumer configurations: fewer, larger polls"
    linger = "Kafka's producer configurations: Streams waits for 100 ms, the producer itself for 5"
    chosen = {
        "max.poll.records": Setting("5000", "recommended", fetch, "1000"),
        "producer.linger.ms": Setting("5", "recommended", linger, "100"),
    }
    if job.query.time_window is not None:
        emit = "KAFKA-12199, an internal setting: closed windows are looked for at every record, not once a second"
        chosen[_EMIT_INTERVAL] = Setting("0", "recommended", emit, "1000")
    return chosen


def reported(job: Job) -> dict[str, Setting]:
    """Every setting that differs from its default, the JVM's and the topology's beside StreamsConfig."""
    limit = f"{_MEMORY}: shares of the limit of a worker process, {job.process_memory_mb} MiB"
    cache = rocksdb_mb(job.process_memory_mb)
    chosen = {
        "-Xmx": Setting(f"{heap_mb(job.process_memory_mb)}m", "asked", limit, "a quarter of the machine's memory"),
        "-XX:+ExitOnOutOfMemoryError": Setting("true", "this harness", "an instance that cannot go on ends", "false"),
        "LRUCache": Setting(f"{cache} MiB, shared by all stores", "asked", limit, "50 MiB a store"),
        "WriteBufferManager": Setting(f"{cache // 2} MiB, inside the cache", "asked", limit, "none"),
        "CloseOptions.groupMembershipOperation": Setting(
            "LEAVE_GROUP", "this harness", "a job that is stopped and submitted again starts at once", "REMAIN_IN_GROUP"
        ),
        "instances": Setting(str(job.workers), "asked", "the parallelism and the layout"),
    }
    if job.settings == "recommended":
        why = "Oracle's guide to garbage collection: the collector for throughput, on few cores"
        chosen["-XX:+UseParallelGC"] = Setting("true", "recommended", why, "Serial or G1, by the machine")
    if job.query.time_window is not None:
        chosen["EmitStrategy"] = Setting(
            "onWindowClose", "right answer", "a window has one final row", "onWindowUpdate"
        )
    if retention_ms(job) is not None:
        chosen["Materialized.withRetention"] = Setting(
            f"{retention_ms(job)} ms", "right answer", "docs/findings/kafka-streams-window-loss", "size + grace"
        )
    if isinstance(job.query.shape, Running):
        chosen["Materialized.withCachingDisabled"] = Setting(
            "true", "right answer", "every event has a row of its own; the cache would leave out some", "false"
        )
    return chosen | streams(job)


_WHERE = "the harness says where processes are"
_WHAT = "the suite says it, for all engines alike"
_RIGHT = "a right answer rests on it"
_CLIENTS = ("consumer.", "main.consumer.", "restore.consumer.", "global.consumer.", "producer.", "admin.")


_STREAMS_ALONE = frozenset(
    (
        "application.id",
        "application.server",
        "state.dir",
        "commit.interval.ms",
        "processing.guarantee",
        "num.stream.threads",
        "rocksdb.config.setter",
        "default.key.serde",
        "default.value.serde",
    )
)
"""Options that none of its clients has."""


def _refused() -> dict[str, str]:
    refused = {
        "application.id": _WHERE,
        "application.server": "what is started binds to loopback only",
        "bootstrap.servers": _WHERE,
        "state.dir": _WHERE,
        "commit.interval.ms": f"{_WHAT}: set `interval`",
        "processing.guarantee": f"{_WHAT}: set `guarantee`",
        "num.stream.threads": f"{_WHAT}: set `parallelism` and `layout`",
        "rocksdb.config.setter": f"{_WHAT}: set `worker_memory`",
        "isolation.level": _RIGHT,
        "auto.offset.reset": _RIGHT,
        "default.key.serde": _RIGHT,
        "default.value.serde": _RIGHT,
        "enable.auto.commit": _RIGHT,
        "group.id": _WHERE,
        "client.id": _WHERE,
        "transactional.id": _WHERE,
        "key.deserializer": _RIGHT,
        "value.deserializer": _RIGHT,
        "key.serializer": _RIGHT,
        "value.serializer": _RIGHT,
    }
    own = [name for name in refused if name not in _STREAMS_ALONE]
    return refused | {f"{client}{name}": refused[name] for client in _CLIENTS for name in own}


def _known() -> frozenset[str]:
    """Every name that Kafka Streams, its consumers, producers and admin client have: options.txt, which a test holds to
    what they say themselves.
    """
    return frozenset(Path(__file__).with_name("options.txt").read_text().split())


OPTIONS = Options(refused=_refused(), known=_known())
