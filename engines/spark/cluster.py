"""A Spark cluster that lives as long as one job: a driver, and the executors that the driver starts."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engines.process import Process, tail
from engines.protocol import EngineFailure, Job, Role, Site

from . import settings
from .session import members

_READY = "^streaming query is ready"
_DRIVER = "org.apache.spark.deploy.SparkSubmit"
_EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"
_STOP_S = 10.0
_POLL_S = 0.02

_LOGGING = """\
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex
"""


def wheel(python: Path) -> Path:
    """The folder of PySpark. Raises EngineFailure where there is none."""
    code = "from importlib.util import find_spec; print(find_spec('pyspark').submodule_search_locations[0])"
    asked = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        raise EngineFailure(f"{python} has no pyspark: {asked.stderr.strip().splitlines()[-1]}")
    return Path(asked.stdout.strip())


def make_home(site: Site) -> Path:
    """A SPARK_HOME of our own, linked to the wheel's: Spark would put its executors' files into the wheel's folder."""
    home, installed = site.directory / "home", wheel(site.python)
    home.mkdir()
    for part in ("bin", "jars", "python"):
        (home / part).symlink_to(installed / part)
    executors = site.logs / "executors"
    executors.mkdir(parents=True, exist_ok=True)
    (home / "work").symlink_to(executors)
    return home


class SparkCluster:
    """Starts a driver for each job; executors belong to their driver."""

    def __init__(self, name: str, site: Site) -> None:
        self._name, self._site = name, site
        self._home = make_home(site)
        self._jobs: list[SparkJob] = []

    def submit(self, job: Job) -> SparkJob:
        folder = self._site.directory / job.name
        (folder / "tmp").mkdir(parents=True)
        (folder / "log4j2.properties").write_text(_LOGGING)
        description = folder / "job.json"
        description.write_text(json.dumps(describe(job, self._site, folder)))
        driver = Process(
            f"{self._name}-driver",
            [self._site.python, "-P", "-m", f"{__package__}.job", description],
            self._site.logs / f"{job.name}-driver.log",
            env=environment(self._site, self._home, folder),
            cwd=folder,
            unset=("PYSPARK_SUBMIT_ARGS", "PYSPARK_GATEWAY_PORT", "SPARK_TESTING"),
        )
        running = SparkJob(driver, settings.reported(job))
        self._jobs.append(running)
        return running

    def close(self) -> None:
        for job in self._jobs:
            job.stop()


def describe(job: Job, site: Site, folder: Path) -> dict[str, Any]:
    """What the driver needs to know, as JSON. folder: the driver's own."""
    servers = {"kafka.bootstrap.servers": job.input.location}
    return {
        "query": job.query.to_json(),
        "executors": job.parallelism,
        "session": {**settings.tuning(job), **settings.place(job, site.jars["spark-kafka"], folder / "tmp")},
        "source": {**settings.SOURCE, **servers, "subscribe": job.input.name},
        "sink": {
            "kafka.bootstrap.servers": job.output.location,
            "topic": job.output.name,
            "checkpointLocation": (job.directory / "checkpoint").as_uri(),
        },
        "trigger": settings.trigger(job),
    }


def environment(site: Site, home: Path, folder: Path) -> dict[str, str]:
    """Environment variables of the driver, which its executors inherit."""
    return {
        "PYTHONPATH": str(site.root),
        "PYSPARK_PYTHON": str(site.python),
        "JAVA_HOME": str(site.java_home),
        "SPARK_HOME": str(home),
        "SPARK_CONF_DIR": str(folder),
        "SPARK_LOCAL_DIRS": str(folder / "local"),
        "TMPDIR": str(folder / "tmp"),
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


class SparkJob:
    """A driver that was started."""

    def __init__(self, driver: Process, reported: Mapping[str, str]) -> None:
        self.settings = reported
        self._driver = driver

    def wait_ready(self, timeout_s: float) -> None:
        self._driver.wait_for_line(_READY, timeout_s, "while its query started")

    def processes(self) -> Mapping[Role, list[int]]:
        """Executors are workers; the driver's Python and its JVM are the coordinator.

        Left out are the commands of a moment (chmod, say) that Hadoop's file system runs.
        """
        commands = members(self._driver.pid)
        return {
            "coordinator": [pid for pid, command in commands.items() if pid == self._driver.pid or _DRIVER in command],
            "worker": [pid for pid, command in commands.items() if _EXECUTOR in command],
        }

    def failure(self) -> EngineFailure | None:
        return self._driver.died("while its query ran")

    def stop(self) -> None:
        self._driver.stop()
        # The driver's JVM and the executors are not our children: only their going tells.
        deadline = time.monotonic() + _STOP_S
        while left := members(self._driver.pid):
            if time.monotonic() > deadline:
                raise EngineFailure(
                    f"{self._driver.name}: processes {sorted(left)} are still there {_STOP_S:g} s after SIGKILL; "
                    f"its last lines:\n{tail(self._driver.log)}",
                    str(self._driver.log),
                )
            time.sleep(_POLL_S)
