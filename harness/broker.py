"""The Kafka broker: one real node in KRaft mode and its controller as processes of ours, or one that is there already.

The controller is a process of its own, as in production. Where it dies with the broker, a broker that is started
again takes itself for the leader until its old session has timed out; then its partitions have no leader for a moment.
Kafka 4.3.0 to 4.4.0 drop the markers of transactions that are being ended meanwhile (KAFKA-20734): committed rows stay
hidden and group offsets pending for ever.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from engines.failure import Failure
from engines.ports import reserved
from engines.process import Process, tail
from engines.protocol import EngineFailure
from harness.broker_answer import unanswered
from harness.failure import TrialFailure, as_trial_failure
from harness.host import own
from harness.provisioning.folders import lacking_space

JARS = "kafka"
"""The jar set (harness/provisioning/jars.toml) that a Broker runs from."""

JAVA = 17
"""The lowest JDK feature version that Kafka's broker runs on."""

OFFSETS_TOPIC = "__consumer_offsets"
"""Where a broker keeps the offsets that groups commit."""

OFFSETS_PARTITIONS = 4
"""Of that topic, on a broker of ours."""

_FORMAT_S = 60.0
_START_S = 120.0
_FENCE_S = 60.0
_STOP_S = 15.0
_PORT_TRIES = 3
_PORT_TAKEN = "Address already in use"
_STARTED = "Kafka Server started"
_FENCED = r"Fencing broker 1 at epoch(?![\s\S]*The request from broker 1 to unfence has been granted)"
"""In the controller's log: the broker's session has timed out, and no other has begun since."""

_SPACE = 1_000_000_000
"""Bytes that must be free before it starts: the topics of a suite's longest case and the logs beside them."""

# Of two cores the broker should take little: the serial collector needs no threads of its own, and a small heap keeps
# its pauses short. The records themselves are in the page cache, not in the heap.
_JVM = ("-XX:+UseSerialGC", "-Djava.net.preferIPv4Stack=true")
_BROKER_HEAP = "-Xmx512m"
_CONTROLLER_HEAP = "-Xmx128m"
_LOGGING = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
    "-Dorg.slf4j.simpleLogger.logFile=System.out",
)

_SETTINGS: Mapping[str, str] = {
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "HARNESS:PLAINTEXT,ENGINES:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    # One node cannot replicate.
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Fewer partitions of the internal topics start faster; one machine's clients do not need more.
    "offsets.topic.num.partitions": str(OFFSETS_PARTITIONS),
    "transaction.state.log.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    # Nothing is deleted or refused for its time: a trial's closing events lie minutes ahead.
    "log.retention.ms": "-1",
    "log.message.timestamp.after.max.ms": str(2**63 - 1),
    "transaction.max.timeout.ms": "3600000",
}


class KafkaBroker(Protocol):
    """A broker to use, ours or not: bootstrap addresses HOST:PORT for the harness and for engines."""

    @property
    def harness_address(self) -> str: ...

    @property
    def engine_address(self) -> str: ...

    @property
    def pids(self) -> list[int]:
        """The broker's and its controller's; none where they are not ours to watch."""
        ...

    def failure(self) -> TrialFailure | None:
        """Why it no longer runs, or None while it does (or where that cannot be known)."""
        ...

    def stop(self) -> None:
        """End it if it is ours, and remove its data. May be called twice."""
        ...


class Broker:
    """A single broker with two listeners for clients, and its controller, on loopback only."""

    def __init__(
        self,
        directory: Path,
        logs: Path,
        java_home: Path,
        jars: Sequence[Path],
        harness_port: int | None = None,
        engine_port: int | None = None,
        advertised_port: int | None = None,
    ) -> None:
        """directory: its own, for settings and data. logs: gets broker.log and controller.log.

        Ports that are not given are free ones. advertised_port: where engines are told to connect, if that is a
        proxy's and not the listener's own.
        """
        self._directory = directory
        self._log, self._controller_log = logs / "broker.log", logs / "controller.log"
        self._java, self._jars = java_home / "bin" / "java", jars
        self._wanted = (harness_port, engine_port)
        self._harness_port = self._engine_port = 0
        self._advertised_port, self._starts = advertised_port, 0
        self._process: Process | None = None
        self._controller: Process | None = None

    def start(self) -> None:
        """Format storage, start, and return once both listeners answer a metadata request.

        Raises TrialFailure (with the last log lines) if it does not come up, Problem if there is no disk space.
        """
        lack = lacking_space(self._directory, _SPACE)
        if lack:
            raise lack
        for tries_left in reversed(range(_PORT_TRIES)):
            try:
                self._start_once()
                return
            except TrialFailure as failure:
                self.stop()
                if not tries_left or any(self._wanted) or _PORT_TAKEN not in failure.what:
                    raise
            except BaseException:
                self.stop()
                raise

    @property
    def harness_address(self) -> str:
        return f"127.0.0.1:{self._harness_port}"

    @property
    def engine_address(self) -> str:
        return f"127.0.0.1:{self._advertised_port or self._engine_port}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in (self._process, self._controller) if process]

    def restart(self) -> None:
        """Start the dead broker again on its data and ports; returns once it answers. Raises TrialFailure.

        Not before its session has timed out at the controller, 9 s after its death: until then it would be refused.
        """
        if self._process is None or self._controller is None:
            raise TrialFailure("Kafka's broker cannot be started again: it was never started", str(self._log))
        self._process.kill()
        with as_trial_failure():
            self._controller.wait_for_line(_FENCED, _FENCE_S, "after the broker's death")
        self._starts += 1
        # A log of its own: what the one before said must not be taken for an answer.
        self._log = self._log.with_name(f"broker-{self._starts}.log")
        self._await_answers(self._run_broker())

    def failure(self) -> TrialFailure | None:
        for process in (self._controller, self._process):
            dead = process.died("while it was needed") if process else None
            if dead:
                return _explained(dead)
        return None

    def stop(self) -> None:
        # The broker first: it takes its leave of the controller.
        for process in (self._process, self._controller):
            if process:
                process.stop(_STOP_S)
        self._process = self._controller = None
        for folder in (self.data, self._controller_data, self._temporary):
            shutil.rmtree(folder, ignore_errors=True)

    def _start_once(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        for log in (self._log, self._controller_log):
            log.unlink(missing_ok=True)
        with as_trial_failure("Kafka "), reserved(*self._wanted, None) as ports:
            self._harness_port, self._engine_port, controller_port = ports
            self._make_storage(controller_port)
        self._controller = self._run("controller", _CONTROLLER_HEAP, self._controller_settings, self._controller_log)
        broker = self._run_broker()
        _await_start(self._controller)
        self._await_answers(broker)

    def _run_broker(self) -> Process:
        self._process = self._run("broker", _BROKER_HEAP, self._settings_file, self._log)
        return self._process

    def _run(self, part: str, heap: str, settings: Path, log: Path) -> Process:
        with as_trial_failure():
            process = Process(f"Kafka's {part}", self._command(heap, "kafka.Kafka", str(settings)), log)
        own.register(process.pid)
        return process

    def _await_answers(self, broker: Process) -> None:
        _await_start(broker)
        for address in (self.harness_address, self.engine_address):
            error = unanswered(address)
            if error:
                raise TrialFailure(f"Kafka's broker does not answer at {address}: {error}", str(self._log))

    @property
    def data(self) -> Path:
        """Where it keeps its topics, a folder NAME-PARTITION each."""
        return self._directory / "data"

    @property
    def _controller_data(self) -> Path:
        return self._directory / "controller"

    @property
    def _temporary(self) -> Path:
        return self._directory / "tmp"

    @property
    def _settings_file(self) -> Path:
        return self._directory / "server.properties"

    @property
    def _controller_settings(self) -> Path:
        return self._directory / "controller.properties"

    def _make_storage(self, controller_port: int) -> None:
        """Write both processes' settings and make their storage folders."""
        self._temporary.mkdir(parents=True, exist_ok=True)
        harness = f"HARNESS://{self.harness_address}"
        common = {**_SETTINGS, "controller.quorum.voters": f"2@127.0.0.1:{controller_port}"}
        broker = {
            **common,
            "process.roles": "broker",
            "node.id": "1",
            "listeners": f"{harness},ENGINES://127.0.0.1:{self._engine_port}",
            "advertised.listeners": f"{harness},ENGINES://{self.engine_address}",
            "inter.broker.listener.name": "HARNESS",
            "log.dirs": str(self.data),
        }
        controller = {
            **common,
            "process.roles": "controller",
            "node.id": "2",
            "listeners": f"CONTROLLER://127.0.0.1:{controller_port}",
            "log.dirs": str(self._controller_data),
        }
        cluster = cluster_id(uuid.uuid4())
        self._format(self._controller_settings, controller, cluster, self._controller_log)
        self._format(self._settings_file, broker, cluster, self._log)

    def _format(self, file: Path, settings: Mapping[str, str], cluster: str, log: Path) -> None:
        """Write one process's settings and make its storage folder with Kafka's StorageTool."""
        shutil.rmtree(settings["log.dirs"], ignore_errors=True)
        file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        with log.open("ab") as out:
            try:
                code = subprocess.run(
                    self._command(
                        _CONTROLLER_HEAP, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(file)
                    ),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    timeout=_FORMAT_S,
                    check=False,
                ).returncode
            except (OSError, subprocess.TimeoutExpired) as error:
                raise TrialFailure(f"Kafka's storage folder could not be made: {error}", str(log)) from error
        if code:
            raise _explained(
                TrialFailure(f"Kafka's StorageTool ended with exit code {code}; last lines:\n{tail(log)}", str(log))
            )

    def _command(self, heap: str, main: str, *arguments: str) -> list[str]:
        # The native parts of zstd and snappy are unpacked into a folder that goes with the broker.
        temporary = f"-Djava.io.tmpdir={self._temporary}"
        path = os.pathsep.join(str(jar) for jar in self._jars)
        return [str(self._java), heap, *_JVM, *_LOGGING, temporary, "-cp", path, main, *arguments]


def cluster_id(number: uuid.UUID) -> str:
    """A cluster id as Kafka writes them; one that began with - would be taken for an option by StorageTool."""
    return "A" + base64.urlsafe_b64encode(number.bytes).decode().rstrip("=")[1:]


def _await_start(process: Process) -> None:
    """Until Kafka says that it runs. Raises TrialFailure."""
    try:
        process.wait_for_line(_STARTED, _START_S, "while starting")
    except EngineFailure as failure:
        raise _explained(failure) from failure


def _explained(failure: Failure) -> TrialFailure:
    """A failure with the first error in its log that has an exception, which is the cause of those after it."""
    log = Path(failure.where).read_text(errors="replace")
    cause = re.search(r" ERROR .*\n[\w.$]+(?:Exception|Error): (.+)$", log, re.MULTILINE)
    why = f"Kafka's broker failed: {cause[1]}\n" if cause else ""
    return TrialFailure(f"{why}{failure.what}", failure.where)
