"""A Kafka that is not ours (`--kafka`): reached or refused before a run begins, used, and left as it was found."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    NewTopic,
)

from engines.logs import connect, kafka
from engines.logs.protocol import LogFailure
from harness import broker, broker_answer, cli
from harness.broker import Broker
from harness.broker_answer import Unanswered
from harness.doctor import prepare_broker
from harness.foreign_kafka import foreign_broker
from harness.foreign_kafka.foreign_broker import existing
from harness.foreign_kafka.run_topics import FILE
from harness.foreign_kafka.topic_admin import TopicAdmin
from harness.host.warden import marked
from harness.problem import ExitCode, Problem
from harness.provisioning.progress import Lines
from results.history import DamagedHistory, History
from tests.test_interruption import END_S, SUITE
from tests.waiting import wait_until

SMALL = SUITE.replace('measured = "2s"', 'measured = "1s"')
RUN_S = 180.0


# The one client: both families of addresses, and the cause of a silence.


@contextmanager
def counting(host: str, family: socket.AddressFamily) -> Iterator[tuple[int, socket.socket]]:
    """A port that is listened on, and says nothing."""
    try:
        server = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip(f"this machine has no {host}")
    with server:
        server.settimeout(5.0)
        yield server.getsockname()[1], server


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_the_check_and_the_work_reach_the_same_addresses(
    host: str, family: socket.AddressFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_answer, "ANSWER_S", 0.5)
    monkeypatch.setattr(kafka, "_REQUEST_S", 0.5)
    with counting(host, family) as (port, server):
        address = f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"
        with pytest.raises(Problem, match="no Kafka broker answers"):
            existing(address)
        server.accept()[0].close()
        with pytest.raises(LogFailure):
            connect(address, "kafka").writer("events")
        server.accept()[0].close()


def test_why_nothing_answers_is_said(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(broker_answer, "ANSWER_S", 1.0)
    with pytest.raises(Problem) as caught:
        existing("no-such-host.invalid:9092")
    assert "no-such-host.invalid" in caught.value.what.partition(": ")[2]
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Problem, match=r"(?i)connect.*refused"):
        existing(f"127.0.0.1:{port}")
    assert capfd.readouterr().err == ""


# What the brokers answer.


class MadeUpCaller:
    """A cluster of two brokers, with settings, or an error in place of them."""

    def __init__(self, answers: dict[int, Any]) -> None:
        self._answers = answers
        self.admin = self

    def metadata(self) -> Any:
        there = {number: SimpleNamespace(host=f"kafka-{number}", port=9092) for number in self._answers}
        return SimpleNamespace(brokers=there, topics={})

    def describe_configs(self, resources: list[ConfigResource], request_timeout: float) -> dict[Any, Future[Any]]:
        assert request_timeout > 0
        (resource,) = resources
        answer, told = Future[Any](), self._answers[int(resource.name)]
        if isinstance(told, BaseException):
            answer.set_exception(told)
        else:
            answer.set_result({name: SimpleNamespace(value=value) for name, value in told.items()})
        return {resource: answer}

    def why(self, error: Exception) -> str:
        return str(error)


def made_up(monkeypatch: pytest.MonkeyPatch, answers: dict[int, Any]) -> None:
    monkeypatch.setattr(foreign_broker, "Caller", lambda _: MadeUpCaller(answers))


def test_the_settings_of_every_broker_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(monkeypatch, {1: {"message.max.bytes": "5", "ssl.key": None}, 2: {"message.max.bytes": "6"}})
    found = existing(" a:1, b:2")
    assert found.address == "a:1,b:2"
    assert found.cluster.brokers == 2
    assert found.cluster.settings == {"message.max.bytes": ("5", "6")}


def test_a_broker_that_is_not_where_the_cluster_says_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(monkeypatch, {1: {}, 2: KafkaException(KafkaError(KafkaError._TRANSPORT))})
    with pytest.raises(Problem, match="a broker of this Kafka does not answer") as caught:
        existing("a:1")
    assert "broker 2" in caught.value.where
    assert "kafka-2:9092" in caught.value.where
    assert "advertised.listeners" in caught.value.remedy


def test_settings_that_may_not_be_read_are_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(monkeypatch, {1: KafkaException(KafkaError(KafkaError.CLUSTER_AUTHORIZATION_FAILED))})
    with pytest.raises(Problem, match=r"settings of this Kafka cannot be read: the cluster's access rules \(ACL\)"):
        existing("a:1")


# A run that never reached it.


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SMALL)
    monkeypatch.setattr("harness.host.surroundings.LOOK_S", 0.01)
    return tmp_path


def asked(address: str, *more: str) -> list[str]:
    return ["run", "small.toml", "-e", "continuous", "--kafka", address, *more]


def test_a_run_that_never_reached_its_broker_leaves_no_folder(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def silent(_: object) -> Any:
        raise Unanswered("nobody is there")

    monkeypatch.setattr(broker_answer.Caller, "metadata", silent)
    assert cli.execute(asked("127.0.0.1:1")) == ExitCode.ENVIRONMENT
    told = capsys.readouterr().err
    assert "the run ended early before anything was run; nothing is kept" in told
    assert "error: no Kafka broker answers at 127.0.0.1:1: nobody is there" in told
    assert "--resume" not in told
    assert list((place / "runs").iterdir()) == []
    assert cli.execute(["judge", "latest"]) == ExitCode.USAGE


def test_neither_does_one_that_was_interrupted_before(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(broker_answer.Caller, "metadata", interrupt)
    assert cli.execute(asked("127.0.0.1:1")) == ExitCode.INTERRUPTED
    assert list((place / "runs").iterdir()) == []


@pytest.mark.parametrize("address", ["localhost", "::1:9092", "a:1,,b:2", "a:0", ""])
def test_an_address_that_is_none_ends_with_2_and_makes_nothing(
    place: Path, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    assert cli.execute(asked(address)) == ExitCode.USAGE
    assert "option --kafka" in capsys.readouterr().err
    assert not (place / "runs").exists()


def test_topics_are_kept_of_a_named_broker_only(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.execute(["run", "small.toml", "-e", "continuous", "--keep-topics"]) == ExitCode.USAGE
    assert "--keep-topics is about a broker that is not ours" in capsys.readouterr().err
    assert not (place / "runs").exists()


# A real one, which belongs to somebody else.


OURS = (
    "auto.create.topics.enable",
    "log.retention.ms",
    "log.message.timestamp.after.max.ms",
    "transaction.max.timeout.ms",
)
"""What a broker of ours is told, and one that is as Kafka is by itself is not."""


@contextmanager
def started_node(folder: Path, kind: type[Broker] = Broker, **settings: str) -> Iterator[Broker]:
    """A broker as Kafka is by itself, but for these settings, with _ for each dot."""
    with pytest.MonkeyPatch.context() as patched:
        own = {name: value for name, value in broker._SETTINGS.items() if name not in OURS}
        own |= {name.replace("_", "."): value for name, value in settings.items()}
        patched.setattr(broker, "_SETTINGS", own)
        patched.setattr(broker, "_JVM", [word for word in broker._JVM if "preferIPv4Stack" not in word])
        java, jars = prepare_broker(Lines())
        node = kind(folder / "node", folder / "logs", java.home, jars)
        node.start()
    try:
        yield node
    finally:
        node.stop()


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Kafka that has a topic and a group of its user's."""
    with started_node(tmp_path_factory.mktemp("theirs")) as node:
        address = node.harness_address
        admin = AdminClient({"bootstrap.servers": address})
        admin.create_topics([NewTopic("orders", 1, 1)])["orders"].result(30)
        writer = Producer({"bootstrap.servers": address})
        writer.produce("orders", b"mine")
        assert writer.flush(30) == 0
        reader = Consumer({"bootstrap.servers": address, "group.id": "billing"})
        reader.commit(offsets=[TopicPartition("orders", 0, 1)], asynchronous=False)
        reader.close()
        yield address


@pytest.fixture
def untouched(theirs: str) -> Iterator[str]:
    """The same, and afterwards nothing is there that was not before."""
    before = TopicAdmin(theirs).names()
    yield theirs
    after = TopicAdmin(theirs).names()
    internal = {"__consumer_offsets", "__transaction_state"}
    assert (after.topics - internal, after.groups) == (before.topics - internal, before.groups)
    assert {"orders"} <= after.topics
    assert {"billing"} <= after.groups


def started(*words: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "harness.cli", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def ended(child: subprocess.Popen[bytes], timeout_s: float = RUN_S) -> tuple[int, str, str]:
    try:
        out, err = child.communicate(timeout=timeout_s)
    finally:
        child.kill()
    return child.returncode, out.decode(), err.decode()


def only_run(place: Path) -> Path:
    (run,) = (place / "runs").iterdir()
    return run


def marks(place: Path) -> set[str]:
    try:
        (trial,) = (only_run(place) / "cases").iterdir()
        return {mark.mark for mark in History(trial).marks}
    except (OSError, ValueError, DamagedHistory):
        return set()


@pytest.mark.java
def test_topics_are_made_used_and_deleted_and_the_result_says_how(place: Path, untouched: str) -> None:
    code, out, err = ended(started(*asked(untouched)))
    assert code == 0, err + out
    assert re.search(r"deleted what the run made: 2 topics and \d consumer groups?\n", out), out
    assert "kafka: 1 broker, not ours; topics with 1 replica of a partition" in out
    (case, *_) = json.loads((only_run(place) / "result.json").read_text())["cases"]
    assert case["outcome"] == "pass"
    told = case["asked"]["broker"]
    assert (told["brokers"], told["replication"]) == (1, 1)
    assert told["settings"]["message.timestamp.type"] == "LogAppendTime"
    assert told["cluster"]["auto.create.topics.enable"] == "true"
    (prefix,) = json.loads((only_run(place) / FILE).read_text())["prefixes"]
    assert re.fullmatch("sg-[0-9a-f]{16}-", prefix)


@pytest.mark.java
def test_what_kafka_streams_makes_for_itself_goes_too(place: Path, untouched: str) -> None:
    # Kafka by itself refuses records whose time lies far ahead of its clock.
    assert existing(untouched).cluster.settings["log.message.timestamp.after.max.ms"] == ("3600000",)
    code, out, err = ended(started("run", "small.toml", "-e", "kafka-streams", "--kafka", untouched))
    assert code == 0, err + out
    (case, *_) = json.loads((only_run(place) / "result.json").read_text())["cases"]
    assert case["outcome"] == "pass"
    assert case["settings"]["topic.message.timestamp.after.max.ms"] == str(2**63 - 1)
    found = re.search(r"deleted what the run made: (\d+) topics", out)
    assert found is not None, out
    assert int(found[1]) > 2


@pytest.mark.java
def test_kept_topics_stay_until_the_command_that_is_printed(place: Path, untouched: str) -> None:
    code, _, err = ended(started(*asked(untouched, "--keep-topics", "--format", "json")))
    assert code == 0, err
    (prefix,) = json.loads((only_run(place) / FILE).read_text())["prefixes"]
    admin = TopicAdmin(untouched)
    kept = admin.names().within([prefix])
    assert len(kept.topics) == 2
    assert f"stay, as asked. To delete them: kafka-topics.sh --bootstrap-server {untouched} --delete" in err
    assert f"--topic '{prefix}.*'" in err
    assert admin.delete(kept) == {}
    wait_until(lambda: not admin.names().within([prefix]), END_S, "the topics to go")


@pytest.mark.java
@pytest.mark.parametrize("moment", ["phase-begin", "closing"])
def test_an_interrupted_run_leaves_nothing_on_it(place: Path, untouched: str, moment: str) -> None:
    child = started(*asked(untouched))
    wait_until(lambda: moment in marks(place) or child.poll() is not None, RUN_S, moment)
    child.send_signal(signal.SIGINT)
    code, out, err = ended(child)
    assert code == ExitCode.INTERRUPTED, err
    assert "deleted what the run made" in out
    assert "--resume" in err


@pytest.mark.java
def test_a_killed_run_goes_on_and_leaves_nothing_of_its_cut_off_trial(place: Path, untouched: str) -> None:
    child = started(*asked(untouched))
    wait_until(lambda: "closing" in marks(place) or child.poll() is not None, RUN_S, "results to be awaited")
    os.kill(child.pid, signal.SIGKILL)
    ended(child)
    run = only_run(place)
    wait_until(lambda: not marked(run.name), END_S, "every process of the run to end")
    (before,) = json.loads((run / FILE).read_text())["prefixes"]
    assert TopicAdmin(untouched).names().within([before]).topics
    code, out, err = ended(started("run", "--resume", str(run)))
    assert code == 0, err + out
    assert "deleted what an earlier part of this run left: 2 topics" in out
    earlier, later = json.loads((run / FILE).read_text())["prefixes"]
    assert earlier == before != later
    assert not TopicAdmin(untouched).names().within([earlier, later])


@pytest.mark.java
def test_a_cluster_on_which_a_run_could_not_be_right_is_refused_with_every_reason(place: Path) -> None:
    wrong = {"min_insync_replicas": "2", "message_max_bytes": "1000", "delete_topic_enable": "false"}
    with started_node(place, **wrong) as node:
        code, _, err = ended(started(*asked(node.harness_address)))
        assert TopicAdmin(node.harness_address).names().topics == set()
    assert code == ExitCode.ENVIRONMENT, err
    assert "a run on this Kafka could not be right:" in err
    for why in ("min.insync.replicas is 2", "message.max.bytes is 1000", "delete.topic.enable is false"):
        assert why in err
    assert list((place / "runs").iterdir()) == []


class OfSix(Broker):
    """A broker whose listener for the harness has an IPv6 address only."""

    @property
    def harness_address(self) -> str:
        return f"[::1]:{self._harness_port}"


@pytest.mark.java
def test_a_kafka_with_an_ipv6_address_only_is_used(place: Path) -> None:
    with counting("::1", socket.AF_INET6):
        pass
    with started_node(place, OfSix) as node:
        code, out, err = ended(started(*asked(node.harness_address)))
    assert code == 0, err + out
    (case, *_) = json.loads((only_run(place) / "result.json").read_text())["cases"]
    assert case["outcome"] == "pass"
