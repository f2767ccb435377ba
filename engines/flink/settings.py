"""What a job says to Flink, by Flink's own names and with a reason each: pure functions of the job."""

from __future__ import annotations

from collections.abc import Mapping

from engines.configuration import Options, Setting, SettingsByName, given
from engines.protocol import Guarantee, Job
from workloads.query import Deduplicate

from .api import api

ROCKSDB_MODE = "sql-rocksdb"

_MODES: Mapping[Guarantee, str] = {"at-least-once": "AT_LEAST_ONCE", "exactly-once": "EXACTLY_ONCE"}

TRANSACTION_TIMEOUT_MS = 900_000
"""The longest that a broker allows by default (transaction.max.timeout.ms); the connector's own hour is refused."""

_LEAST_TTL_MS = 3_600_000

_OWN_PROCESS_MB = 1728
"""taskmanager.memory.process.size of the configuration that Flink brings."""

LEAST_PROCESS_MB = 768
"""Metaspace (256), overhead (192), framework heap and off-heap (128 each) and network (64) are fixed parts."""

SLOTS = "taskmanager.numberOfTaskSlots"
FETCH_MS = 1000
"""How old metrics may be until they are asked for again."""

_MANUAL = "https://nightlies.apache.org/flink/flink-docs-release-2.3/docs"


def task_managers(job: Job) -> int:
    """One that runs all tasks; or one a task and at least two, so that a job outlives one of them."""
    return 1 if job.layout == "one-process" else max(2, job.parallelism)


def slots(job: Job) -> int:
    """Slots a TaskManager: enough for the whole job, and when one of several TaskManagers is gone as well."""
    others = max(1, task_managers(job) - 1)
    return -(-job.parallelism // others)


def workers(job: Job) -> dict[str, Setting]:
    """What the cluster's processes are told beside the configuration that the wheel brings."""
    chosen = {
        "taskmanager.memory.process.size": Setting(
            f"{job.process_memory_mb}m", "asked", "the limit of a worker process", f"{_OWN_PROCESS_MB}m"
        ),
        SLOTS: Setting(str(slots(job)), "asked", "the parallelism; with several TaskManagers, one may fail", "1"),
        **_managed(job),
        **heartbeats(job),
    }
    return chosen | _mine(job, "cluster")


def _managed(job: Job) -> dict[str, Setting]:
    """With the state on the heap, managed memory only buffers the windows' local aggregation."""
    name, default = "taskmanager.memory.managed.fraction", "0.4"
    if job.mode == ROCKSDB_MODE:
        return {}
    if job.settings == "recommended":
        source = f"{_MANUAL}/deployment/memory/mem_setup_tm/#managed-memory: not needed for state on the heap"
        return {name: Setting("0.1", "recommended", source, default)}
    if job.process_memory_mb < _OWN_PROCESS_MB:
        why = f"a process smaller than Flink's own of {_OWN_PROCESS_MB} MiB would have next to no heap for the state"
        return {name: Setting("0.1", "right answer", why, default)}
    return {}


MANAGER: SettingsByName = {
    "taskmanager.load-balance.mode": Setting(
        "SLOTS", "this harness", "subtasks would otherwise fill the slots of one TaskManager first", "NONE"
    ),
    "metrics.fetcher.update-interval": Setting(
        f"{FETCH_MS} ms", "this harness", "the counts of dropped events are read from metrics", "10 s"
    ),
}


def heartbeats(job: Job) -> dict[str, Setting]:
    """What all processes of the cluster are told of how soon a dead one is noticed."""
    if job.timeouts != "tuned":
        return {}
    why = "time-outs are tuned: how soon a dead process is noticed"
    return {
        "heartbeat.interval": Setting("1000", "asked", why, "10000"),
        "heartbeat.timeout": Setting("5000", "asked", why, "50000"),
    }


def manager(job: Job) -> dict[str, Setting]:
    """What the JobManager is told."""
    return {**MANAGER, **heartbeats(job), **_mine(job, "cluster")}


def _restart(job: Job) -> dict[str, Setting]:
    if job.timeouts == "default":
        why = "a job that fails again and again would otherwise restart for ever and never say so"
        delay = "restart-strategy.exponential-delay"
        return {
            "restart-strategy.type": Setting("exponential-delay", "this harness", "named, for its bounds to count"),
            f"{delay}.attempts-before-reset-backoff": Setting("20", "this harness", why, "infinite"),
            f"{delay}.max-backoff": Setting("10 s", "this harness", why, "1 min"),
            f"{delay}.reset-backoff-threshold": Setting("30 s", "this harness", why, "1 h"),
        }
    why = "time-outs are tuned: a restart does not wait ever longer"
    return {
        "restart-strategy.type": Setting("fixed-delay", "asked", why, "exponential-delay"),
        # Counted over the job's whole life: a strike takes one or several.
        "restart-strategy.fixed-delay.attempts": Setting("200", "asked", why, "1"),
        "restart-strategy.fixed-delay.delay": Setting("500 ms", "asked", why, "1 s"),
    }


_RECOMMENDED_PIPELINE: SettingsByName = {
    "pipeline.auto-watermark-interval": Setting(
        "50 ms", "recommended", f"{_MANUAL}/deployment/config/#pipeline-auto-watermark-interval: latency", "200 ms"
    ),
    "execution.buffer-timeout.interval": Setting(
        "10 ms", "recommended", f"{_MANUAL}/dev/datastream/execution/execution_configuration/: latency", "100 ms"
    ),
}


def pipeline(job: Job) -> dict[str, Setting]:
    """The submitted job's own configuration."""
    kept = "a job that is submitted again goes on from its newest checkpoint"
    chosen = {
        "parallelism.default": Setting(str(job.parallelism), "asked", "the parallelism", "1"),
        "execution.checkpointing.interval": Setting(f"{job.interval_ms} ms", "asked", "the interval"),
        "execution.checkpointing.mode": Setting(_MODES[job.guarantee], "asked", "the guarantee", "EXACTLY_ONCE"),
        "execution.checkpointing.externalized-checkpoint-retention": Setting(
            "RETAIN_ON_CANCELLATION", "this harness", kept, "NO_EXTERNALIZED_CHECKPOINTS"
        ),
        "table.local-time-zone": Setting("UTC", "right answer", "rows tell event time in UTC"),
        **_restart(job),
    }
    if job.mode == ROCKSDB_MODE:
        incremental = f"{_MANUAL}/ops/state/large_state_tuning/: incremental checkpoints"
        chosen |= {
            "state.backend.type": Setting("rocksdb", "asked", "the mode", "hashmap"),
            "execution.checkpointing.incremental": Setting("true", "asked", f"the mode; {incremental}", "false"),
        }
    if job.settings == "recommended":
        chosen |= _RECOMMENDED_PIPELINE
    if api(job.query, job.mode) == "datastream":
        # Beam's servers, which feed Python in processes of its own, listen on every interface of the machine, without a
        # password, and take no address.
        why = "in the TaskManagers' own processes: the servers of the other way listen on every interface"
        chosen["python.execution-mode"] = Setting("thread", "this harness", why, "process")
    elif job.query.deduplicate is not None:
        # No other operator that SQL answers with a deduplication has state that this applies to.
        ttl = f"{deduplicate_ttl_ms(job.query.deduplicate)} ms"
        chosen["table.exec.state.ttl"] = Setting(ttl, "right answer", "values are not remembered for ever", "0 ms")
    return chosen | _mine(job, "job")


def deduplicate_ttl_ms(rule: Deduplicate) -> int:
    """How long of wall time a value is remembered: generously, since a job may lag behind event time."""
    return max(_LEAST_TTL_MS, 60 * rule.within_ms)


def source(job: Job) -> dict[str, Setting]:
    """Options of the input table that are a choice."""
    broken = "a record that is no event would otherwise fail the job each time that it is read again"
    chosen = {
        "scan.startup.mode": Setting("earliest-offset", "asked", "the whole input is read", "group-offsets"),
        "properties.isolation.level": Setting(
            "read_committed", "right answer", "the input is written in transactions", "read_uncommitted"
        ),
        "json.ignore-parse-errors": Setting("true", "asked", broken, "false"),
    }
    if job.settings == "recommended":
        why = "Kafka's consumer configurations: fewer, larger polls"
        chosen["properties.max.poll.records"] = Setting("5000", "recommended", why, "500")
    return chosen | _mine(job, "source")


def sink(job: Job) -> dict[str, Setting]:
    """Options of the output table that are a choice."""
    chosen = {"sink.delivery-guarantee": Setting(job.guarantee, "asked", "the guarantee", "at-least-once")}
    if job.guarantee == "exactly-once":
        chosen |= {
            "sink.transactional-id-prefix": Setting(job.name, "right answer", "exactly-once needs one a job"),
            "properties.transaction.timeout.ms": Setting(
                str(TRANSACTION_TIMEOUT_MS), "right answer", "a broker refuses the connector's own", "3600000"
            ),
        }
        if job.settings == "recommended":
            why = "the Kafka connector's manual: transactional ids are used again, which brokers from 3.0 on allow"
            chosen["sink.transaction-naming-strategy"] = Setting("pooling", "recommended", why, "incrementing")
    return chosen | _mine(job, "sink")


def reported(job: Job) -> dict[str, Setting]:
    """Every setting that differs from the default of Flink or of its wheel, but for names, addresses and paths."""
    return {**manager(job), **workers(job), **pipeline(job), **source(job), **sink(job)}


_CLUSTER = ("taskmanager.", "jobmanager.", "cluster.", "slotmanager.", "env.", "akka.", "pekko.", "blob.", "heartbeat.")


def _mine(job: Job, part: str) -> dict[str, Setting]:
    """The user's own options that go to a part of what Flink is told: `cluster`, `job`, `source` or `sink`.

    `source.properties.X` and `sink.properties.X` go to one of the two tables, `properties.X` to both.
    """
    found = {}
    for name, value in job.options.items():
        place, own = _place(name)
        if part in place:
            found[own] = value
    return given(found, checked=False)


def _place(name: str) -> tuple[tuple[str, ...], str]:
    """Which parts an option goes to, and its name there."""
    for table in ("source", "sink"):
        if name.startswith(f"{table}.properties."):
            return (table,), name.removeprefix(f"{table}.")
    if name.startswith("properties."):
        return ("source", "sink"), name
    if name.startswith(("json.", "scan.")):
        return ("source",), name
    if name.startswith(("sink.", "value.json.")):
        return ("sink",), name
    return ("cluster",) if name.startswith(_CLUSTER) else ("job",), name


_WHERE = "the harness says where processes are"
_WHAT = "the suite says it, for all engines alike"
_RIGHT = "a right answer rests on it"

OPTIONS = Options(
    refused={
        "execution.checkpointing.interval": f"{_WHAT}: set `interval`",
        "execution.checkpointing.mode": f"{_WHAT}: set `guarantee`",
        "sink.delivery-guarantee": f"{_WHAT}: set `guarantee`",
        "parallelism.default": f"{_WHAT}: set `parallelism`",
        "table.exec.resource.default-parallelism": f"{_WHAT}: set `parallelism`",
        "scan.parallelism": f"{_WHAT}: set `parallelism`",
        "sink.parallelism": f"{_WHAT}: set `parallelism`",
        "taskmanager.memory.process.size": f"{_WHAT}: set `worker_memory`",
        "taskmanager.memory.flink.size": f"{_WHAT}: set `worker_memory`",
        "state.backend.type": "it is the mode's: see `streamgauge list engines`",
        "state.backend": "it is the mode's: see `streamgauge list engines`",
        SLOTS: f"{_WHAT}: set `parallelism` and `layout`",
        "scan.startup.mode": _RIGHT,
        "scan.bounded.*": _RIGHT,
        "properties.isolation.level": _RIGHT,
        "source.properties.isolation.level": _RIGHT,
        "properties.bootstrap.servers": _WHERE,
        "source.properties.bootstrap.servers": _WHERE,
        "sink.properties.bootstrap.servers": _WHERE,
        "properties.group.id": _WHERE,
        "source.properties.group.id": _WHERE,
        "sink.transactional-id-prefix": _WHERE,
        "table.local-time-zone": _RIGHT,
        "execution.target": _WHERE,
        "execution.runtime-mode": "the input has no end",
        "execution.checkpointing.externalized-checkpoint-retention": "a restart goes on from it",
        "execution.checkpointing.dir": _WHERE,
        "execution.state-recovery.*": _WHERE,
        "execution.savepoint.*": _WHERE,
        "execution.checkpointing.storage": _WHERE,
        "execution.checkpointing.create-subdir": _WHERE,
        "state.checkpoints.dir": _WHERE,
        "state.checkpoints.create-subdir": _WHERE,
        "state.checkpoint-storage": _WHERE,
        "state.backend.fs.checkpointdir": _WHERE,
        "python.*": _WHERE,
        "rest.*": _WHERE,
        "jobmanager.rpc.*": _WHERE,
        "jobmanager.bind-host": "what is started binds to loopback only",
        "taskmanager.bind-host": "what is started binds to loopback only",
        "taskmanager.host": "what is started binds to loopback only",
        "blob.server.port": _WHERE,
        "io.tmp.dirs": _WHERE,
        "pipeline.name": _WHERE,
    }
)
"""Flink itself refuses an option of a table that it does not know; of the others it lists none."""
