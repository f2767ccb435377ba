"""What a job says to Flink, by Flink's own names: pure functions of the job."""

from __future__ import annotations

from collections.abc import Mapping

from engines.protocol import Guarantee, Job

Settings = Mapping[str, str]

_MODES: Mapping[Guarantee, str] = {"at-least-once": "AT_LEAST_ONCE", "exactly-once": "EXACTLY_ONCE"}

TRANSACTION_TIMEOUT_MS = 900_000
"""The longest that a broker allows by default (transaction.max.timeout.ms); the connector's own hour is refused."""


def task_managers(parallelism: int) -> int:
    """At least two, so that a job outlives one of them."""
    return max(2, parallelism)


def slots(parallelism: int) -> int:
    """Slots a TaskManager: enough for the whole job when one TaskManager is gone."""
    return -(-parallelism // (task_managers(parallelism) - 1))


def workers(job: Job) -> dict[str, str]:
    """What the cluster's processes are told beside the configuration that the wheel brings."""
    return {
        "taskmanager.memory.process.size": f"{job.memory_mb}m",
        # The state is on the heap; managed memory only buffers the windows' local aggregation.
        "taskmanager.memory.managed.fraction": "0.1",
        "taskmanager.numberOfTaskSlots": str(slots(job.parallelism)),
    }


MANAGER: Settings = {
    # Subtasks would otherwise fill the slots of one TaskManager first.
    "taskmanager.load-balance.mode": "SLOTS",
}


def pipeline(job: Job) -> dict[str, str]:
    """The submitted job's own configuration."""
    return {
        "parallelism.default": str(job.parallelism),
        "execution.checkpointing.interval": f"{job.interval_ms} ms",
        "execution.checkpointing.mode": _MODES[job.guarantee],
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "table.local-time-zone": "UTC",
    }


SOURCE: Settings = {"scan.startup.mode": "earliest-offset", "properties.isolation.level": "read_committed"}
"""Options of the input table that are a choice."""


def sink(job: Job) -> dict[str, str]:
    """Options of the output table that are a choice."""
    if job.guarantee != "exactly-once":
        return {"sink.delivery-guarantee": job.guarantee}
    return {
        "sink.delivery-guarantee": job.guarantee,
        "sink.transactional-id-prefix": job.name,
        "properties.transaction.timeout.ms": str(TRANSACTION_TIMEOUT_MS),
    }


def reported(job: Job) -> dict[str, str]:
    """Every setting that differs from the default of Flink or of its wheel, but for names, addresses and paths."""
    return {**MANAGER, **workers(job), **pipeline(job), **SOURCE, **sink(job)}
