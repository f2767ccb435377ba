"""Spark clusters: drivers, each with the executors that it starts, which run jobs for as long as they live."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from engines.configuration import values
from engines.process import Process
from engines.protocol import EngineFailure, Job, Site

from . import settings
from .loopback import agent
from .running import SparkJob
from .session import members
from .status import PLAN

_POLL_S = 0.05

NEVER_AT_MOST_ONCE = "Structured Streaming always runs a batch that it did not finish again"

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


class Driver:
    """A driver that was started, and its end of the pipe that tells it what to do."""

    def __init__(self, name: str, site: Site, home: Path, number: int, job: Job) -> None:
        """job: says how large the driver's cluster is, and in which mode it runs."""
        folder = site.directory / f"driver-{number}"
        (folder / "tmp").mkdir(parents=True)
        (folder / "log4j2.properties").write_text(_LOGGING)
        session, commands = folder / "session.json", folder / "commands"
        chosen = values(settings.session(job)) | settings.place(name, site.jars["spark-kafka"], folder / "tmp")
        if job.mode == settings.REAL_TIME:
            chosen["spark.executor.extraJavaOptions"] += f' -javaagent:"{agent(site, home)}"'
        session.write_text(json.dumps({"executors": job.workers, "settings": chosen}))
        os.mkfifo(commands)
        # Open for reading as well: so neither side waits for the other to open it.
        self._commands = os.open(commands, os.O_RDWR | os.O_NONBLOCK)
        self.process = Process(
            f"{name}-driver",
            [site.python, "-P", "-m", f"{__package__}.driver", session, commands],
            site.logs / f"{name}-driver-{number}.log",
            env=environment(site, home, folder),
            cwd=folder,
            unset=("PYSPARK_SUBMIT_ARGS", "PYSPARK_GATEWAY_PORT", "SPARK_TESTING"),
        )

    def tell(self, command: str, folder: Path) -> None:
        """Raises EngineFailure if the driver takes no more."""
        try:
            os.write(self._commands, json.dumps({command: str(folder)}).encode() + b"\n")
        except BlockingIOError as error:
            raise EngineFailure(
                f"{self.process.name} does not read what it is told to do", str(self.process.log)
            ) from error

    def close(self) -> None:
        """End the driver and its executors. May be called twice."""
        self.process.stop()
        if self._commands >= 0:
            os.close(self._commands)
            self._commands = -1
        # Its JVM and the executors.
        self.process.wait_for_descendants(lambda: members(self.process.pid))


def open_here(name: str, site: Site) -> SparkCluster:
    """Raises EngineFailure for an address: only a cluster started here can be run on."""
    if site.address is not None:
        raise EngineFailure(
            f"{name} cannot use the cluster at {site.address}",
            remedy="leave the address out: a driver and its executors are started here",
        )
    return SparkCluster(name, site)


class SparkCluster:
    """One driver for each set of settings that jobs ask for, started with the first of them; a new one if it died."""

    def __init__(self, name: str, site: Site) -> None:
        self._name, self._site = name, site
        self._home = make_home(site)
        self._drivers: dict[tuple[tuple[str, str], ...], Driver] = {}
        self._started, self._submitted = 0, 0

    def submit(self, job: Job) -> SparkJob:
        """Raises EngineFailure for a guarantee that there is no way to run with."""
        if job.guarantee == "at-most-once":
            raise EngineFailure(f"{self._name} cannot run a job at most once: {NEVER_AT_MOST_ONCE}")
        driver = self._driver(job)
        self._submitted += 1
        folder = self._site.directory / f"{job.name}-{self._submitted}"
        folder.mkdir()
        (folder / "job.json").write_text(json.dumps(describe(job)))
        driver.tell("start", folder)
        return SparkJob(driver, folder, values(settings.reported(job)), job.directory / "checkpoint")

    def plan(self, job: Job, timeout_s: float) -> str:
        """The plans that Spark's own `explain` prints of the query. Nothing runs, and no log is asked."""
        driver = self._driver(job)
        folder = self._site.directory / f"{job.name}-explained"
        folder.mkdir()
        (folder / "job.json").write_text(json.dumps(describe(job)))
        driver.tell("explain", folder)
        plan, deadline = folder / PLAN, time.monotonic() + timeout_s
        while not plan.exists():
            if (dead := driver.process.died("while it explained the query")) is not None:
                raise dead
            if time.monotonic() > deadline:
                raise EngineFailure(f"Spark did not explain the query within {timeout_s:g} s", str(driver.process.log))
            time.sleep(_POLL_S)
        return plan.read_text()

    def close(self) -> None:
        for driver in self._drivers.values():
            driver.close()

    def _driver(self, job: Job) -> Driver:
        wanted = tuple(sorted(values(settings.session(job)).items()))
        known = self._drivers.get(wanted)
        if known is not None:
            if known.process.exit_code is None:
                return known
            known.close()
        self._started += 1
        self._drivers[wanted] = Driver(self._name, self._site, self._home, self._started, job)
        return self._drivers[wanted]


def describe(job: Job) -> dict[str, Any]:
    """What the driver needs to know of a job, as JSON."""
    return {
        "query": job.query.to_json(),
        "mode": job.mode,
        "source": {
            **values(settings.source(job)),
            "kafka.bootstrap.servers": job.input.address,
            "subscribe": job.input.name,
        },
        "sink": {
            "kafka.bootstrap.servers": job.output.address,
            "topic": job.output.name,
            "checkpointLocation": (job.directory / "checkpoint").as_uri(),
        },
        "trigger": settings.trigger(job),
        "output_mode": settings.output_mode(job),
        "name": job.name,
        "producer": settings.producer(job),
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
