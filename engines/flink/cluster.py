"""A Flink cluster on this machine: a JobManager and TaskManagers, started by the scripts that the wheel brings."""

from __future__ import annotations

import json
import random
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from engines.process import Process
from engines.protocol import EngineFailure, Job, Site

from . import settings
from .rest import Rest
from .running import FlinkJob

_PORTS = range(20_000, 32_000)
"""Below the ports that Linux hands out for outgoing connections, so that what is free stays free."""

_LOGGING = """\
rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
appender.console.name = console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %c{1} - %m%n
# The Kafka sink registers a metric again at every checkpoint, and is told off for it each time.
logger.metrics.name = org.apache.flink.metrics.MetricGroup
logger.metrics.level = ERROR
"""


def free_ports(count: int) -> list[int]:
    """Loopback ports that nothing listens on now."""
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise EngineFailure(f"{count} ports of {_PORTS.start} to {_PORTS.stop - 1} are not free on 127.0.0.1")


def home(python: Path) -> Path:
    """The folder of the wheel. Raises EngineFailure where there is none."""
    code = "from importlib.util import find_spec; print(find_spec('pyflink').submodule_search_locations[0])"
    asked = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        raise EngineFailure(f"{python} has no pyflink: {asked.stderr.strip().splitlines()[-1]}")
    return Path(asked.stdout.strip())


def java_options(configuration: Path) -> str:
    """env.java.opts.all of the wheel's configuration, which the scripts would ask a JVM of its own for."""
    found = re.search(r"^ +all: (.+)$", configuration.read_text(), re.MULTILINE)
    if found is None:
        raise EngineFailure("env.java.opts.all is not in the configuration of the Flink wheel", str(configuration))
    return f"-XX:+IgnoreUnrecognizedVMOptions {found[1]}"


def refuse_spaces(*paths: Path) -> None:
    """Raises EngineFailure for a path that Flink's scripts would take for several words."""
    for path in paths:
        if re.search(r"\s", str(path)):
            raise EngineFailure(
                "Flink's scripts cannot handle a path with spaces", str(path), "use a folder without spaces in its path"
            )


class FlinkCluster:
    """The JobManager starts at once, the TaskManagers with the first job, which says how large they are."""

    def __init__(self, name: str, site: Site) -> None:
        self._name, self._site = name, site
        self._home = home(site.python)
        refuse_spaces(self._home, site.directory, site.logs)
        self._conf = site.directory / "conf"
        self._temporary = site.directory / "tmp"
        self._temporary.mkdir()
        shutil.copytree(self._home / "conf", self._conf)
        for file in ("log4j-console.properties", "log4j-cli.properties"):
            (self._conf / file).write_text(_LOGGING)
        self._rpc, rest, self._blob = free_ports(3)
        self._address = f"127.0.0.1:{rest}"
        self._workers: list[Process] = []
        self._size: dict[str, str] = {}
        self._jobs: list[FlinkJob] = []
        self._manager = self._start(
            "jobmanager", {"rest.port": str(rest), "rest.bind-address": "127.0.0.1", **settings.MANAGER}
        )

    def submit(self, job: Job) -> FlinkJob:
        self._resize(job)
        description = self._site.directory / f"{job.name}.json"
        description.write_text(json.dumps(describe(job, self._site, self._address)))
        client = Process(
            f"{self._name}-client",
            [self._site.python, "-P", "-m", f"{__package__}.job", description],
            self._site.logs / f"{job.name}-client.log",
            env=self._environment() | {"PYTHONPATH": str(self._site.root)},
            cwd=self._site.directory,
        )
        running = FlinkJob(job, client, self._manager, self._workers, Rest(self._address))
        self._jobs.append(running)
        return running

    def close(self) -> None:
        for job in self._jobs:
            job.abandon()
        for process in (*self._workers, self._manager):
            process.stop()

    def _resize(self, job: Job) -> None:
        size = settings.workers(job)
        if size == self._size:
            return
        for process in self._workers:
            process.stop()
        self._size = size
        self._workers = [
            self._start("taskmanager", {"taskmanager.host": "127.0.0.1", **size}, f"-{number}")
            for number in range(settings.task_managers(job.parallelism))
        ]

    def _start(self, script: str, told: Mapping[str, str], suffix: str = "") -> Process:
        common = {
            "jobmanager.rpc.address": "127.0.0.1",
            "jobmanager.rpc.port": str(self._rpc),
            "jobmanager.bind-host": "127.0.0.1",
            "taskmanager.bind-host": "127.0.0.1",
            "blob.server.port": str(self._blob),
            "io.tmp.dirs": str(self._temporary),
        }
        words = [word for name, value in {**common, **told}.items() for word in ("-D", f"{name}={value}")]
        return Process(
            f"{self._name}-{script}{suffix}",
            ["bash", self._home / "bin" / f"{script}.sh", "start-foreground", *words],
            self._site.logs / f"{script}{suffix}.log",
            env=self._environment(),
            cwd=self._site.directory,
            unset=("FLINK_LIB_DIR", "FLINK_OPT_DIR", "FLINK_PLUGINS_DIR", "JVM_ARGS"),
        )

    def _environment(self) -> dict[str, str]:
        return {
            "JAVA_HOME": str(self._site.java_home),
            "FLINK_HOME": str(self._home),
            "FLINK_CONF_DIR": str(self._conf),
            "FLINK_LOG_DIR": str(self._site.logs),
            "FLINK_PID_DIR": str(self._site.directory),
            "FLINK_ENV_JAVA_OPTS": f"{java_options(self._conf / 'config.yaml')} -Djava.io.tmpdir={self._temporary}",
            "TMPDIR": str(self._temporary),
        }


def describe(job: Job, site: Site, rest: str) -> dict[str, object]:
    """What the client needs to know, as JSON."""
    host, _, port = rest.rpartition(":")
    return {
        "query": job.query.to_json(),
        "rest": rest,
        "slots": settings.task_managers(job.parallelism) * settings.slots(job.parallelism),
        "configuration": {
            **settings.pipeline(job),
            "execution.target": "remote",
            "rest.address": host,
            "rest.port": port,
            "pipeline.name": job.name,
            "pipeline.jars": ";".join(jar.as_uri() for jar in site.jars["flink-kafka"]),
            "execution.checkpointing.dir": (job.directory / "checkpoints").as_uri(),
        },
        "input": {
            "connector": "kafka",
            "topic": job.input.name,
            "properties.bootstrap.servers": job.input.location,
            "properties.group.id": job.name,
            "format": "json",
            **settings.SOURCE,
        },
        "output": {
            "connector": "kafka",
            "topic": job.output.name,
            "properties.bootstrap.servers": job.output.location,
            "key.format": "raw",
            "key.fields": "key",
            "value.format": "json",
            **settings.sink(job),
        },
    }
