"""The broker is a real Kafka on loopback, which starts or says why not, and leaves nothing."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from harness import broker as module
from harness import broker_answer
from harness.broker import Broker, cluster_id
from harness.doctor import prepare_broker
from harness.failure import TrialFailure
from harness.foreign_kafka.foreign_broker import existing
from harness.problem import ExitCode, Problem
from harness.provisioning.progress import Lines
from tests.waiting import wait_until

HOUR_MS = 3_600_000


@pytest.fixture
def taken() -> Iterator[int]:
    """A loopback port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def make(tmp_path: Path):
    """A broker that was not started yet; stopped at the end in any case."""
    java, jars = prepare_broker(Lines())
    made = []

    def build(**ports: int) -> Broker:
        made.append(Broker(tmp_path / "broker", tmp_path / "logs", java.home, jars, **ports))
        return made[-1]

    yield build
    for each in made:
        each.stop()


@pytest.mark.parametrize("address", ["localhost", "localhost:", ":9092", "localhost:kafka", "localhost:0", "a:70000"])
def test_what_is_no_address_is_refused_with_an_example(address: str):
    with pytest.raises(Problem, match="this is not a broker's address") as caught:
        existing(address)
    assert caught.value.exit_code == ExitCode.USAGE
    assert "HOST:PORT" in caught.value.remedy


def test_an_address_where_no_broker_answers_is_a_problem_within_the_bound(taken: int, monkeypatch, capfd):
    monkeypatch.setattr(broker_answer, "ANSWER_S", 0.3)
    with pytest.raises(Problem, match=f"no Kafka broker answers at 127.0.0.1:{taken}") as caught:
        existing(f"127.0.0.1:{taken}")
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    assert "0.3 s" in caught.value.where
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("which", ["harness_port", "engine_port"])
def test_a_given_port_in_use_is_named_before_anything_is_started(tmp_path: Path, taken: int, which: str):
    broker = Broker(tmp_path / "broker", tmp_path / "logs", Path("/no/java"), [], **{which: taken})
    with pytest.raises(TrialFailure, match=f"cannot use port {taken}: Address already in use") as caught:
        broker.start()
    assert caught.value.remedy
    assert broker.pid is None


def test_a_full_disk_is_told_before_anything_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000))
    with pytest.raises(Problem, match="no disk space"):
        Broker(tmp_path / "broker", tmp_path / "logs", Path("/no/java"), []).start()


def test_a_tool_that_fails_is_told_with_its_last_words(tmp_path: Path):
    java = tmp_path / "jdk/bin/java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/bin/sh\necho 'Error: Unable to initialize main class'\nexit 1\n")
    java.chmod(0o755)
    with pytest.raises(TrialFailure, match="StorageTool ended with exit code 1") as caught:
        Broker(tmp_path / "broker", tmp_path / "logs", tmp_path / "jdk", []).start()
    assert "Unable to initialize main class" in caught.value.what
    assert caught.value.where == str(tmp_path / "logs/controller.log")


def test_the_first_error_in_the_log_is_the_cause(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text(
        "12:00 [x] INFO a.B - quick RejectedExecutionException: harmless\n"
        "12:00 [x] ERROR a.B - Failed to append\njava.io.IOException: No space left on device\n\tat a.B\n"
        "12:00 [x] ERROR a.B - Shutting down\njava.lang.RuntimeException: all log dirs have failed\n"
    )
    assert (
        module._explained(TrialFailure("it ended", str(log))).what
        == "Kafka's broker failed: No space left on device\nit ended"
    )
    log.write_text("12:00 [x] INFO a.B - fine\n")
    assert module._explained(TrialFailure("it ended", str(log))).what == "it ended"


@pytest.mark.java
def test_a_real_broker_serves_both_listeners_on_loopback_and_leaves_nothing(tmp_path: Path, make):
    broker = make()
    broker.start()
    assert broker.harness_address != broker.engine_address
    assert broker.failure() is None
    processes = [psutil.Process(pid) for pid in broker.pids]
    connections = [connection for process in processes for connection in process.net_connections()]
    listening = {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}
    assert listening == {"127.0.0.1"}

    same = existing(broker.harness_address)
    assert (same.harness_address, same.engine_address, same.pids) == (broker.harness_address,) * 2 + ([],)
    same.stop()
    assert all(process.is_running() for process in processes)

    admin = AdminClient({"bootstrap.servers": broker.harness_address})
    admin.create_topics([NewTopic("topic", 2, 1)])["topic"].result(30)
    # An event time far ahead is kept, and a transaction through one listener is read through the other.
    at = int(time.time() * 1000) + 48 * HOUR_MS
    writer = Producer({"bootstrap.servers": broker.harness_address, "transactional.id": "t"})
    writer.init_transactions(30)
    writer.begin_transaction()
    writer.produce("topic", b"value", partition=1, timestamp=at)
    writer.commit_transaction(30)
    reader = Consumer(
        {
            "bootstrap.servers": broker.engine_address,
            "group.id": "g",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    reader.subscribe(["topic"])
    message = reader.poll(30)
    assert message is not None
    assert (message.error(), message.value(), message.timestamp()[1]) == (None, b"value", at)
    reader.close()

    # Topics are made on purpose only.
    failed: list[KafkaError] = []
    plain = Producer({"bootstrap.servers": broker.harness_address, "message.timeout.ms": 3000})
    plain.produce("unheard-of", b"x", on_delivery=lambda error, _: failed.append(error))
    plain.flush(10)
    assert failed[0] is not None

    broker.stop()
    broker.stop()
    assert not any(process.is_running() for process in processes)
    left = {path.name for path in (tmp_path / "broker").iterdir()}
    assert left == {"controller.properties", "server.properties"}


@pytest.mark.java
def test_a_free_port_that_was_taken_meanwhile_is_replaced(make, taken: int, monkeypatch: pytest.MonkeyPatch):
    reserve, tries = module.reserved, []

    @contextmanager
    def robbed_once(*ports: int | None) -> Iterator[list[int]]:
        with reserve(*ports) as found:
            tries.append(found)
            yield [taken, *found[1:]] if len(tries) == 1 else found

    monkeypatch.setattr(module, "reserved", robbed_once)
    broker = make()
    broker.start()
    assert len(tries) == 2
    assert broker.harness_address == f"127.0.0.1:{tries[1][0]}"


@pytest.mark.java
def test_a_broker_that_dies_says_so_with_its_log(tmp_path: Path, make):
    broker = make()
    broker.start()
    os.kill(broker.pid, signal.SIGKILL)
    failure = wait_until(broker.failure, awaited="its death to be seen")
    assert "was ended by SIGKILL" in failure.what
    assert "Kafka Server started" in failure.what
    assert failure.where == str(tmp_path / "logs/broker.log")


@pytest.mark.java
def test_a_broker_that_is_started_again_has_its_data_and_leads_on_no_old_session(tmp_path: Path, make):
    broker = make()
    broker.start()
    admin = AdminClient({"bootstrap.servers": broker.harness_address})
    admin.create_topics([NewTopic("topic", 1, 1)])["topic"].result(30)
    writer = Producer({"bootstrap.servers": broker.harness_address, "transactional.id": "t"})
    writer.init_transactions(30)
    writer.begin_transaction()
    writer.produce("topic", b"value")
    writer.commit_transaction(30)
    before, controller = broker.pids
    os.kill(before, signal.SIGKILL)

    broker.restart()

    after, still = broker.pids
    assert (after != before, still) == (True, controller)
    reader = Consumer({"bootstrap.servers": broker.harness_address, "group.id": "g", "auto.offset.reset": "earliest"})
    reader.subscribe(["topic"])
    message = reader.poll(30)
    assert message is not None
    assert (message.error(), message.value()) == (None, b"value")
    reader.close()
    # Elected before its session is a new one, it would drop the markers of transactions that were being ended.
    log = (tmp_path / "logs/broker-1.log").read_text()
    assert "DUPLICATE_BROKER_REGISTRATION" not in log
    assert log.count("Elected as the txn coordinator for partition 0") == 1


def test_a_cluster_id_is_never_taken_for_an_option():
    number = uuid.UUID(bytes=bytes([0b11111000] + [0] * 15))  # Its first six bits are the digit "-".
    assert base64.urlsafe_b64encode(number.bytes).startswith(b"-")
    assert not cluster_id(number).startswith("-")
    assert len(cluster_id(number)) == 22
