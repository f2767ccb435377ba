"""The Kafka broker: one real node in KRaft mode as a process of ours, or one that is there already."""

from __future__ import annotations

import base64
import os
import re
import shutil
import socket
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from engines.process import Process, tail
from engines.protocol import EngineFailure
from harness.problem import ExitCode, Problem
from harness.provisioning.store import lacking_space

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
_STOP_S = 15.0
_ANSWER_S = 10.0
_PORT_TRIES = 3
_PORT_TAKEN = "Address already in use"

_SPACE = 1_000_000_000
"""Bytes that must be free before it starts: the topics of a suite's longest case and the logs beside them."""

# Of two cores the broker should take little: the serial collector needs no threads of its own, and a small heap keeps
# its pauses short. The records themselves are in the page cache, not in the heap.
_JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-Djava.net.preferIPv4Stack=true")
_LOGGING = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
    "-Dorg.slf4j.simpleLogger.logFile=System.out",
)

_SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "HARNESS",
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
    def pid(self) -> int | None:
        """None where the process is not ours to watch."""
        ...

    def failure(self) -> EngineFailure | None:
        """Why it no longer runs, or None while it does (or where that cannot be known)."""
        ...

    def stop(self) -> None:
        """End it if it is ours, and remove its data. May be called twice."""
        ...


class Broker:
    """A single node with a controller in it and two listeners for clients, on loopback only."""

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
        """directory: its own, for settings and data. logs: gets broker.log. Ports that are not given are free ones.

        advertised_port: where engines are told to connect, if that is a proxy's and not the listener's own.
        """
        self._directory, self._log = directory, logs / "broker.log"
        self._java, self._jars = java_home / "bin" / "java", jars
        self._wanted = (harness_port, engine_port)
        self._harness_port = self._engine_port = 0
        self._advertised_port, self._starts = advertised_port, 0
        self._process: Process | None = None

    def start(self) -> None:
        """Format storage, start, and return once both listeners answer a metadata request.

        Raises EngineFailure (with the last log lines) if it does not come up, Problem if there is no disk space.
        """
        lack = lacking_space(self._directory, _SPACE)
        if lack:
            raise lack
        for tries_left in reversed(range(_PORT_TRIES)):
            try:
                self._start_once()
                return
            except EngineFailure as failure:
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

    def restart(self) -> None:
        """Start the dead broker again on its data and ports; returns once it answers. Raises EngineFailure."""
        if self._process is None:
            raise EngineFailure("Kafka's broker cannot be started again: it was never started", str(self._log))
        self._process.kill()
        self._starts += 1
        # A log of its own: what the one before said must not be taken for an answer.
        self._log = self._log.with_name(f"broker-{self._starts}.log")
        self._run()

    def failure(self) -> EngineFailure | None:
        dead = self._process.died("while it was needed") if self._process else None
        return _explained(dead.what, self._log) if dead else None

    def stop(self) -> None:
        if self._process:
            self._process.stop(_STOP_S)
            self._process = None
        for folder in (self.data, self._temporary):
            shutil.rmtree(folder, ignore_errors=True)

    def _start_once(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.unlink(missing_ok=True)
        with _reserved(*self._wanted, None) as ports:
            self._harness_port, self._engine_port, controller_port = ports
            self._format(controller_port)
        self._run()

    def _run(self) -> None:
        self._process = Process("Kafka's broker", self._command("kafka.Kafka", str(self._settings_file)), self._log)
        try:
            self._process.wait_for_line("Kafka Server started", _START_S, "while starting")
        except EngineFailure as failure:
            raise _explained(failure.what, self._log) from failure
        for address in (self.harness_address, self.engine_address):
            error = _unanswered(address)
            if error:
                raise EngineFailure(f"Kafka's broker does not answer at {address}: {error}", str(self._log))

    @property
    def data(self) -> Path:
        """Where it keeps its topics, a folder NAME-PARTITION each."""
        return self._directory / "data"

    @property
    def _temporary(self) -> Path:
        return self._directory / "tmp"

    @property
    def _settings_file(self) -> Path:
        return self._directory / "server.properties"

    def _format(self, controller_port: int) -> None:
        """Write the settings and make the storage folder with Kafka's StorageTool."""
        shutil.rmtree(self.data, ignore_errors=True)
        self._temporary.mkdir(parents=True, exist_ok=True)
        harness = f"HARNESS://{self.harness_address}"
        settings = {
            **_SETTINGS,
            "listeners": f"{harness},ENGINES://127.0.0.1:{self._engine_port},CONTROLLER://127.0.0.1:{controller_port}",
            "advertised.listeners": f"{harness},ENGINES://{self.engine_address}",
            "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
            "log.dirs": str(self.data),
        }
        self._settings_file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        cluster = cluster_id(uuid.uuid4())
        with self._log.open("ab") as out:
            try:
                code = subprocess.run(
                    self._command("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(self._settings_file)),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    timeout=_FORMAT_S,
                    check=False,
                ).returncode
            except (OSError, subprocess.TimeoutExpired) as error:
                raise EngineFailure(f"Kafka's storage folder could not be made: {error}", str(self._log)) from error
        if code:
            raise _explained(
                f"Kafka's StorageTool ended with exit code {code}; last lines:\n{tail(self._log)}", self._log
            )

    def _command(self, main: str, *arguments: str) -> list[str]:
        # The native parts of zstd and snappy are unpacked into a folder that goes with the broker.
        path = os.pathsep.join(str(jar) for jar in self._jars)
        return [str(self._java), *_JVM, *_LOGGING, f"-Djava.io.tmpdir={self._temporary}", "-cp", path, main, *arguments]


def cluster_id(number: uuid.UUID) -> str:
    """A cluster id as Kafka writes them; one that began with - would be taken for an option by StorageTool."""
    return "A" + base64.urlsafe_b64encode(number.bytes).decode().rstrip("=")[1:]


@dataclass(frozen=True)
class ExistingBroker:
    """A broker that somebody else runs; the harness and engines share its one address."""

    address: str

    @property
    def harness_address(self) -> str:
        return self.address

    @property
    def engine_address(self) -> str:
        return self.address

    @property
    def pid(self) -> None:
        return None

    def failure(self) -> None:
        return None

    def stop(self) -> None:
        return


def existing(address: str) -> ExistingBroker:
    """The broker at HOST:PORT, once it answered. Raises Problem if the address is none or nothing answers in 10 s."""
    host, _, port = address.rpartition(":")
    if not (host and port.isdecimal() and 0 < int(port) < 2**16):
        raise Problem(
            f"{address!r} is not a broker's address", "", "give HOST:PORT, such as localhost:9092", ExitCode.USAGE
        )
    error = _unanswered(address)
    if error:
        raise Problem(
            f"no Kafka broker answers at {address}: {error}",
            f"waited {_ANSWER_S:g} s for its metadata",
            "start it, or leave out the address and one is started here",
        )
    return ExistingBroker(address)


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with _reserved(None) as ports:
        return ports[0]


@contextmanager
def _reserved(*ports: int | None) -> Iterator[list[int]]:
    """Loopback ports, free ones for None, that nobody else gets meanwhile. Raises EngineFailure for one in use."""
    with ExitStack() as stack:
        found = []
        for port in ports:
            held = stack.enter_context(socket.socket())
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                held.bind(("127.0.0.1", port or 0))
            except OSError as error:
                raise EngineFailure(
                    f"Kafka's broker cannot use port {port}: {error.strerror}",
                    f"127.0.0.1:{port}",
                    "end what uses it, or give another port",
                ) from error
            found.append(held.getsockname()[1])
        yield found


def _unanswered(address: str) -> str | None:
    """Why a metadata request got no answer in time, or None if it got one."""
    # librdkafka's own log would go to standard error.
    client = AdminClient({"bootstrap.servers": address, "log_level": 0, "error_cb": _ignore})
    try:
        client.list_topics(timeout=_ANSWER_S)
    except KafkaException as error:
        return str(error.args[0].str())
    return None


def _ignore(_error: object) -> None:
    """The failure of the request itself says what matters."""


def _explained(what: str, log: Path) -> EngineFailure:
    """A failure with the first error in the log that has an exception, which is the cause of those after it."""
    cause = re.search(r" ERROR .*\n[\w.$]+(?:Exception|Error): (.+)$", log.read_text(errors="replace"), re.MULTILINE)
    why = f"Kafka's broker failed: {cause[1]}\n" if cause else ""
    return EngineFailure(f"{why}{what}", str(log))
