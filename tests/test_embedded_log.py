"""The embedded log keeps what it was given, in order, whoever dies, and shows nothing before it is committed."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.logs import connect
from engines.logs.embedded import LENGTHS, LINES, EmbeddedLog, FrameReader, pack, unpack
from engines.logs.protocol import Chunk, LogFailure

ROOT = Path(__file__).parents[1]


@pytest.fixture
def log(tmp_path: Path) -> EmbeddedLog:
    made = EmbeddedLog(tmp_path)
    made.create("events", 3)
    return made


def values_in(chunks: list[Chunk], partition: int) -> list[bytes]:
    return [value for chunk in chunks if chunk.partition == partition for value in chunk.values]


def read_all(log: EmbeddedLog, topic: str = "events", partitions: int = 3) -> list[Chunk]:
    reader = log.reader(topic, partitions)
    chunks: list[Chunk] = []
    while some := reader.poll(0):
        chunks += some
    reader.close()
    return chunks


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=30))
def test_any_bytes_come_back_as_they_were(records: list[bytes]):
    layout, blob = pack(records)
    assert layout == (LENGTHS if any(b"\n" in record for record in records) else LINES)
    assert unpack(layout, blob, len(records)) == records


@pytest.mark.parametrize(
    ("layout", "blob", "count"),
    [(LINES, b"a\nb", 3), (LENGTHS, b"\1\0\0\0ab", 1), (LENGTHS, b"\1\0", 1), (7, b"abcd", 1)],
)
def test_a_frame_that_does_not_hold_its_records_is_a_failure(layout: int, blob: bytes, count: int):
    with pytest.raises(LogFailure) as caught:
        unpack(layout, blob, count)
    assert "damaged" in caught.value.remedy


def test_records_are_read_by_partition_in_order_with_offsets_from_zero(log: EmbeddedLog):
    writer = log.writer("events")
    before_ms = time.time_ns() // 1_000_000
    writer.write(1, [b"k", b"k"], [b"first", b"second\n\0"])
    writer.write(0, [b"j"], [b"other"])
    writer.write(1, [b"k"], [b"third"])
    writer.close()
    chunks = read_all(log)
    assert values_in(chunks, 1) == [b"first", b"second\n\0", b"third"]
    assert [offset for chunk in chunks if chunk.partition == 1 for offset in chunk.offsets] == [0, 1, 2]
    assert values_in(chunks, 0) == [b"other"]
    times = [time_ms for chunk in chunks for time_ms in chunk.times_ms]
    assert len(times) == 4
    assert all(before_ms <= time_ms <= time.time_ns() // 1_000_000 for time_ms in times)
    assert log.end_offsets("events", 3, "read_committed") == [1, 3, 0]


def test_a_large_write_is_read_back_whole(log: EmbeddedLog):
    values = [b"%d" % i for i in range(50_000)]
    writer = log.writer("events")
    writer.write(2, [b"k"] * len(values), values)
    writer.close()
    assert values_in(read_all(log), 2) == values


def test_a_transaction_is_seen_by_nobody_until_it_is_committed(log: EmbeddedLog):
    writer = log.writer("events", "t")
    reader = log.reader("events", 3, "read_uncommitted")
    writer.begin()
    writer.write(0, [b"k"], [b"v"])
    assert reader.poll(0.05) == []
    assert log.end_offsets("events", 3, "read_uncommitted") == [0, 0, 0]
    writer.commit(5)
    assert values_in(reader.poll(5), 0) == [b"v"]
    writer.begin()
    writer.write(0, [b"k"], [b"gone"])
    writer.abort(5)
    writer.write(0, [b"k"], [b"after"])
    assert values_in(reader.poll(5), 0) == [b"after"]
    assert log.end_offsets("events", 3, "read_committed") == [2, 0, 0]
    writer.close()
    reader.close()


def test_a_writer_killed_in_a_transaction_leaves_nothing_of_it(log: EmbeddedLog):
    script = (
        "import sys; from engines.logs import connect; w = connect(sys.argv[1], 'embedded').writer('events', 't')\n"
        "w.write(0, [b'k'], [b'kept']); w.begin()\n"
        "for _ in range(200): w.write(0, [b'k'] * 1000, [b'x' * 100] * 1000)\n"
        "print('written', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, log.address], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"written\n"
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        assert log.end_offsets("events", 3, "read_committed") == [1, 0, 0]
        writer = log.writer("events")
        writer.write(0, [b"k"], [b"next"])
        writer.close()
    assert values_in(read_all(log), 0) == [b"kept", b"next"]


def test_writers_in_several_processes_lose_nothing_of_each_other(log: EmbeddedLog):
    script = (
        "import sys; from engines.logs import connect; w = connect(sys.argv[1], 'embedded').writer('events', 't')\n"
        "for i in range(100):\n"
        "    if i % 10 == 0: w.begin()\n"
        "    w.write(i % 3, [b'k'], [b'%s-%d' % (sys.argv[2].encode(), i)])\n"
        "    if i % 10 == 4: w.commit(30)\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", script, log.address, str(number)], cwd=ROOT) for number in range(3)
    ]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    chunks = read_all(log)
    for partition in range(3):
        values = values_in(chunks, partition)
        for number in range(3):
            mine = [value for value in values if value.startswith(b"%d-" % number)]
            assert mine == [b"%d-%d" % (number, i) for i in range(100) if i % 3 == partition]
    assert sum(log.end_offsets("events", 3, "read_committed")) == 300


def test_a_waiting_reader_hears_of_a_write_and_costs_nothing_meanwhile(log: EmbeddedLog):
    reader = log.reader("events", 3)
    writer = log.writer("events")
    spent = time.thread_time()
    assert reader.poll(0.5) == []
    assert time.thread_time() - spent < 0.05
    later = threading.Timer(0.2, lambda: writer.write(0, [b"k"], [b"v"]))
    began = time.monotonic()
    later.start()
    chunks = reader.poll(20)
    assert values_in(chunks, 0) == [b"v"]
    assert time.monotonic() - began < 10
    later.join()
    writer.close()
    reader.close()


def test_a_reader_without_inotify_hears_too(log: EmbeddedLog, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("engines.logs.bell.ctypes.CDLL", lambda *_, **__: object())
    reader = log.reader("events", 3)
    later = threading.Timer(0.1, lambda: log.writer("events").write(0, [b"k"], [b"v"]))
    later.start()
    assert values_in(reader.poll(20), 0) == [b"v"]
    later.join()
    reader.close()


def test_a_topic_is_made_once_and_whole(log: EmbeddedLog):
    with pytest.raises(LogFailure, match="exists already"):
        log.create("events", 3)
    with pytest.raises(LogFailure, match="is no topic name"):
        log.create("../events", 3)
    with pytest.raises(LogFailure, match="cannot have 0 partitions"):
        log.create("none", 0)
    # What a creator left that died half way.
    (log.address / "other.new").write_bytes(b"half a file")
    log.create("other", 1)
    assert read_all(log, "other", 1) == []


def test_wrong_use_is_a_failure_that_says_what_to_do(log: EmbeddedLog):
    with pytest.raises(LogFailure, match="topic nothing does not exist"):
        log.writer("nothing")
    with pytest.raises(LogFailure, match="topic nothing does not exist"):
        log.reader("nothing", 1)
    writer = log.writer("events")
    with pytest.raises(LogFailure, match="partition 3 does not exist") as caught:
        writer.write(3, [b"k"], [b"v"])
    assert caught.value.remedy == "use one of 0 to 2"
    with pytest.raises(LogFailure, match="1 keys for 2 values"):
        writer.write(0, [b"k"], [b"v", b"v"])
    with pytest.raises(LogFailure, match="no transactions"):
        writer.begin()
    assert log.end_offsets("events", 3, "read_committed") == [0, 0, 0]
    writer.close()


def test_a_missing_frame_is_a_failure_and_no_gap(log: EmbeddedLog):
    writer = log.writer("events")
    for number in range(3):
        writer.write(0, [b"k"], [b"%d" % number])
    writer.close()
    with sqlite3.connect(log.path("events")) as file:
        file.execute("DELETE FROM frames WHERE first = 1")
    file.close()
    reader = log.reader("events", 3)
    with pytest.raises(LogFailure, match="goes on at offset 2 instead of 1"):
        reader.poll(0)
    reader.close()


def test_a_file_that_is_no_log_is_a_failure(log: EmbeddedLog):
    log.path("noise").write_bytes(b"no database" * 1000)
    with pytest.raises(LogFailure, match="not a database"):
        log.writer("noise")


def test_a_frame_reader_goes_on_where_it_is_told(log: EmbeddedLog):
    writer = log.writer("events")
    for number in range(4):
        writer.write(number % 2, [b"k"] * 2, [b"a", b"%d" % number])
    reader = FrameReader(log.path("events"), {1: 2})
    assert [(frame.partition, frame.first, frame.values()) for frame in reader.poll(0)] == [(1, 2, [b"a", b"3"])]
    writer.close()
    reader.close()


def test_connect_gives_the_kind_that_is_asked_for(tmp_path: Path):
    assert isinstance(connect(tmp_path, "embedded"), EmbeddedLog)
