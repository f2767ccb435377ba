"""What a job says to Spark, by Spark's own names: pure functions of the job and the jars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from engines.consumer_group import TUNED_TRANSACTION_MS
from engines.protocol import Job

Settings = Mapping[str, str]

MICRO_BATCH = "micro-batch"
HEAP_STATE = "heap-state"
REAL_TIME = "real-time"
EXACTLY_ONCE_SINK = "exactly-once-sink"

_ROCKSDB: Settings = {
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
    "spark.sql.streaming.stateStore.checkpointFormatVersion": "2",
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
}
_STATE: Mapping[str, Settings] = {
    MICRO_BATCH: _ROCKSDB,
    HEAP_STATE: {},
    EXACTLY_ONCE_SINK: _ROCKSDB,
    REAL_TIME: _ROCKSDB,
}
_PROMPT: Settings = {
    "spark.executor.heartbeatInterval": "1s",
    "spark.network.timeout": "10s",
    # How often it is looked at, a minute by itself: a driver does not start where that is longer than the time-out.
    "spark.network.timeoutInterval": "2s",
    # These would follow the time-out for heartbeats, and a driver on a busy machine takes longer to answer its own
    # executors as it starts: it would end. They stay at Spark's own.
    "spark.rpc.askTimeout": "120s",
    "spark.rpc.lookupTimeout": "120s",
}
"""How soon an executor that says nothing is given up where time-outs are tuned; Spark's own are 10 and 120 s."""

_SHORTEST_REAL_TIME_MS = 5_000
_SHUFFLES = 2
"""At most that many has a query in real-time mode: one to drop duplicates, and one for windows."""


def slots(job: Job) -> int:
    """How many tasks an executor has at a time: all of a query's at once in real-time mode, where they do not end."""
    tasks = job.input.partitions + _SHUFFLES * job.parallelism
    return -(-tasks // job.parallelism) if job.mode == REAL_TIME else 1


def tuning(job: Job) -> dict[str, str]:
    """The session's settings that bear on how fast and how safely it runs."""
    return {
        "spark.master": f"local-cluster[{job.parallelism},{slots(job)},{job.memory_mb}]",
        "spark.executor.memory": f"{job.memory_mb}m",
        "spark.sql.shuffle.partitions": str(job.parallelism),
        **_STATE[job.mode],
        **(_PROMPT if job.timeouts == "tuned" else {}),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


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


SOURCE: Settings = {"startingOffsets": "earliest", "kafka.isolation.level": "read_committed"}
"""Options of the Kafka source that are a choice; failOnDataLoss is true by default."""


JSON: Settings = {"allowSingleQuotes": "false"}
"""Options of from_json: by default it takes for JSON what is none."""


def producer(job: Job) -> dict[str, int]:
    """kafka-python's settings of the transactional sink, where they are not its own."""
    return {"transaction_timeout_ms": TUNED_TRANSACTION_MS} if job.timeouts == "tuned" else {}


def trigger(job: Job) -> dict[str, str]:
    """The argument of DataStreamWriter.trigger. In real-time mode the interval is that of checkpoints."""
    if job.mode == REAL_TIME:
        return {"realTime": f"{max(job.interval_ms, _SHORTEST_REAL_TIME_MS)} milliseconds"}
    return {"processingTime": f"{job.interval_ms} milliseconds"}


def output_mode(job: Job) -> str:
    """In real-time mode Spark knows no other than update: a window's row comes again whenever it changes."""
    return "update" if job.mode == REAL_TIME else "append"


def reported(job: Job) -> dict[str, str]:
    """Every setting that differs from Spark's default, but for names, addresses and paths."""
    updates = {"outputMode": output_mode(job)} if job.mode == REAL_TIME else {}
    sink = (
        {
            "sink": "foreachBatch",
            "transactional_id": "set",
            **{name: str(value) for name, value in producer(job).items()},
        }
        if job.mode == EXACTLY_ONCE_SINK
        else {}
    )
    return {**tuning(job), **SOURCE, **JSON, **trigger(job), **updates, **sink}
