"""A Flink cluster on this machine: a JobManager and TaskManagers, started by the scripts that the wheel brings."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from engines.configuration import values
from engines.ports import free_ports
from engines.process import Process
from engines.protocol import EngineFailure, Job, Site

from . import checkpoints, settings
from .api import api
from .client import Client
from .rest import Rest
from .running import FlinkJob

_UNSET = ("FLINK_OPT_DIR", "FLINK_PLUGINS_DIR", "JVM_ARGS", "PYTHONDONTWRITEBYTECODE")

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


def wheel(python: Path) -> Path:
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


def refuse_without_library(python: Path) -> None:
    """Raises EngineFailure where TaskManagers could not load Python."""
    if not _said(python, "from find_libpython import find_libpython; print(find_libpython() or '')"):
        version = _said(python, "import sys; print(f'{sys.version_info.major}.{sys.version_info.minor}')")
        raise EngineFailure(
            "Flink's TaskManagers cannot load Python, by which this query is answered: there is no libpython",
            str(python),
            f"install it (on Debian and Ubuntu: apt-get install libpython{version or '3'})",
        )


def _said(python: Path, code: str) -> str:
    """What a line of code prints there; empty where it fails."""
    return subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False).stdout.strip()


def refuse_spaces(*paths: Path) -> None:
    """Raises EngineFailure for a path that Flink's scripts would take for several words."""
    for path in paths:
        if re.search(r"\s", str(path)):
            raise EngineFailure(
                "Flink's scripts cannot handle a path with spaces", str(path), "use a folder without spaces in its path"
            )


class FlinkCluster:
    """The JobManager and the client start at once, the TaskManagers with the first job, which says how large they are.

    They serve one job after another, as long as they are large and many enough.
    """

    def __init__(self, name: str, site: Site) -> None:
        self._name, self._site = name, site
        self._wheel = wheel(site.python)
        refuse_spaces(self._wheel, site.directory, site.logs)
        self._conf = site.directory / "conf"
        self._temporary = site.directory / "tmp"
        self._temporary.mkdir()
        shutil.copytree(self._wheel / "conf", self._conf)
        for file in ("log4j-console.properties", "log4j-cli.properties"):
            (self._conf / file).write_text(_LOGGING)
        self._library = library(site.directory / "lib", self._wheel, site.jars["flink-kafka"])
        self._rpc, self._port, self._blob = free_ports(3)
        self._address = f"127.0.0.1:{self._port}"
        self._workers: list[Process] = []
        self._size: dict[str, str] = {}
        self._submitted = 0
        self._completed: dict[str, int] = {}
        self._managing = values(settings.MANAGER)
        self._manager = self._start_manager()
        self._client = Client(self._start_client, site.directory / "requests")

    def submit(self, job: Job) -> FlinkJob:
        if api(job.query, job.mode) == "datastream":
            refuse_without_library(self._site.python)
        self._manage(job)
        self._provide(job)
        self._submitted += 1
        description = self._site.directory / f"{job.name}-{self._submitted}.json"
        description.write_text(json.dumps(describe(job, self._site, self._address)))
        submission = self._client.ask(description)
        return FlinkJob(job, submission, self._manager, self._workers, Rest(self._address), self._completed)

    def plan(self, job: Job, timeout_s: float) -> str:
        """The statements, and the plan that Flink's own EXPLAIN prints of them. Nothing runs, and no log is asked."""
        if api(job.query, job.mode) == "datastream":
            refuse_without_library(self._site.python)
        description = self._site.directory / f"{job.name}-explained.json"
        description.write_text(json.dumps(describe(job, self._site, self._address) | {"explain": True}))
        return self._client.ask(description).text("plan", timeout_s)

    def close(self) -> None:
        self._client.close()
        for process in (*self._workers, self._manager):
            process.stop()

    def _start_manager(self) -> Process:
        told = {"rest.port": str(self._port), "rest.bind-address": "127.0.0.1", **self._managing}
        return self._start("jobmanager", told)

    def _manage(self, job: Job) -> None:
        """See that the JobManager lives and is as the job needs it: one that died has forgotten its jobs."""
        wanted = values(settings.manager(job))
        if self._manager.exit_code is None and wanted == self._managing:
            return
        # Its TaskManagers would go on looking for the one that they know.
        for process in (*self._workers, self._manager):
            process.stop()
        self._workers, self._size, self._managing = [], {}, wanted
        self._manager = self._start_manager()

    def _provide(self, job: Job) -> None:
        """See that there are TaskManagers enough, all of them alive and as the job needs them."""
        wanted = values(settings.workers(job))
        have = dict(self._size)
        enough = int(have.pop(settings.SLOTS, "0")) >= int(wanted[settings.SLOTS])
        same = have == {name: value for name, value in wanted.items() if name != settings.SLOTS}
        many = len(self._workers) > settings.task_managers(job)
        if many or not (enough and same) or any(worker.exit_code is not None for worker in self._workers):
            for process in self._workers:
                process.stop()
            self._size, self._workers = wanted, []
        missing = range(len(self._workers), settings.task_managers(job))
        told = {"taskmanager.host": "127.0.0.1", **self._size}
        self._workers = [*self._workers, *(self._start("taskmanager", told, f"-{number}") for number in missing)]

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
            ["bash", self._wheel / "bin" / f"{script}.sh", "start-foreground", *words],
            self._site.logs / f"{script}{suffix}.log",
            env=self._environment(),
            cwd=self._site.directory,
            unset=_UNSET,
        )

    def _start_client(self, requests: Path) -> Process:
        return Process(
            f"{self._name}-client",
            [self._site.python, "-P", "-m", f"{__package__}.submitter", requests],
            self._site.logs / "client.log",
            env=self._environment(),
            cwd=self._site.directory,
            unset=_UNSET,
        )

    def _environment(self) -> dict[str, str]:
        return {
            "JAVA_HOME": str(self._site.java_home),
            "FLINK_HOME": str(self._wheel),
            "FLINK_LIB_DIR": str(self._library),
            "FLINK_CONF_DIR": str(self._conf),
            "FLINK_LOG_DIR": str(self._site.logs),
            "FLINK_PID_DIR": str(self._site.directory),
            "FLINK_ENV_JAVA_OPTS": f"{java_options(self._conf / 'config.yaml')} -Djava.io.tmpdir={self._temporary}",
            "TMPDIR": str(self._temporary),
            # Python in a TaskManager loads what a job's functions name, and is told of no environment but by this.
            "PYTHONPATH": os.pathsep.join(map(str, (self._site.root, self._wheel.parent))),
            # They import for seconds, and for several times as long from source.
            "PYTHONPYCACHEPREFIX": str(self._site.cache / "bytecode"),
        }


def library(folder: Path, installed: Path, connectors: Sequence[Path]) -> Path:
    """Fill the folder with links to the wheel's jars, Python's and the connectors: jobs that bring jars of their own
    would load them anew, one copy a job.
    """
    folder.mkdir()
    for jar in (*(installed / "lib").glob("*.jar"), *(installed / "opt").glob("flink-python-*.jar"), *connectors):
        (folder / jar.name).symlink_to(jar)
    return folder


def describe(job: Job, site: Site, rest: str) -> dict[str, object]:
    """What the client needs to know, as JSON."""
    host, _, port = rest.rpartition(":")
    restored = checkpoints.newest(job.directory)
    # CLAIM: a checkpoint that was gone on from is the new submission's to delete, like one of its own.
    recovery = {"execution.state-recovery.path": restored.as_uri()} if restored else {}
    return {
        "query": job.query.to_json(),
        "mode": job.mode,
        "rest": rest,
        "slots": settings.task_managers(job) * settings.slots(job),
        "configuration": {
            **values(settings.pipeline(job)),
            "execution.target": "remote",
            "execution.state-recovery.claim-mode": "CLAIM",
            **recovery,
            "rest.address": host,
            "rest.port": port,
            "pipeline.name": job.name,
            "python.executable": str(site.python),
            "python.client.executable": str(site.python),
            "execution.checkpointing.dir": checkpoints.folder(job.directory).as_uri(),
        },
        "input": {
            "connector": "kafka",
            "topic": job.input.name,
            "properties.bootstrap.servers": job.input.address,
            "properties.group.id": job.name,
            "format": "json",
            **values(settings.source(job)),
        },
        "output": {
            "connector": "kafka",
            "topic": job.output.name,
            "properties.bootstrap.servers": job.output.address,
            "key.format": "raw",
            "key.fields": "key",
            "value.format": "json",
            **values(settings.sink(job)),
        },
    }
