"""kafka-python: the consume-transform-produce loop that a user would write, as a few processes in a consumer group.

State lives in plain dictionaries and in a changelog topic. See `partition` for how a query is answered, `changelog` for
how state is kept, `delivery` for what each guarantee does and promises. Events are decoded with the standard
library's json, which is a small part of the cost: most of it is kafka-python's own work for each record.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from engines.consumer_group import (
    TUNED_HEARTBEAT_MS,
    TUNED_SESSION_MS,
    TUNED_TRANSACTION_MS,
    ConsumerGroup,
)
from engines.logs.offsets import of_group
from engines.process import Process
from engines.protocol import (
    Claim,
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
from workloads.query import Join, Project, Query, Running, Session, Sliding, StateMachine, Top, Tumbling, Windowed

NAME = __package__.rpartition(".")[2].replace("_", "-")

CHANGELOG_CONFIGS = {
    "cleanup.policy": "compact",
    # Without transactions a crash can leave entries whose commit never came. They must not displace the committed ones
    # before the next commits have gone past them.
    "min.compaction.lag.ms": "3600000",
}

_MODE = "group"
_DEFAULT_TRANSACTION_MS = 60_000
_TRANSACTION_INTERVALS = 3
"""A transaction stays open for a whole commit interval, and its commit takes time as well."""
_ABORT_MARGIN_S = 30.0
"""The broker looks for overdue transactions every 10 s by default."""


class KafkaClient:
    name = NAME
    version = "3.0.12"
    modes: Mapping[str, str] = {_MODE: "a consumer group of processes; state in a compacted changelog topic"}
    logs: tuple[LogKind, ...] = ("kafka",)
    environment = Environment(group="kafka-client")
    roles: tuple[Role, ...] = ("worker",)
    poison: Poison = "skipped"
    limits: Mapping[str, str] = {}

    def support(self, query: Query, guarantee: Guarantee, mode: str) -> Support:  # noqa: ARG002
        if mode not in self.modes:
            return Support("unsupported", f"no mode {mode}; there are {', '.join(self.modes)}")
        return support(query)

    def claim(self, guarantee: Guarantee, mode: str) -> Claim:  # noqa: ARG002
        if guarantee == "at-least-once":
            return Claim("exactly-once", "at-least-once", "the state carries its input offset; only rows come again")
        return Claim(guarantee, guarantee)

    def rollback(self, query: Query, mode: str) -> Rollback:  # noqa: ARG002
        """The group gives the partitions of a dead worker to others, which go on with their own."""
        return "worker"

    def open(self, site: Site) -> KafkaClientCluster:
        return KafkaClientCluster(site)


class KafkaClientCluster:
    """There is no cluster: the workers of a job are its only processes."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._submitted: list[ConsumerGroup] = []

    def submit(self, job: Job) -> RunningJob:
        workers = []
        for number in range(job.parallelism):
            name = f"{NAME}-worker-{number}"
            path = job.directory / f"{name}.json"
            path.write_text(json.dumps(instructions(job, number), indent=1))
            workers.append(
                Process(
                    name,
                    # -P: the folder that it is started in is no place to import from.
                    [self._site.python, "-P", "-m", f"{__package__}.job", path],
                    self._site.logs / f"{name}.log",
                    env={"PYTHONPATH": str(self._site.root)},
                )
            )
        group = ConsumerGroup(workers, job.input.partitions, settings(job), of_group(job.input, job.name))
        self._submitted.append(group)
        return group

    def close(self) -> None:
        for group in self._submitted:
            group.stop()


def support(query: Query) -> Support:
    """The client reads and writes records; whatever has to be remembered from one to the next is written by hand."""
    match query.shape:
        case Windowed(window=Tumbling() | Sliding(), top=Top()):
            parts = ["items aggregated in panes of event time, ranked as a window closes"]
        case Windowed(window=Tumbling() | Sliding()):
            parts = ["panes of event time in dictionaries"]
        case Windowed(window=Session()):
            parts = ["open sessions in dictionaries, merged as events join them"]
        case Windowed() | Running() | StateMachine():
            parts = ["a step for each event over a key's state in a dictionary"]
        case Join():
            parts = ["buffers of both sides in dictionaries"]
        case Project():
            parts = []
    if query.deduplicate:
        parts.append("recent values in dictionaries")
    return Support("emulated", f"by hand: {'; '.join(parts)}") if parts else Support("native")


def instructions(job: Job, number: int) -> dict[str, object]:
    """What worker `number` reads, as JSON: the fields of `job.Instructions`."""
    address = {"bootstrap_servers": job.input.address}
    # One id for each worker, the same after a restart: the new process ends its predecessor's open transaction.
    identity = {"transactional_id": f"{job.name}-{number}"} if job.guarantee == "exactly-once" else {}
    return {
        "query": job.query.to_json(),
        "guarantee": job.guarantee,
        "input": job.input.name,
        "output": job.output.name,
        "changelog": f"{job.name}-changelog",
        "changelog_configs": CHANGELOG_CONFIGS,
        "partitions": job.input.partitions,
        "interval_s": job.interval_ms / 1000,
        "memory_bytes": job.memory_mb << 20,
        "restore_timeout_s": _transaction_ms(job) / 1000 + _ABORT_MARGIN_S,
        "consumer": address | {"group_id": job.name} | consumer_settings(job),
        "producer": address | identity | producer_settings(job),
    }


def consumer_settings(job: Job) -> dict[str, object]:
    """KafkaConsumer's arguments that differ from its defaults; names and addresses apart."""
    chosen: dict[str, object] = {
        "isolation_level": "read_committed",
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
    }
    if job.timeouts == "tuned":
        return chosen | {"session_timeout_ms": TUNED_SESSION_MS, "heartbeat_interval_ms": TUNED_HEARTBEAT_MS}
    return chosen


def producer_settings(job: Job) -> dict[str, object]:
    """KafkaProducer's arguments that differ from its defaults; names and addresses apart."""
    transaction_ms = _transaction_ms(job)
    if job.guarantee != "exactly-once" or transaction_ms == _DEFAULT_TRANSACTION_MS:
        return {}
    return {"transaction_timeout_ms": transaction_ms}


def settings(job: Job) -> dict[str, str]:
    """Every setting that differs from kafka-python's defaults, and those of the loop itself."""
    chosen = {f"KafkaConsumer.{name}": str(value) for name, value in consumer_settings(job).items()}
    chosen |= {f"KafkaProducer.{name}": str(value) for name, value in producer_settings(job).items()}
    if job.guarantee == "exactly-once":
        chosen["KafkaProducer.transactional_id"] = "one for each worker"
    return chosen | {
        **{f"changelog {name}": value for name, value in CHANGELOG_CONFIGS.items()},
        "commit interval": f"{job.interval_ms} ms",
        "kafka-python's extra": "crc32c, as its documentation advises: its own checksum is pure Python",
        "RLIMIT_DATA": f"{job.memory_mb} MiB",
        "workers": str(job.parallelism),
    }


def _transaction_ms(job: Job) -> int:
    """How long the next owner of a dead worker's partitions may wait for the transaction that it left open."""
    wanted = TUNED_TRANSACTION_MS if job.timeouts == "tuned" else _DEFAULT_TRANSACTION_MS
    return max(wanted, _TRANSACTION_INTERVALS * job.interval_ms)


engine = KafkaClient()
