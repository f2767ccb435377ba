"""A Kafka client for Python: the consume-transform-produce loop that a user would write, as processes in a group.

State lives in plain dictionaries and in a changelog topic. See `partition` for how a query is answered, `changelog` for
how state is kept, `delivery` for what each guarantee does and promises, `client` for what is asked of a library. A mode
is a library: what a row costs is mostly the library's. Over kafka-python the loop itself (JSON by the standard library,
checks, windows) was measured to take 40 % of an event's time, and kafka-python the rest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from engines.configuration import Layout, Options, Settings, SettingsByName, Store, values
from engines.consumer_group import ConsumerGroup
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

from . import configuration
from .configuration import CONFLUENT, KAFKA_PYTHON, LEAST_PROCESS_MB

NAME = __package__.rpartition(".")[2].replace("_", "-")

_ORDERS: Mapping[Guarantee, str] = {
    "exactly-once": "rows, changelog and offsets in one transaction",
    "at-least-once": "rows, then the changelog, then the offsets",
    "at-most-once": "offsets before their events are taken, then the changelog, then the rows",
}
"""What each guarantee commits in which order: see `delivery`."""


class KafkaClient:
    name = NAME
    version = "kafka-python 3.0.12, confluent-kafka 2.16.1"
    modes: Mapping[str, str] = {
        KAFKA_PYTHON: "a consumer group of processes over kafka-python, which is pure Python; state in a compacted "
        "changelog topic",
        CONFLUENT: "the same over confluent-kafka, which is librdkafka, in C",
    }
    logs: tuple[LogKind, ...] = ("kafka",)
    environment = Environment(group="kafka-client")
    roles: tuple[Role, ...] = ("worker",)
    poison: Poison = "skipped"
    limits: Mapping[str, str] = {}
    settings: tuple[Settings, ...] = ("plain",)
    layouts: tuple[Layout, ...] = ("process-per-task",)
    stores: Mapping[str, Store] = {KAFKA_PYTHON: "Python objects", CONFLUENT: "Python objects"}
    has_interval = False
    least_memory_mb = LEAST_PROCESS_MB

    def options(self, mode: str) -> Options:
        return configuration.options(mode)

    def reported(self, job: Job) -> SettingsByName:
        return configuration.reported(job)

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
        group = ConsumerGroup(
            workers, job.input.partitions, values(configuration.reported(job)), of_group(job.input, job.name)
        )
        self._submitted.append(group)
        return group

    def plan(self, job: Job, timeout_s: float) -> str:  # noqa: ARG002
        """There is none but the loop that is written here."""
        how = support(job.query).detail or "each record by itself"
        loop = "poll, decode JSON, take each event into the state, send the rows that are due, commit once an interval"
        return f"{loop}\nstate: {how}\ncommit: {_ORDERS[job.guarantee]}"

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
    consumer, producer = configuration.clients(job)
    address = {configuration.ADDRESS[job.mode]: job.input.address}
    # One id for each worker, the same after a restart: the new process ends its predecessor's open transaction.
    identity = f"{job.name}-{number}" if job.guarantee == "exactly-once" else None
    return {
        "query": job.query.to_json(),
        "guarantee": job.guarantee,
        "input": job.input.name,
        "output": job.output.name,
        "changelog": f"{job.name}-changelog",
        "changelog_configs": configuration.changelog_configs(job),
        "partitions": job.input.partitions,
        "interval_s": job.interval_ms / 1000,
        "memory_bytes": job.process_memory_mb << 20,
        "restore_timeout_s": configuration.restore_s(job),
        "library": job.mode,
        "consumer": address | {configuration.GROUP[job.mode]: job.name} | consumer,
        "producer": address | ({configuration.IDENTITY[job.mode]: identity} if identity else {}) | producer,
    }


engine = KafkaClient()
