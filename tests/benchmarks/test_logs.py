"""What the logs cost a record, in CPU of the client's process, and how soon a reader hears of a write."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.logs import connect
from engines.logs.protocol import Log
from harness.broker import Broker
from harness.doctor import prepare_broker
from harness.provisioning.progress import Lines

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[2]
RECORDS = 400_000
VALUE = b'{"id":123456,"check":1234567890,"sensor":"sensor-0001","time":1795500000000,"temperature":25000}'
WRITES = 500

ECHO = """
import sys, time
from engines.logs import connect
reader = connect(sys.argv[1], sys.argv[2]).reader(sys.argv[3], 4)
print("ready", flush=True)
seen = 0
while seen < int(sys.argv[4]):
    for chunk in reader.poll(5):
        now = time.monotonic_ns()
        seen += len(chunk.values)
        for value in chunk.values:
            print(now - int(value), flush=True)
print(time.process_time())
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    java, jars = prepare_broker(Lines())
    folder = tmp_path_factory.mktemp("broker")
    node = Broker(folder / "node", folder / "logs", java.home, jars)
    node.start()
    yield node.harness_address
    node.stop()


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.java)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Location and kind of a log."""
    return str(tmp_path) if request.param == "embedded" else request.getfixturevalue("broker"), request.param


def fresh_topic(log: Log) -> str:
    name = f"topic-{uuid.uuid4().hex[:8]}"
    log.create(name, 4)
    return name


def test_cpu_of_writing_and_reading_a_record(benchmark, place):
    log = connect(*place)
    keys, values = [b"sensor-0001"] * 5_000, [VALUE] * 5_000
    written, read = [], []

    def once() -> None:
        topic = fresh_topic(log)
        writer = log.writer(topic, f"{topic}-load", linger_ms=50)
        began = time.process_time()
        writer.begin()
        for number in range(RECORDS // len(values)):
            writer.write(number % 4, keys, values)
        writer.commit(60)
        written.append((time.process_time() - began) / RECORDS * 1e6)
        writer.close()
        reader = log.reader(topic, 4)
        began, seen = time.process_time(), 0
        while seen < RECORDS:
            chunks = reader.poll(10)
            assert chunks
            seen += sum(len(chunk.values) for chunk in chunks)
        read.append((time.process_time() - began) / RECORDS * 1e6)
        reader.close()

    benchmark.pedantic(once, rounds=5)
    benchmark.extra_info |= {
        "writing, CPU us a record": round(statistics.median(written), 2),
        "reading, CPU us a record": round(statistics.median(read), 2),
    }
    print(place[1], benchmark.extra_info)  # noqa: T201


def test_delay_between_a_write_and_another_process_that_waits_for_it(benchmark, place):
    log = connect(*place)
    topic = fresh_topic(log)
    with subprocess.Popen(
        [sys.executable, "-c", ECHO, *place, topic, str(4 + WRITES)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "ready\n"
        writer = log.writer(topic, linger_ms=0)

        def write(number: int) -> None:
            writer.write(number % 4, [b"k"], [b"%d" % time.monotonic_ns()])
            writer.flush(10)

        def write_all() -> None:
            for number in range(WRITES):
                write(number)
                time.sleep(0.005)

        # A reader's first records come late, while it still looks for the brokers.
        for number in range(4):
            write(number)
            assert int(reader.stdout.readline()) > 0
        benchmark.pedantic(write_all, rounds=1)
        delays = sorted(int(reader.stdout.readline()) / 1e6 for _ in range(WRITES))
        cpu_s = float(reader.stdout.readline())
        writer.close()
    benchmark.extra_info |= {
        "delay in ms, p50": round(delays[WRITES // 2], 2),
        "p99": round(delays[WRITES * 99 // 100], 2),
        "reader's CPU in all, s": round(cpu_s, 2),
    }
    print(place[1], benchmark.extra_info)  # noqa: T201
    assert delays[0] > 0
