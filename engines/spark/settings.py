"""What a job says to Spark, by Spark's own names and with a reason each: pure functions of the job and the jars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from engines.configuration import Options, Setting, given
from engines.consumer_group import TUNED_TRANSACTION_MS
from engines.protocol import Job

MICRO_BATCH = "micro-batch"
HEAP_STATE = "heap-state"
REAL_TIME = "real-time"
EXACTLY_ONCE_SINK = "exactly-once-sink"

_OVERHEAD_SHARE, _LEAST_OVERHEAD_MB = 0.1, 384
"""spark.executor.memoryOverhead: a tenth of the heap, and this at least. Spark tells a resource manager so and holds
nobody to it; here the limit of a process is both together."""

_LEAST_HEAP_MB = 450
"""Spark refuses an executor with less than 1.5 times the 300 MiB that it reserves."""

LEAST_PROCESS_MB = _LEAST_HEAP_MB + _LEAST_OVERHEAD_MB

_GUIDE = "https://spark.apache.org/docs/4.2.0/streaming/apis-on-dataframes-and-datasets.html"

_PROMPT: Mapping[str, tuple[str, str]] = {
    "spark.executor.heartbeatInterval": ("1s", "10s"),
    "spark.network.timeout": ("10s", "120s"),
    # How often it is looked at, a minute by itself: a driver does not start where that is longer than the time-out.
    "spark.network.timeoutInterval": ("2s", "60s"),
    # These would follow the time-out for heartbeats, and a driver on a busy machine takes longer to answer its own
    # executors as it starts: it would end. They stay at Spark's own.
    "spark.rpc.askTimeout": ("120s", "spark.network.timeout"),
    "spark.rpc.lookupTimeout": ("120s", "spark.network.timeout"),
}
"""How soon an executor that says nothing is given up where time-outs are tuned, and what Spark's own time is."""

_SHORTEST_REAL_TIME_MS = 5_000
_SHUFFLES = 2
"""At most that many has a query in real-time mode: one to drop duplicates, and one for windows."""

_STORE = "spark.sql.streaming.stateStore"


def heap_mb(process_mb: int) -> int:
    """The heap of an executor whose process may take so much: the heap and its overhead are the whole."""
    return min(process_mb - _LEAST_OVERHEAD_MB, int(process_mb / (1 + _OVERHEAD_SHARE)))


def cores(job: Job) -> int:
    """How many tasks an executor has at a time: all of a query's at once in real-time mode, where they do not end."""
    tasks = job.input.partitions + _SHUFFLES * job.parallelism if job.mode == REAL_TIME else job.parallelism
    return -(-tasks // job.workers)


def _state(job: Job) -> dict[str, Setting]:
    if job.mode == HEAP_STATE:
        return {}
    provider = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    chosen = {
        f"{_STORE}.providerClass": Setting(provider, "asked", "the mode", "HDFSBackedStateStoreProvider"),
    }
    changelog = f"{_STORE}.rocksdb.changelogCheckpointing.enabled"
    if job.settings == "recommended":
        source = f"{_GUIDE}#rocksdb-state-store-changelog-checkpointing: shorter checkpoints"
        chosen[changelog] = Setting("true", "recommended", source, "false")
        untracked = f"{_GUIDE}#performance-aspect-considerations: fewer look-ups in RocksDB"
        chosen[f"{_STORE}.rocksdb.trackTotalNumberOfRows"] = Setting("false", "recommended", untracked, "true")
    return chosen


def session(job: Job) -> dict[str, Setting]:
    """The session's settings that bear on how fast and how safely it runs."""
    heap = heap_mb(job.process_memory_mb)
    limit = f"a worker process of {job.process_memory_mb} MiB: the heap and Spark's overhead beside it"
    chosen = {
        "spark.master": Setting(
            f"local-cluster[{job.workers},{cores(job)},{job.process_memory_mb}]",
            "asked",
            "the parallelism and the layout, executors being processes of their own",
        ),
        "spark.executor.memory": Setting(f"{heap}m", "asked", limit, "1g"),
        "spark.sql.shuffle.partitions": Setting(str(job.parallelism), "asked", "the parallelism", "200"),
        **_state(job),
        "spark.ui.enabled": Setting("false", "this harness", "what is started binds to loopback only", "true"),
        "spark.ui.showConsoleProgress": Setting("false", "this harness", "the log is read by the harness"),
    }
    if job.timeouts == "tuned":
        why = "time-outs are tuned: how soon a dead executor is noticed"
        chosen |= {name: Setting(value, "asked", why, own) for name, (value, own) in _PROMPT.items()}
    return chosen | given({name: value for name, value in job.options.items() if name.startswith("spark.")}, False)


def place(name: str, jars: Iterable[Path], temporary: Path) -> dict[str, str]:
    """The session's settings that say where it is: name, addresses (loopback only), connector, temporary files."""
    java = f'-Djava.io.tmpdir="{temporary}"'
    connector = ":".join(str(jar) for jar in jars)
    return {
        "spark.app.name": name,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraClassPath": connector,
        "spark.executor.extraClassPath": connector,
        "spark.driver.extraJavaOptions": java,
        "spark.executor.extraJavaOptions": java,
    }


_SOURCE = "source."
"""Of the user's options those that begin so are options of the Kafka source, without that."""


def source(job: Job) -> dict[str, Setting]:
    """Options of the Kafka source that are a choice; failOnDataLoss is true by default."""
    mine = {name.removeprefix(_SOURCE): value for name, value in job.options.items() if name.startswith(_SOURCE)}
    return {
        "startingOffsets": Setting("earliest", "asked", "the whole input is read", "latest"),
        "kafka.isolation.level": Setting(
            "read_committed", "right answer", "the input is written in transactions", "read_uncommitted"
        ),
        **given(mine, checked=False),
    }


JSON: Mapping[str, Setting] = {
    "allowSingleQuotes": Setting("false", "right answer", "it would take for JSON what is none", "true")
}
"""Options of from_json."""


def producer(job: Job) -> dict[str, str | int]:
    """librdkafka's settings of the transactional sink, where they are not its own."""
    return {"transaction.timeout.ms": TUNED_TRANSACTION_MS} if job.timeouts == "tuned" else {}


def trigger(job: Job) -> dict[str, str]:
    """The argument of DataStreamWriter.trigger. In real-time mode the interval is that of checkpoints. Spark's own is
    the next batch as soon as the one before is done.
    """
    if job.mode == REAL_TIME:
        return {"realTime": f"{max(job.interval_ms, _SHORTEST_REAL_TIME_MS)} milliseconds"}
    return {"processingTime": "0 seconds" if job.own_interval else f"{job.interval_ms} milliseconds"}


def output_mode(job: Job) -> str:
    """In real-time mode Spark knows no other than update: a window's row comes again whenever it changes."""
    return "update" if job.mode == REAL_TIME else "append"


def reported(job: Job) -> dict[str, Setting]:
    """Every setting that differs from Spark's default, but for names, addresses and paths."""
    chosen = session(job) | source(job) | dict(JSON)
    if not job.own_interval:
        name, value = next(iter(trigger(job).items()))
        chosen["trigger"] = Setting(f"{name}={value}", "asked", "the interval", "processingTime=0 seconds")
    if job.mode == REAL_TIME:
        chosen["outputMode"] = Setting(output_mode(job), "asked", "real-time mode knows no other", "append")
    if job.mode == EXACTLY_ONCE_SINK:
        chosen["sink"] = Setting("foreachBatch, a transaction a batch", "asked", "the mode", "kafka")
        why = "time-outs are tuned: how long a dead driver's transaction stays open"
        chosen |= {f"producer {name}": Setting(str(value), "asked", why) for name, value in producer(job).items()}
    return chosen


_WHERE = "the harness says where processes are"
_WHAT = "the suite says it, for all engines alike"

OPTIONS = Options(
    refused={
        "spark.master": f"{_WHAT}: set `parallelism` and `layout`",
        "spark.executor.memory": f"{_WHAT}: set `worker_memory`",
        "spark.executor.memoryOverhead": f"{_WHAT}: set `worker_memory`",
        "spark.executor.instances": f"{_WHAT}: set `parallelism` and `layout`",
        "spark.executor.cores": f"{_WHAT}: set `parallelism` and `layout`",
        "spark.cores.max": f"{_WHAT}: set `parallelism` and `layout`",
        f"{_STORE}.providerClass": "it is the mode's: see `streamgauge list engines`",
        "spark.app.name": _WHERE,
        "spark.driver.host": _WHERE,
        "spark.driver.bindAddress": "what is started binds to loopback only",
        "spark.ui.*": "what is started binds to loopback only",
        "spark.driver.extraClassPath": _WHERE,
        "spark.executor.extraClassPath": _WHERE,
        "spark.driver.extraJavaOptions": "temporary files are put by it",
        "spark.executor.extraJavaOptions": "temporary files are put by it",
        "spark.local.dir": _WHERE,
        "spark.sql.session.timeZone": "a right answer rests on it",
        "source.startingOffsets": "a right answer rests on it",
        "source.startingOffsetsByTimestamp": "a right answer rests on it",
        "source.endingOffsets": "a right answer rests on it",
        "source.subscribe*": _WHERE,
        "source.assign": _WHERE,
        "source.kafka.bootstrap.servers": _WHERE,
        "source.kafka.isolation.level": "the input is written in transactions",
        "source.kafka.group.id": _WHERE,
    },
    begin=("spark.", _SOURCE),
)
"""Names begin with `spark.`, or with `source.` for options of the Kafka source; Spark takes any such name."""
