"""The Kafka log against a real broker: nothing is lost unseen, and transactions are all or nothing."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.logs import connect
from engines.logs import kafka as module
from engines.logs.kafka import GroupOffsets, GroupOnlooker, KafkaLog
from engines.logs.protocol import Chunk, LogFailure, Reader
from harness.broker import Broker
from harness.doctor import prepare_broker
from harness.provisioning.progress import Lines
from tests.waiting import wait_until

pytestmark = pytest.mark.java

PARTITIONS = 3
WAIT_S = 20.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    java, jars = prepare_broker(Lines())
    folder: Path = tmp_path_factory.mktemp("broker")
    broker = Broker(folder / "node", folder / "logs", java.home, jars)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="module")
def log(broker: Broker) -> KafkaLog:
    made = connect(broker.harness_address, "kafka")
    assert isinstance(made, KafkaLog)
    return made


@pytest.fixture
def topic(log: KafkaLog) -> str:
    name = f"topic-{uuid.uuid4().hex[:8]}"
    log.create(name, PARTITIONS)
    return name


def read(reader: Reader, count: int, wait_s: float = WAIT_S) -> list[Chunk]:
    """Chunks with at least `count` records, or what came in time."""
    chunks: list[Chunk] = []
    deadline = time.monotonic() + wait_s
    while sum(len(chunk.values) for chunk in chunks) < count and time.monotonic() < deadline:
        chunks += reader.poll(0.2)
    return chunks


def values_in(chunks: list[Chunk], partition: int) -> list[bytes]:
    return [value for chunk in chunks if chunk.partition == partition for value in chunk.values]


def test_records_are_read_by_partition_in_order_as_they_were_written(log: KafkaLog, topic: str):
    writer = log.writer(topic)
    before_ms = time.time_ns() // 1_000_000
    writer.write(1, [b"k", b""], [b"first\n\0", b""])
    writer.write(0, [b"j"], [b"other"])
    writer.write(1, [b"k"], [b"third"])
    writer.flush(WAIT_S)
    reader = log.reader(topic, PARTITIONS)
    chunks = read(reader, 4)
    assert values_in(chunks, 1) == [b"first\n\0", b"", b"third"]
    assert [offset for chunk in chunks if chunk.partition == 1 for offset in chunk.offsets] == [0, 1, 2]
    assert values_in(chunks, 0) == [b"other"]
    # The broker's append time, not the client's: see `create`.
    times = [time_ms for chunk in chunks for time_ms in chunk.times_ms]
    assert all(before_ms <= time_ms <= time.time_ns() // 1_000_000 for time_ms in times)
    assert log.end_offsets(topic, PARTITIONS, "read_committed") == [1, 3, 0]
    reader.close()
    writer.close()


def test_a_transaction_is_seen_by_readers_of_committed_records_once_it_is_committed(log: KafkaLog, topic: str):
    committed, uncommitted = log.reader(topic, PARTITIONS), log.reader(topic, PARTITIONS, "read_uncommitted")
    writer = log.writer(topic, f"{topic}-writer")
    writer.begin()
    writer.write(2, [b"k"], [b"v"])
    writer.flush(WAIT_S)
    assert values_in(read(uncommitted, 1), 2) == [b"v"]
    assert committed.poll(0.3) == []
    assert log.end_offsets(topic, PARTITIONS, "read_committed") == [0, 0, 0]
    assert log.end_offsets(topic, PARTITIONS, "read_uncommitted") == [0, 0, 1]
    writer.commit(WAIT_S)
    assert values_in(read(committed, 1), 2) == [b"v"]
    writer.begin()
    writer.write(2, [b"k"], [b"undone"])
    writer.abort(WAIT_S)
    writer.begin()
    writer.write(2, [b"k"], [b"last"])
    writer.commit(WAIT_S)
    assert values_in(read(committed, 1), 2) == [b"last"]
    ends = log.end_offsets(topic, PARTITIONS, "read_committed")
    assert ends == log.end_offsets(topic, PARTITIONS, "read_uncommitted")
    for one in (writer, committed, uncommitted):
        one.close()


def test_a_writer_with_the_same_transactional_id_fences_the_one_before(log: KafkaLog, topic: str):
    first = log.writer(topic, f"{topic}-writer")
    first.begin()
    first.write(0, [b"k"], [b"zombie"])
    second = log.writer(topic, f"{topic}-writer")
    with pytest.raises(LogFailure, match="fenced"):
        first.commit(WAIT_S)
    second.begin()
    second.write(0, [b"k"], [b"rightful"])
    second.commit(WAIT_S)
    reader = log.reader(topic, PARTITIONS)
    assert values_in(read(reader, 1), 0) == [b"rightful"]
    for one in (first, second, reader):
        one.close()


def test_a_full_buffer_is_waited_for_and_nothing_is_lost_or_moved(
    log: KafkaLog, topic: str, monkeypatch: pytest.MonkeyPatch
):
    settings = module.writer_settings
    monkeypatch.setattr(
        module, "writer_settings", lambda *args: settings(*args) | {"queue.buffering.max.messages": 100}
    )
    writer = log.writer(topic)
    values = [b"%d" % number for number in range(5_000)]
    writer.write(1, [b"k"] * len(values), values)
    writer.flush(WAIT_S)
    reader = log.reader(topic, PARTITIONS)
    assert values_in(read(reader, len(values)), 1) == values
    writer.close()
    reader.close()


def test_a_buffer_that_stays_full_is_a_failure(topic: str, log: KafkaLog, monkeypatch: pytest.MonkeyPatch):
    settings = module.writer_settings
    stuck = {"queue.buffering.max.messages": 10, "linger.ms": 50_000, "batch.num.messages": 1_000}
    monkeypatch.setattr(module, "writer_settings", lambda *args: settings(*args) | stuck)
    monkeypatch.setattr(module, "_ROOM_S", 0.5)
    writer = log.writer(topic)
    with pytest.raises(LogFailure, match=f"buffer for topic {topic} stayed full for 0.5 s"):
        writer.write(0, [b"k"] * 30, [b"v"] * 30)
    writer.close()


def test_a_flush_that_runs_out_of_time_is_a_failure(broker: Broker, topic: str, log: KafkaLog):
    assert broker.pid is not None
    writer = log.writer(topic)
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        writer.write(0, [b"k"] * 3, [b"v"] * 3)
        with pytest.raises(LogFailure, match=f"3 records for topic {topic} were not acknowledged within"):
            writer.flush(0.3)
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    writer.flush(WAIT_S)
    assert log.end_offsets(topic, PARTITIONS, "read_committed") == [3, 0, 0]
    writer.close()


def test_a_writer_with_an_open_transaction_is_let_go_although_no_broker_answers(
    broker: Broker, topic: str, log: KafkaLog, monkeypatch: pytest.MonkeyPatch
):
    assert broker.pid is not None
    monkeypatch.setattr(module, "_CLOSE_S", 0.3)
    writer = log.writer(topic, f"id-{topic}")
    writer.begin()
    writer.write(0, [b"k"], [b"v"])
    writer.flush(WAIT_S)
    closing = threading.Thread(target=writer.close, daemon=True)
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        closing.start()
        closing.join(WAIT_S)
        assert not closing.is_alive()
    finally:
        os.kill(broker.pid, signal.SIGCONT)
    # Its successor ends what it left open.
    log.writer(topic, f"id-{topic}").close()
    committed, written = (log.end_offsets(topic, PARTITIONS, each) for each in ("read_committed", "read_uncommitted"))
    assert committed == written


def test_what_a_broker_refuses_shows_at_the_flush(log: KafkaLog, topic: str, monkeypatch: pytest.MonkeyPatch):
    settings = module.writer_settings
    large = {"message.max.bytes": 10_000_000}
    monkeypatch.setattr(module, "writer_settings", lambda *args: settings(*args) | large)
    writer = log.writer(topic)
    writer.write(0, [b"k", b"k"], [b"x" * 3_000_000, b"x" * 3_000_000])
    with pytest.raises(LogFailure, match=r"2 records for topic .* were refused: .*too large"):
        writer.flush(WAIT_S)
    writer.write(0, [b"k"], [b"fine"])
    writer.flush(WAIT_S)
    assert log.end_offsets(topic, PARTITIONS, "read_committed") == [1, 0, 0]
    writer.close()


def test_wrong_use_is_a_failure(log: KafkaLog, topic: str):
    with pytest.raises(LogFailure, match="is there already, and it is not ours"):
        log.create(topic, PARTITIONS)
    with pytest.raises(LogFailure, match="creating topic"):
        log.create("no such name!", PARTITIONS)
    writer = log.writer(topic)
    with pytest.raises(LogFailure, match="1 keys for 2 values"):
        writer.write(0, [b"k"], [b"v", b"v"])
    with pytest.raises(LogFailure, match="Unknown partition"):
        writer.write(PARTITIONS, [b"k"], [b"v"])
    with pytest.raises(LogFailure, match="opening a transaction"):
        writer.begin()
    writer.close()


def test_no_broker_is_a_failure_within_the_bound(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_REQUEST_S", 0.5)
    log = connect("127.0.0.1:9", "kafka")
    with pytest.raises(LogFailure, match="opening a writer of topic events failed") as caught:
        log.writer("events")
    assert caught.value.where == "127.0.0.1:9"
    with pytest.raises(LogFailure, match="opening a writer of topic events failed"):
        log.writer("events", "transactional")
    with pytest.raises(LogFailure, match="creating topic events failed"):
        log.create("events", 1)
    with pytest.raises(LogFailure, match="end offsets"):
        log.end_offsets("events", 1, "read_committed")


def test_a_waiting_reader_hears_of_a_record_long_before_its_time_is_up(log: KafkaLog, topic: str):
    reader, writer = log.reader(topic, PARTITIONS), log.writer(topic)
    later = threading.Timer(0.3, lambda: writer.write(0, [b"k"], [b"v"]))
    later.start()
    began = time.monotonic()
    assert values_in(reader.poll(WAIT_S), 0) == [b"v"]
    assert time.monotonic() - began < WAIT_S / 2
    later.join()
    writer.close()
    reader.close()


def test_offsets_are_committed_with_their_metadata_outside_and_inside_a_transaction(log: KafkaLog, topic: str):
    offsets = GroupOffsets(log.bootstrap, topic, f"{topic}-group")
    assert offsets.committed([0, 1]) == {}
    offsets.commit({0: (7, "epoch=1")})
    assert offsets.committed([0, 1]) == {0: (7, "epoch=1")}
    writer = log.writer(topic, f"{topic}-writer")
    writer.begin()
    offsets.commit_in(writer, {0: (8, "epoch=2"), 1: (3, "epoch=1")}, WAIT_S)
    writer.abort(WAIT_S)
    assert offsets.committed([0, 1]) == {0: (7, "epoch=1")}
    writer.begin()
    offsets.commit_in(writer, {0: (9, "epoch=3"), 1: (4, "epoch=2")}, WAIT_S)
    writer.commit(WAIT_S)
    assert offsets.committed([0, 1]) == {0: (9, "epoch=3"), 1: (4, "epoch=2")}
    writer.close()
    offsets.close()


def test_an_onlooker_sees_what_was_committed_and_never_waits_for_an_open_transaction(log: KafkaLog, topic: str):
    group = f"{topic}-group"
    offsets, onlooker = (
        GroupOffsets(log.bootstrap, topic, group),
        GroupOnlooker(log.bootstrap, topic, PARTITIONS, group),
    )
    offsets.commit({0: (7, "")})
    writer = log.writer(topic, f"{topic}-writer")
    writer.begin()
    offsets.commit_in(writer, {0: (9, ""), 1: (4, "")}, WAIT_S)
    assert onlooker.committed() == {0: 7}
    writer.commit(WAIT_S)
    wait_until(lambda: onlooker.committed() == {0: 9, 1: 4}, WAIT_S, onlooker.committed)
    for one in (writer, offsets, onlooker):
        one.close()
