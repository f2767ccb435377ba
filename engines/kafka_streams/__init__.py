"""Kafka Streams: one application, several instances, a JVM each; its topology is in QueryTopology.java."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from engines.configuration import LAYOUTS, SETTINGS, Options, SettingsByName, Store, values
from engines.consumer_group import ConsumerGroup
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

from . import configuration
from .configuration import DEFAULT_RETENTION, LEAST_PROCESS_MB, OPTIONS, RETENTION, retention_ms, rocksdb_mb

SOURCES, MAIN = Path(__file__).parent, "Application"

NAME = __package__.rpartition(".")[2].replace("_", "-")
JARS = "kafka-streams"

_GUARANTEES = ("exactly-once", "at-least-once")

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
        RETENTION: "windows retained for an hour after they close, so that a fail-over finds those it has yet to emit",
        # Its first look for closed windows walks the store's cache from the epoch on, a segment at a time, and the
        # default retention makes segments a minute short: some ten seconds of CPU for each partition.
        DEFAULT_RETENTION: "window stores retained for size + grace, the default: windows may be lost, sessions also "
        "without a failure, and the very first rows come late",
    }
    logs: tuple[LogKind, ...] = ("kafka",)
    environment = Environment(jars=(JARS,), java=17)
    roles: tuple[Role, ...] = ("worker",)
    # LogAndFailExceptionHandler, the default: a thread that meets the record ends. Skipping it is another handler, and
    # leaves no trace but a line in the log and one in a metric that counts late records as well.
    poison: Poison = "fatal"
    limits: Mapping[str, str] = dict.fromkeys(("event-time-jump-tumbling", "event-time-jump-session"), _JUMP)
    settings = SETTINGS
    layouts = LAYOUTS
    stores: Mapping[str, Store] = {RETENTION: "RocksDB", DEFAULT_RETENTION: "RocksDB"}
    has_interval = True
    least_memory_mb = LEAST_PROCESS_MB

    def options(self, mode: str) -> Options:  # noqa: ARG002
        return OPTIONS

    def reported(self, job: Job) -> SettingsByName:
        return configuration.reported(job)

    def support(self, query: Query, guarantee: Guarantee, mode: str) -> Support:
        if mode not in self.modes:
            return Support("unsupported", f"no mode {mode}; there are {', '.join(self.modes)}")
        if guarantee not in _GUARANTEES:
            return Support("unsupported", "processing.guarantee is at_least_once or exactly_once_v2")
        emulation = "; ".join(_emulations(query))
        return Support("emulated", emulation) if emulation else Support("native")

    def claim(self, guarantee: Guarantee, mode: str) -> Claim:
        # Closed windows are looked for once a second of wall time, and what is older than the retention is not found
        # unless the record cache has it; sessions have none (docs/findings/kafka-streams-window-loss).
        early = "closed windows may be lost: on a fail-over, as event time is caught up, sessions also without either"
        lost = "" if mode == RETENTION else early
        return Claim(processing=guarantee, delivery=guarantee, note=lost, lossy=mode != RETENTION)

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
        workers = []
        for number in range(job.workers):
            directory = job.directory / f"worker-{number}"
            # RocksDB unpacks its library to there, and whoever is killed leaves it behind.
            temporary = directory / "tmp"
            temporary.mkdir(parents=True, exist_ok=True)
            instructions = directory / "job.json"
            instructions.write_text(json.dumps(application(job, directory), indent=1))
            name = f"{NAME}-worker-{number}"
            workers.append(
                Process(
                    name,
                    [
                        self._java,
                        *configuration.java(job),
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
        group = ConsumerGroup(
            workers, job.input.partitions, values(configuration.reported(job)), of_group(job.input, job.name)
        )
        self._submitted.append(group)
        return group

    def plan(self, job: Job, timeout_s: float) -> str:
        """The topology, as Kafka Streams describes it. No broker is asked for it."""
        instructions = job.directory / "job.json"
        instructions.write_text(json.dumps(application(job, job.directory), indent=1))
        command = [str(self._java), "-cp", self._class_path, "Description", str(instructions)]
        try:
            asked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout_s)
        except subprocess.TimeoutExpired as late:
            raise EngineFailure(f"Kafka Streams did not describe its topology within {timeout_s:g} s") from late
        if asked.returncode != 0:
            raise EngineFailure(f"Kafka Streams did not describe its topology: {asked.stderr.strip()}")
        return asked.stdout

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


def application(job: Job, directory: Path) -> dict[str, object]:
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
        "rocksdb_bytes": rocksdb_mb(job.process_memory_mb) << 20,
        "settings": names | values(configuration.streams(job)),
    }


def outputs(query: Query) -> tuple[Aggregate, ...]:
    match query.shape:
        case Windowed(outputs=found) | Running(outputs=found):
            return found
        case _:
            return ()


engine = KafkaStreams()
