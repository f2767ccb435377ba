"""What a job says to Spark, by Spark's own names: pure functions of the job and the jars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from engines.protocol import Job

Settings = Mapping[str, str]


def tuning(job: Job) -> dict[str, str]:
    """The session's settings that bear on how fast and how safely it runs."""
    return {
        "spark.master": f"local-cluster[{job.parallelism},1,{job.memory_mb}]",
        "spark.executor.memory": f"{job.memory_mb}m",
        "spark.sql.shuffle.partitions": str(job.parallelism),
        "spark.sql.streaming.stateStore.providerClass": (
            "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
        ),
        "spark.sql.streaming.stateStore.checkpointFormatVersion": "2",
        "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }


def place(job: Job, jars: Iterable[Path], temporary: Path) -> dict[str, str]:
    """The session's settings that say where it is: name, addresses (loopback only), connector, temporary files."""
    java = f'-Djava.io.tmpdir="{temporary}"'
    connector = ":".join(str(jar) for jar in jars)
    return {
        "spark.app.name": job.name,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraClassPath": connector,
        "spark.executor.extraClassPath": connector,
        "spark.driver.extraJavaOptions": java,
        "spark.executor.extraJavaOptions": java,
    }


SOURCE: Settings = {"startingOffsets": "earliest", "kafka.isolation.level": "read_committed"}
"""Options of the Kafka source that are a choice; failOnDataLoss is true by default."""


def trigger(job: Job) -> str:
    return f"{job.interval_ms} milliseconds"


def reported(job: Job) -> dict[str, str]:
    """Every setting that differs from Spark's default, but for names, addresses and paths."""
    return {**tuning(job), **SOURCE, "processingTime": trigger(job)}
