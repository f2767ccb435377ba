"""What a job says to Flink, by Flink's own names: pure functions of the job."""

from __future__ import annotations

from collections.abc import Mapping

from engines.protocol import Guarantee, Job
from workloads.query import Deduplicate

from .api import api

Settings = Mapping[str, str]

ROCKSDB_MODE = "sql-rocksdb"

_MODES: Mapping[Guarantee, str] = {"at-least-once": "AT_LEAST_ONCE", "exactly-once": "EXACTLY_ONCE"}

TRANSACTION_TIMEOUT_MS = 900_000
"""The longest that a broker allows by default (transaction.max.timeout.ms); the connector's own hour is refused."""

_LEAST_TTL_MS = 3_600_000


def task_managers(parallelism: int) -> int:
    """At least two, so that a job outlives one of them."""
    return max(2, parallelism)


def slots(parallelism: int) -> int:
    """Slots a TaskManager: enough for the whole job when one TaskManager is gone."""
    return -(-parallelism // (task_managers(parallelism) - 1))


def workers(job: Job) -> dict[str, str]:
    """What the cluster's processes are told beside the configuration that the wheel brings."""
    memory = {"taskmanager.memory.process.size": f"{job.memory_mb}m"}
    if job.mode != ROCKSDB_MODE:
        # The state is on the heap; managed memory only buffers the windows' local aggregation.
        memory["taskmanager.memory.managed.fraction"] = "0.1"
    return {**memory, **heartbeats(job), SLOTS: str(slots(job.parallelism))}


SLOTS = "taskmanager.numberOfTaskSlots"
FETCH_MS = 1000
"""How old metrics may be until they are asked for again."""

MANAGER: Settings = {
    # Subtasks would otherwise fill the slots of one TaskManager first.
    "taskmanager.load-balance.mode": "SLOTS",
    # Metrics are read as counters, and would otherwise be ten seconds old.
    "metrics.fetcher.update-interval": f"{FETCH_MS} ms",
}

_HEARTBEATS: Settings = {"heartbeat.interval": "1000", "heartbeat.timeout": "5000"}
"""How soon a dead TaskManager is noticed where time-outs are tuned; Flink's own are 10 and 50 s."""

_RESTART: Settings = {
    # Forever is the default: a job that fails again and again then stands still and never says so.
    "restart-strategy.type": "exponential-delay",
    "restart-strategy.exponential-delay.attempts-before-reset-backoff": "20",
    "restart-strategy.exponential-delay.max-backoff": "10 s",
    "restart-strategy.exponential-delay.reset-backoff-threshold": "30 s",
}


_PROMPT_RESTART: Settings = {
    "restart-strategy.type": "fixed-delay",
    # Counted over the job's whole life: a strike takes one or several.
    "restart-strategy.fixed-delay.attempts": "200",
    "restart-strategy.fixed-delay.delay": "500 ms",
}
"""Where time-outs are tuned, a restart does not wait ever longer."""


def heartbeats(job: Job) -> Settings:
    """What all processes of the cluster are told of how soon a dead one is noticed."""
    return _HEARTBEATS if job.timeouts == "tuned" else {}


def manager(job: Job) -> dict[str, str]:
    """What the JobManager is told."""
    return {**MANAGER, **heartbeats(job)}


def pipeline(job: Job) -> dict[str, str]:
    """The submitted job's own configuration."""
    restart = _RESTART if job.timeouts == "default" else _PROMPT_RESTART
    chosen = {
        "parallelism.default": str(job.parallelism),
        "execution.checkpointing.interval": f"{job.interval_ms} ms",
        "execution.checkpointing.mode": _MODES[job.guarantee],
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "table.local-time-zone": "UTC",
        **restart,
    }
    if job.mode == ROCKSDB_MODE:
        chosen |= {"state.backend.type": "rocksdb", "execution.checkpointing.incremental": "true"}
    if api(job.query, job.mode) == "datastream":
        # In the TaskManagers' own processes. Beam's servers, which feed Python in processes of its own, listen on every
        # interface of the machine, without a password, and take no address.
        chosen["python.execution-mode"] = "thread"
    elif job.query.deduplicate is not None:
        # No other operator that SQL answers with a deduplication has state that this applies to.
        chosen["table.exec.state.ttl"] = f"{deduplicate_ttl_ms(job.query.deduplicate)} ms"
    return chosen


def deduplicate_ttl_ms(rule: Deduplicate) -> int:
    """How long of wall time a value is remembered: generously, since a job may lag behind event time."""
    return max(_LEAST_TTL_MS, 60 * rule.within_ms)


SOURCE: Settings = {
    "scan.startup.mode": "earliest-offset",
    "properties.isolation.level": "read_committed",
    # A record that is no event would otherwise fail the job each time that it is read again.
    "json.ignore-parse-errors": "true",
}
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
    return {**manager(job), **workers(job), **pipeline(job), **SOURCE, **sink(job)}
